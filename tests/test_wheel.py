"""The wheel, unpacked into a folder of its own and used from an empty one: nothing of the clone is needed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from hcl_arch.commands.options.files import offered
from hcl_arch.plugin.retired_modules import MOVED
from tests.conftest import REPOSITORY
from tests.docs.workplace import entry_points


@pytest.fixture(scope='module')
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this tree."""
    folder = tmp_path_factory.mktemp('wheel')
    source = folder / 'source'
    shutil.copytree(REPOSITORY / 'hcl_arch', source / 'hcl_arch', ignore=shutil.ignore_patterns('__pycache__'))
    for name in ('options', 'datasets_prep'):
        shutil.copytree(REPOSITORY / name, source / name, ignore=shutil.ignore_patterns('__pycache__'))
    for name in ('setup.py', 'pyproject.toml', 'README.md', 'LICENSE'):
        shutil.copy(REPOSITORY / name, source / name)
    options = ['--no-deps', '--no-build-isolation', '--no-index', '--quiet', '--wheel-dir', str(folder)]
    subprocess.run([sys.executable, '-m', 'pip', 'wheel', *options, str(source)], check=True)
    (file,) = folder.glob('*.whl')
    return file


@pytest.fixture(scope='module')
def installed(wheel: Path) -> Path:
    """The folder that the wheel is unpacked into."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(wheel.parent / 'installed')
    return wheel.parent / 'installed'


def run(installed: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, 'PYTHONPATH': str(installed), 'OMP_NUM_THREADS': '1', 'HCL_MODELS': str(folder)}
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_it_has_every_file_of_the_package(wheel: Path) -> None:
    """Styles, scripts, tables, pictures and weights too: setup.py lists them by their endings."""
    files = {path.relative_to(REPOSITORY).as_posix() for path in (REPOSITORY / 'hcl_arch').rglob('*') if path.is_file()}
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if name.startswith('hcl_arch/')}
        metadata = archive.read(next(name for name in archive.namelist() if name.endswith('/METADATA'))).decode()
    clone = {name for name in packed if name.startswith('hcl_arch/clone/')}
    assert packed - clone == {name for name in files if '__pycache__' not in name}
    names = {name.removeprefix('hcl_arch/clone/') for name in clone}
    assert names == {*offered(), 'options/schema.json', *library_of_scripts()}
    assert 'License-Expression: Apache-2.0 AND LicenseRef-hcl-arch-weights\n' in metadata
    assert '](docs/' not in metadata  # links that lead nowhere on the index


def library_of_scripts() -> set[str]:
    return {
        f'datasets_prep/preparation/{path.name}' for path in (REPOSITORY / 'datasets_prep/preparation').glob('*.py')
    }


def test_it_brings_what_a_training_takes(installed: Path, tmp_path: Path) -> None:
    """The option file and the script that `hcl-options` copies out work, without a clone."""
    given = run(installed, tmp_path, '-m', 'hcl_arch.commands.options', 'prepare_images', 'train_hcl_demo.yml')
    assert (given.returncode, given.stderr) == (0, '')
    assert given.stdout == 'datasets_prep/prepare_images.py\noptions/train_hcl_demo.yml\n'
    photographs = tmp_path / 'photos'
    photographs.mkdir()
    for index in range(3):
        shutil.copy(REPOSITORY / 'examples' / 'sample.jpg', photographs / f'{index}.jpg')
    prepared = run(
        installed, tmp_path, 'datasets_prep/prepare_images.py', 'photos', 'datasets/photos', '--workers', '0'
    )
    assert prepared.returncode == 0, prepared.stderr
    file = 'options/train_hcl_demo.yml'
    named = re.findall(r'^ *(dataroot_\w+): (\S+)', (tmp_path / file).read_text(), re.MULTILINE)
    assert named
    for _, folder in named:
        shutil.copytree(tmp_path / 'datasets' / 'photos', tmp_path / folder, dirs_exist_ok=True)
    checked = run(installed, tmp_path, '-m', 'hcl_arch.train', '--check', '-opt', file)
    assert f'hcl-train: no problem found in {file}' in checked.stdout, checked.stderr


@pytest.mark.parametrize('module', MOVED)
def test_what_is_not_in_it_says_where_it_is(module: str, installed: Path, tmp_path: Path) -> None:
    done = run(installed, tmp_path, '-m', module)
    assert done.returncode == 2
    assert done.stderr == f'python -m {module}: error: {MOVED[module]}\n'
    assert (REPOSITORY / 'examples' / 'demo.py').is_file()


def test_what_belongs_to_a_clone_says_so(installed: Path, tmp_path: Path) -> None:
    done = run(installed, tmp_path, '-m', 'hcl_arch.option_checks.schema')
    assert done.returncode == 2
    assert 'expected a clone of the repository' in done.stderr
    assert done.stderr.count('\n') == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize('program', entry_points())
def test_every_program_starts(program: str, installed: Path, tmp_path: Path) -> None:
    module, name = entry_points()[program].split(':')
    code = f'import sys; from {module} import {name}; sys.argv[0] = {program!r}; sys.exit({name}())'
    done = run(installed, tmp_path, '-c', code, '--help')
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f'usage: {program}')


@pytest.mark.slow
def test_it_repairs_with_the_packaged_model(installed: Path, tmp_path: Path) -> None:
    code = (
        'import numpy as np, hcl_arch\n'
        'print(hcl_arch.__file__, hcl_arch.restore(np.zeros((64, 64, 3), np.uint8)).image.shape)'
    )
    done = run(installed, tmp_path, '-c', code)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f'{installed}/hcl_arch/__init__.py (64, 64, 3)\n'
    listed = run(installed, tmp_path, '-m', 'hcl_arch.commands.restore', '--list-models')
    assert 'in the package' in listed.stdout
    assert list(tmp_path.iterdir()) == []
