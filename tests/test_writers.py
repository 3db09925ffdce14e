"""Every writer, where its output or a temporary file would be something else than a regular file."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path
from typing import Any, Callable

import numpy as np
import pytest
import torch

from hcl_arch.archs.registry import ARCHS
from hcl_arch.commands import convert, export, options, preview, report, restore
from hcl_arch.model_files import ModelFileError, save_model
from hcl_arch.model_files.hub_layout import write_folder
from hcl_arch.models.validation_scores import write_csv
from hcl_arch.restoration.photographs.photograph import Photograph
from hcl_arch.training.checkpoints import CheckpointError, save_atomically
from hcl_arch.training.run_lock import LOCK_FILE, lock_run
from hcl_arch.training.unreadable_log import UnreadableLog
from hcl_arch.utils.atomic_file import PARTIAL_SUFFIX, atomic_text, open_to_append, partial_name
from hcl_arch.utils.pictures import write_picture
from preparation.items import PreparationError
from preparation.journal import Written
from preparation.record import Plan
from preparation.stores import FolderStore
from preparation.workshop import Workshop
from tests.docs.example_files import write_image
from tests.faults.time_limit import time_limit
from tests.model_files.test_model_files import OPTIONS

Write = Callable[[Path], Any]
PIXELS = np.zeros((8, 8, 3), np.uint8)


def command(main: Callable[..., Any], *arguments: str) -> Write:
    """Let a command write to a place; it ends with a status that is none of success."""

    def write(place: Path) -> None:
        try:
            status = main([text.format(place, place.parent) for text in arguments])
        except SystemExit as end:
            status = end.code
        assert status
        raise OSError('refused')

    return write


# Name -> the output's name, and what writes it. Commands are told to overwrite.
WRITERS: dict[str, tuple[str, Write]] = {
    'hcl-restore': ('photo.jpg', command(restore.main, 'photo.jpg', '-o', '{1}', '--overwrite')),
    'hcl-restore -o FILE': ('x.png', command(restore.main, 'photo.jpg', '-o', '{}', '--overwrite')),
    'hcl-restore --json': ('x.json', command(restore.main, 'photo.jpg', '-o', 'r', '--json', '{}', '--overwrite')),
    'hcl-export': ('x.onnx', command(export.main, 'small', '{}', '--overwrite')),
    'hcl-export .safetensors': ('x.safetensors', command(export.main, 'small', '{}', '--overwrite')),
    'hcl-convert': ('x.pth', command(convert.main, 'photo.jpg', '{}', '--overwrite')),
    'hcl-convert .safetensors': ('x.safetensors', command(convert.main, 'photo.jpg', '{}', '--overwrite')),
    'hcl-options': ('test_hcl_demo.yml', lambda place: copy_options_into(place.parent)),
    'hcl-options, beside': ('schema.json', lambda place: copy_options_into(place.parent)),
    'hcl-report': ('report.md', command(report.main, '.', '--output', '{1}', '--overwrite')),
    'hcl-report, page': ('report.html', command(report.main, '.', '--output', '{1}', '--overwrite')),
    'preview': ('x.png', command(preview.main, '-opt', 'photo.jpg', '-o', '{}')),
    'Photograph.write': ('x.png', lambda place: Photograph(PIXELS).write(place)),
    'save_model': ('x.safetensors', lambda place: save_model(place, {'type': 'HCLNet'}, {'a': torch.zeros(1)}, {})),
    'save_pretrained': ('model.safetensors', lambda place: save_model_into(place.parent)),
    'save_pretrained, configuration': ('config.json', lambda place: save_model_into(place.parent)),
    'checkpoint': ('x.pth', lambda place: save_atomically({'params': {}}, place)),
    'scores of a test': ('x.csv', lambda place: write_csv(place, [{'image': 'a'}])),
    'panel of a test': ('x.png', lambda place: write_picture(PIXELS, place)),
    'unfinished preparation': ('plan.json', lambda place: prepare_in(place.parent)),
    'lock of a preparation': ('lock', lambda place: prepare_in(place.parent)),
    'images of a preparation': ('a.png', lambda place: store_in(place.parent)),
    'lists of a preparation': ('meta_info.txt', lambda place: write_text(place)),
}


def copy_options_into(folder: Path) -> None:
    folder.rename('options')
    try:
        command(options.main, 'test_hcl_demo')(Path())
    finally:
        Path('options').rename(folder)


def save_model_into(folder: Path) -> None:
    network = ARCHS.build({**OPTIONS, 'refiner': ARCHS.build(OPTIONS['refiner'])})
    write_folder(folder, OPTIONS, network.state_dict(), {})


def prepare_in(folder: Path) -> None:
    folder.rename('out.unfinished')
    try:
        Workshop('out', Plan({}, {}, 1, 'x'))
    finally:
        Path('out.unfinished').rename(folder)


def store_in(folder: Path) -> None:
    store = FolderStore(str(folder))
    store.stage(Written('a', '.png', 8, 8, 3, 1), b'1')
    store.commit()


def write_text(place: Path) -> None:
    with atomic_text(place) as file:
        file.write('x')


def make_socket(place: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(place))


def make_device(place: Path) -> None:
    try:
        os.mknod(place, stat.S_IFCHR | 0o666, os.makedev(1, 3))
    except PermissionError:
        pytest.skip('only root makes devices')


KINDS: dict[str, Callable[[Path], Any]] = {
    'pipe': os.mkfifo,
    'socket': make_socket,
    'device': make_device,
    'link': lambda place: place.symlink_to(Path('mine.txt').absolute()),
    'link to nothing': lambda place: place.symlink_to('nowhere'),
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the output; the working directory has a photograph and a file of the user."""
    monkeypatch.chdir(tmp_path)
    write_image('photo.jpg')
    Path('mine.txt').write_text('mine')
    (tmp_path / 'given').mkdir()
    return tmp_path / 'given'


