"""The Dockerfile, without Docker: what it copies is there and is enough, and what it starts is understood."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from hcl_arch.commands.app.command import DEFAULT_PORT
from tests.conftest import REPOSITORY
from tests.docs.command_rules import parsed, required_by
from tests.docs.workplace import Call

TEXT = (REPOSITORY / 'Dockerfile').read_text('utf-8')
LINES = [line for line in TEXT.replace('\\\n', '').splitlines() if line and not line.startswith('#')]
IGNORED = (REPOSITORY / '.dockerignore').read_text('utf-8').split()


def arguments_of(instruction: str) -> list[list[str]]:
    return [line.split()[1:] for line in LINES if line.startswith(f'{instruction} ')]


def test_what_it_copies_makes_the_wheel(tmp_path: Path) -> None:
    for *sources, target in arguments_of('COPY'):
        for name in sources:
            assert f'!{name}' in IGNORED
            source = REPOSITORY / name
            place = tmp_path / target / ('' if source.is_dir() else name)
            (shutil.copytree if source.is_dir() else shutil.copy)(source, place)
    assert {line.removeprefix('!') for line in IGNORED if line.startswith('!')} == {
        name for *sources, _ in arguments_of('COPY') for name in sources
    }
    options = ['--no-deps', '--no-build-isolation', '--no-index', '--quiet', '--wheel-dir', str(tmp_path / 'wheel')]
    subprocess.run([sys.executable, '-m', 'pip', 'wheel', *options, str(tmp_path)], check=True)
    with zipfile.ZipFile(next((tmp_path / 'wheel').glob('*.whl'))) as archive:
        names = set(archive.namelist())
    assert {'hcl_arch/weights/small.safetensors', 'hcl_arch/clone/options/train_hcl_places.yml'} <= names


def test_what_it_installs_and_starts() -> None:
    (extra,) = re.findall(r'pip install --no-cache-dir "(\.\[app\])"', TEXT)
    assert required_by(extra) == ['starlette', 'uvicorn']
    (command,) = (json.loads(line.partition(' ')[2]) for line in LINES if line.startswith('CMD '))
    options = parsed(Call(command[0], '', '', command[1:]))
    assert (options['host'], options['port'], options['browser']) == ('0.0.0.0', DEFAULT_PORT, False)
    assert arguments_of('EXPOSE') == [[str(DEFAULT_PORT)]]
    assert arguments_of('USER') == [['visitor']]
    assert 'useradd --create-home visitor' in TEXT


def test_its_python_is_supported() -> None:
    (image,) = arguments_of('FROM')
    version = re.fullmatch(r'python:3\.(\d+)-slim', image[0])
    assert version is not None
    assert 9 <= int(version[1]) < 13


def test_lines_of_its_head_fit_it() -> None:
    build, run = re.findall(r'^#     (docker \S+ .*?)(?:  .*)?$', TEXT, re.MULTILINE)
    assert build == 'docker build -t hcl-app .'
    assert run == f'docker run --rm -p 127.0.0.1:{DEFAULT_PORT}:{DEFAULT_PORT} hcl-app'
    page = (REPOSITORY / 'docs' / 'install.md').read_text('utf-8')
    assert build in page
    assert run in page
