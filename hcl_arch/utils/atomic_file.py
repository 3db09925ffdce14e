"""Files that are written completely or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

PARTIAL_SUFFIX = '.partial'


@contextlib.contextmanager
def atomic_file(path: Path, *, durable: bool = True) -> Iterator[IO[bytes]]:
    """Open a file that gets its name only after it has been written completely.

    It is written in the same folder, under a unique hidden name. If the block raises, that file is removed and `path`
    stays unchanged; if the process is killed, the file remains, under a name that nothing reads.

    Args:
        path: Path of the file; its folder exists.
        durable: Whether to wait until the file is on the disk, so it also survives a power cut.

    Raises:
        OSError: It cannot be written, or `path` is not a regular file but, for example, a device.
    """
    with atomic_files([path], durable=durable) as files:
        yield files[0]


@contextlib.contextmanager
def atomic_files(paths: Sequence[Path], *, durable: bool = True) -> Iterator[Sequence[IO[bytes]]]:
    """Like `atomic_file`, for several files: none gets its name before all have been written."""
    for path in paths:
        refuse_special_file(path)
    partial = [path.with_name(f'.{path.name[:100]}.{secrets.token_hex(8)}{PARTIAL_SUFFIX}') for path in paths]
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


def refuse_special_file(path: Path) -> None:
    """Raise OSError if a path exists and is neither a regular file nor a link to one."""
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISREG(os.stat(path).st_mode):
            kind = errno.EISDIR if path.is_dir() else errno.EINVAL
            raise OSError(kind, 'is no regular file, and only such are replaced', str(path))


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