@pytest.mark.skipif(not hasattr(os, 'mkfifo'), reason='the kinds of files of POSIX')
@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('writer', WRITERS)
def test_only_regular_files_are_replaced(writer: str, kind: str, folder: Path) -> None:
    name, write = WRITERS[writer]
    KINDS[kind](folder / name)
    before = os.lstat(folder / name)
    with time_limit(), pytest.raises((OSError, CheckpointError, ModelFileError, PreparationError)):
        write(folder / name)
    after = os.lstat(folder / name)
    assert (after.st_mode, after.st_ino) == (before.st_mode, before.st_ino)
    assert os.listdir(folder) == [name]
    assert Path('mine.txt').read_text() == 'mine'


@pytest.mark.parametrize('kind', ['pipe', 'device'])
def test_logs_wait_for_no_reader(kind: str, folder: Path) -> None:
    KINDS[kind](folder / LOCK_FILE)
    with time_limit():
        lock_run(folder)
        with pytest.raises(OSError, match='a pipe, a device'):
            UnreadableLog(folder / LOCK_FILE, most=1, share=0.1).add('a.png', 'damaged')
        with pytest.raises(OSError, match='a pipe, a device'):
            open_to_append(folder / LOCK_FILE)


def test_logs_follow_links(folder: Path) -> None:
    (folder / 'log').symlink_to(Path('mine.txt').absolute())
    with open_to_append(folder / 'log') as file:
        file.write(' and more')
    assert Path('mine.txt').read_text() == 'mine and more'


def test_temporary_names_are_long_enough_not_to_be_guessed_and_short_enough_for_any_name() -> None:
    names = {partial_name(Path('\N{DIZZY SYMBOL}' * 63)).name for _ in range(100)}
    assert len(names) == 100
    assert all(len(name.encode()) < 255 and name.endswith(PARTIAL_SUFFIX) for name in names)


@pytest.mark.parametrize(
    ('main', 'arguments'),
    [
        (restore.main, ['photo.jpg', '-o', 'x.gif']),
        (restore.main, ['photo.jpg', '-o', 'x.heic']),
        (restore.main, ['photo.jpg', '-o', 'X.CR2']),
        (restore.main, ['photo.jpg', '-o', 'x.txt']),
        (restore.main, ['photo.jpg', 'given/photo.jpg', '-o', 'out.png']),
        (restore.main, ['given', '-o', 'out.png']),
        (restore.main, ['given', '-o', 'deep/out.zip']),
        (export.main, ['small', 'x.gif']),
        (export.main, ['small', 'x']),
        (convert.main, ['photo.jpg', 'x.onnx']),
        (convert.main, ['photo.jpg', 'x.SAFETENSORS']),
        (convert.main, ['photo.jpg', 'x.pth', '--discriminator', 'd.txt']),
        (report.main, ['given', '--output', 'report.html']),
        (preview.main, ['-opt', 'photo.jpg', '-o', 'x.gif']),
    ],
)  # fmt: skip
def test_no_output_gets_the_name_of_something_else(
    main: Callable[..., Any], arguments: list[str], folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write_image('given/photo.jpg')
    before = sorted(Path().rglob('*'))
    try:
        status = main(arguments)
    except SystemExit as end:
        status = end.code
    assert status
    error = capfd.readouterr().err if isinstance(status, int) else str(status)
    assert 'name' in error or 'expected' in error
    assert error.strip().count('\n') == 0
    assert sorted(Path().rglob('*')) == before
