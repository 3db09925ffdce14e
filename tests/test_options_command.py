"""`hcl-options`: what it lists, what it copies, and that it overwrites nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from hcl_arch.commands.options import files, main
from tests.conftest import REPOSITORY


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The error of a call, which leaves one line."""
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert (out, err.count('\n')) == ('', 1)
    return err.removeprefix('hcl-options: error: ').rstrip('\n')


def test_list_names_every_file_and_says_what_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    lines = dict(line.split('  ', 1) for line in capsys.readouterr().out.splitlines())
    wanted = [*REPOSITORY.glob('options/**/*.yml'), *REPOSITORY.glob('datasets_prep/prepare_*.py')]
    assert sorted(lines) == sorted(path.relative_to(REPOSITORY).as_posix() for path in wanted)
    assert lines['options/train_hcl_places.yml'].strip().startswith('HCL on Places at 256 x 256, with the settings')
    assert lines['datasets_prep/prepare_images.py'].strip().startswith('Prepare a folder of photographs of your own')


@pytest.mark.parametrize('name', ['train_hcl_ffhq', 'train_hcl_ffhq.yml', './options/train/train_hcl_ffhq.yml'])
def test_copy_has_the_place_of_a_clone(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name]) == 0
    copied = Path('options/train/train_hcl_ffhq.yml')
    assert capsys.readouterr().out == f'{copied}\n'
    assert copied.read_bytes() == (REPOSITORY / copied).read_bytes()
    assert Path('options/schema.json').is_file()  # which its first line names, for editors


def test_another_folder_and_the_library_of_a_script() -> None:
    assert main(['prepare_places', 'prepare_ffhq', '-o', 'a/b']) == 0
    assert main(['prepare_images', '-o', 'a/b']) == 0  # whose library is there already
    copied = {path.relative_to('a/b').as_posix() for path in Path('a/b').rglob('*.py')}
    library = {f'datasets_prep/preparation/{path.name}' for path in REPOSITORY.glob('datasets_prep/preparation/*.py')}
    assert copied == {*library, *(f'datasets_prep/prepare_{name}.py' for name in ('places', 'ffhq', 'images'))}


def test_nothing_is_overwritten(capsys: pytest.CaptureFixture[str]) -> None:
    Path('options').mkdir()
    Path('options/train_hcl_demo.yml').write_text('mine')
    message = said(capsys, 'test_hcl_demo', 'train_hcl_demo')
    assert message == 'options/train_hcl_demo.yml is there already, and is left alone; for another folder: -o FOLDER'
    Path('datasets_prep/preparation').mkdir(parents=True)
    Path('datasets_prep/preparation/keys.py').write_text('mine')
    assert said(capsys, 'prepare_images').startswith(
        'datasets_prep/preparation/keys.py is another one than that of this'
    )
    assert {path.read_text() for path in Path().rglob('*.*') if path.is_file()} == {'mine'}


def test_unknown_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, 'train_hcl_place').startswith('there is no file train_hcl_place: did you mean train_hcl_places')
    assert said(capsys, 'zzz') == 'there is no file zzz: hcl-options lists them'
    assert list(Path().iterdir()) == []


def test_place_that_cannot_be_written(capsys: pytest.CaptureFixture[str]) -> None:
    Path('options').touch()
    assert said(capsys, 'train_hcl_demo').startswith('options/schema.json cannot be written: ')


def test_installation_without_them(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, '_ROOTS', (Path('nowhere'),))
    assert said(capsys) == 'there are no option files in nowhere: install hcl-arch again'
