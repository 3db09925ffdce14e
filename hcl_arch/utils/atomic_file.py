"""Files that are written completely or not at all."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import secrets
import stat
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Literal, TextIO

from hcl_arch.utils.regular_file import check_regular_file

PARTIAL_SUFFIX = '.partial'
_KINDS = {
    stat.S_IFLNK: 'a link',
    stat.S_IFDIR: 'a folder',
    stat.S_IFIFO: 'a pipe',
    stat.S_IFCHR: 'a device',
    stat.S_IFBLK: 'a device',
    stat.S_IFSOCK: 'a socket',
}


@contextlib.contextmanager
def atomic_file(path: Path, *, durable: bool = True) -> Iterator[IO[bytes]]:
    """Open a file that gets its name only after it has been written completely.

    It is written in the same folder, under a unique hidden name. If the block raises, that file is removed and `path`
    stays unchanged; if the process is killed, the file remains, under a name that nothing reads.

    Args:
        path: Path of the file; its folder exists.
        durable: Whether to wait until the file is on the disk, so it also survives a power cut.

    Raises:
        OSError: It cannot be written, or `path` is no regular file but, for example, a link or a device.
    """
    with atomic_files([path], durable=durable) as files:
        yield files[0]


@contextlib.contextmanager
def atomic_files(paths: Sequence[Path], *, durable: bool = True) -> Iterator[Sequence[IO[bytes]]]:
    """Like `atomic_file`, for several files: none gets its name before all have been written."""
    for path in paths:
        refuse_special_file(path)
    partial = [partial_name(path) for path in paths]
    try:
        with contextlib.ExitStack() as stack:
            # Exclusive: an existing link or pipe of this name is not followed.
            files = [stack.enter_context(name.open('xb')) for name in partial]
            yield files
            for file in files:
                file.flush()
                if durable:
                    os.fsync(file.fileno())
        for name, path in zip(partial, paths):
            os.replace(name, path)
    except BaseException:
        for name in partial:
            name.unlink(missing_ok=True)
        raise
    if durable:
        for folder in {path.parent for path in paths}:
            _flush_folder(folder)


@contextlib.contextmanager
def atomic_text(path: Path, *, errors: str = 'strict') -> Iterator[IO[str]]:
    """Like `atomic_file`, for text in UTF-8; `errors` as in `open`."""
    with atomic_file(path) as file:
        text = io.TextIOWrapper(file, 'utf-8', errors, newline='\n')
        yield text
        text.detach()  # flushes


def partial_name(path: Path) -> Path:
    """Return a new name, hidden and unguessable, in the same folder. Open it exclusively."""
    start = os.fsencode(path.name)[:100].decode('utf-8', 'ignore')  # a name has 255 bytes at most
    return path.with_name(f'.{start}.{secrets.token_hex(8)}{PARTIAL_SUFFIX}')


def refuse_special_file(path: str | os.PathLike[str]) -> None:
    """Raise OSError if a path exists and is no regular file: every writer replaces only such.

    A link would lose its place or, followed, its target; a pipe, a device or a socket belongs to another program.
    """
    try:
        kind = stat.S_IFMT(os.lstat(path).st_mode)
    except FileNotFoundError:
        return
    if kind != stat.S_IFREG:
        number = errno.EISDIR if kind == stat.S_IFDIR else errno.EINVAL
        words = f'is {_KINDS.get(kind, "something else")}, and only regular files are replaced: name another file'
        raise OSError(number, words, os.fspath(path))


def open_to_append(path: str | os.PathLike[str], mode: Literal['a', 'a+'] = 'a') -> TextIO:
    """Open a log of UTF-8 text at its end, following links; a new one is made.

    Raises:
        OSError: It cannot be opened, or is no regular file: opening a pipe would wait for its reader.
    """
    with contextlib.suppress(FileNotFoundError):
        check_regular_file(path, max_bytes=sys.maxsize)
    return Path(path).open(mode, encoding='utf-8', errors='surrogateescape')


def remove_partial_files(folder: Path) -> None:
    """Remove partial files of killed writers from a folder. No process may be writing there."""
    for partial in folder.glob('*' + PARTIAL_SUFFIX):
        partial.unlink(missing_ok=True)


def _flush_folder(folder: Path) -> None:
    """Make a new name survive a power cut, if the file system supports that for folders."""
    if not hasattr(os, 'O_DIRECTORY'):
        return
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
