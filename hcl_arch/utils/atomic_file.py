"""Files that are there whole or not at all."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

PARTIAL_SUFFIX = '.partial'


@contextlib.contextmanager
def atomic_file(path: Path, *, durable: bool = True) -> Iterator[IO[bytes]]:
    """Open a file that takes its name only when it has been written whole.

    It is written beside its place, as `<name>.partial`. If the block raises, that is removed and what was at `path`
    stays as it was; if the process is killed, it is left, under a name that nothing reads.

    Args:
        path: where the file belongs; its folder exists.
        durable: wait until it is on the disk, so that a power cut does not undo it either.

    Raises:
        OSError: it cannot be written.
    """
    partial = path.with_name(path.name + PARTIAL_SUFFIX)
    try:
        with partial.open('wb') as file:
            yield file
            file.flush()
            if durable:
                os.fsync(file.fileno())
        os.replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    if durable:
        _flush_folder(path.parent)


def remove_partial_files(folder: Path) -> None:
    """Remove what writers that were killed have left in a folder. Nobody may be writing there."""
    for partial in folder.glob('*' + PARTIAL_SUFFIX):
        partial.unlink(missing_ok=True)


def _flush_folder(folder: Path) -> None:
    """Let a new name outlive a power cut, where the file system can do that for a folder."""
    if not hasattr(os, 'O_DIRECTORY'):
        return
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
