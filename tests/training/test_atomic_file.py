"""Files that are there whole or not at all."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from hcl_arch.utils.atomic_file import PARTIAL_SUFFIX, atomic_file, remove_partial_files


def write(path: Path, content: bytes) -> None:
    with atomic_file(path) as file:
        file.write(content)


def write_then_fail(path: Path, error: BaseException) -> None:
    with atomic_file(path) as file:
        file.write(b'half of the n')
        raise error


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_content_appears_whole(tmp_path: Path) -> None:
    path = tmp_path / 'x.pth'
    with atomic_file(path) as file:
        file.write(b'first')
        file.flush()
        assert not path.exists()
        file.write(b', second')
    assert path.read_bytes() == b'first, second'
    assert names_in(tmp_path) == ['x.pth']


def test_replaces_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / 'x.pth'
    path.write_bytes(b'old content')
    with atomic_file(path) as file:
        file.write(b'new')
        file.flush()
        assert path.read_bytes() == b'old content'
    assert path.read_bytes() == b'new'


@pytest.mark.parametrize('error', [ValueError('mistake'), KeyboardInterrupt(), SystemExit(1)])
def test_failure_in_the_middle_leaves_what_was_there(error: BaseException, tmp_path: Path) -> None:
    path = tmp_path / 'x.pth'
    path.write_bytes(b'old content')
    with pytest.raises(type(error)):
        write_then_fail(path, error)
    assert path.read_bytes() == b'old content'
    assert names_in(tmp_path) == ['x.pth']


def test_failure_before_there_was_anything(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match='mistake'), atomic_file(tmp_path / 'x.pth'):
        raise ValueError('mistake')
    assert names_in(tmp_path) == []


def test_is_on_the_disk_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """First the content, then the name, then the folder that holds the name: so it outlives a power cut."""
    steps: list[str] = []
    fsync, replace = os.fsync, os.replace

    def noted_fsync(descriptor: int) -> None:
        kind = 'folder' if stat.S_ISDIR(os.fstat(descriptor).st_mode) else 'content'
        steps.append(f'{kind} of {os.fstat(descriptor).st_size if kind == "content" else "name"}')
        fsync(descriptor)

    monkeypatch.setattr(os, 'fsync', noted_fsync)
    monkeypatch.setattr(os, 'replace', lambda *paths: (steps.append('name'), replace(*paths)))
    write(tmp_path / 'x.pth', b'12345')
    assert steps == ['content of 5', 'name', 'folder of name']


def test_content_that_does_not_reach_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / 'x.pth').write_bytes(b'old content')

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, 'No space left on device')

    monkeypatch.setattr(os, 'fsync', full)
    with pytest.raises(OSError, match='No space left'):
        write(tmp_path / 'x.pth', b'new')
    assert (tmp_path / 'x.pth').read_bytes() == b'old content'
    assert names_in(tmp_path) == ['x.pth']


def test_file_system_that_cannot_flush_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fsync = os.fsync

    def fsync_of_files(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, 'Invalid argument')
        fsync(descriptor)

    monkeypatch.setattr(os, 'fsync', fsync_of_files)
    write(tmp_path / 'x.pth', b'new')
    assert (tmp_path / 'x.pth').read_bytes() == b'new'


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write(tmp_path / 'nowhere' / 'x.pth', b'new')


@pytest.mark.parametrize('umask', [0o022, 0o077])
def test_permissions_are_those_of_any_file(umask: int, tmp_path: Path) -> None:
    previous = os.umask(umask)
    try:
        write(tmp_path / 'x.pth', b'new')
    finally:
        os.umask(previous)
    assert stat.S_IMODE((tmp_path / 'x.pth').stat().st_mode) == 0o666 & ~umask


def test_remains_of_killed_writers(tmp_path: Path) -> None:
    kept = ['10.state', 'partial.pth', 'net_g_10.pth', 'x.partial.pth']
    for name in (*kept, f'net_g_10.pth{PARTIAL_SUFFIX}', f'20.state{PARTIAL_SUFFIX}'):
        (tmp_path / name).touch()
    remove_partial_files(tmp_path)
    assert names_in(tmp_path) == sorted(kept)
    remove_partial_files(tmp_path / 'nowhere')


def test_a_killed_writer_leaves_only_a_name_that_nothing_reads(tmp_path: Path) -> None:
    path = tmp_path / '10.state'
    path.write_bytes(b'old content')
    pid = os.fork()
    if pid == 0:
        with atomic_file(path) as file:
            file.write(b'half of the n')
            file.flush()
            os._exit(9)  # as by SIGKILL: nothing is tidied up
    os.waitpid(pid, 0)
    assert path.read_bytes() == b'old content'
    left, kept = names_in(tmp_path)
    assert kept == '10.state'
    assert left.startswith('.10.state.')
    assert left.endswith(PARTIAL_SUFFIX)
    write(path, b'new')  # is not in the way of the next one
    remove_partial_files(tmp_path)
    assert names_in(tmp_path) == ['10.state']


@pytest.mark.parametrize('name', ['x.png.partial', '.x.png.partial'])
def test_files_of_the_user_beside_it_are_left_alone(name: str, tmp_path: Path) -> None:
    """Also where they are links, which a writer through a name that can be guessed would follow."""
    (tmp_path / 'mine.txt').write_bytes(b'mine')
    (tmp_path / name).symlink_to(tmp_path / 'mine.txt')
    write(tmp_path / 'x.png', b'new')
    assert (tmp_path / 'mine.txt').read_bytes() == b'mine'
    assert (tmp_path / name).is_symlink()
    assert not (tmp_path / 'x.png').is_symlink()


def test_only_regular_files_are_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / 'x.png')
    with pytest.raises(OSError, match='only regular files are replaced'):
        write(tmp_path / 'x.png', b'new')
    assert stat.S_ISFIFO((tmp_path / 'x.png').stat().st_mode)
    with pytest.raises(OSError, match='only regular files are replaced'):
        write(Path(os.devnull), b'new')


def test_long_names(tmp_path: Path) -> None:
    write(tmp_path / ('n' * 255), b'new')
    assert names_in(tmp_path) == ['n' * 255]


def test_left_open_by_no_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Any] = []
    opening = Path.open
    monkeypatch.setattr(Path, 'open', lambda *args: opened.append(opening(*args)) or opened[-1])
    write(tmp_path / 'x', b'new')
    with pytest.raises(ValueError, match='mistake'):
        write_then_fail(tmp_path / 'x', ValueError('mistake'))
    assert [file.closed for file in opened] == [True, True]
