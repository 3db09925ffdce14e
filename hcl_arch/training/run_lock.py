"""A run's folder belongs to one training at a time."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import IO

from hcl_arch.utils.atomic_file import open_to_append
from hcl_arch.utils.errors import HCLError

try:
    import fcntl
except ImportError:  # Windows: no protection
    fcntl = None  # type: ignore[assignment]

LOCK_FILE = '.lock'
# Locks of this process; they end with it, however it ends, and workers do not inherit them.
_held: dict[Path, IO[str]] = {}


class RunInUseError(HCLError, RuntimeError):
    """Another training is writing into the run's folder."""


def lock_run(folder: Path) -> None:
    """Keep other trainings out of a run's folder until this process ends; a missing folder counts as free.

    On file systems without locks there is no protection.

    Raises:
        RunInUseError: another process holds the folder.
    """
    folder = folder.resolve()
    path = folder / LOCK_FILE
    if fcntl is None or not folder.is_dir() or _is_held(folder):
        return
    try:
        file = open_to_append(path)
    except OSError:  # the folder is not writable: the training will report it
        return
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        if error.errno in (errno.EAGAIN, errno.EACCES):
            raise RunInUseError(
                f'{folder}: another training is writing there. Wait for its end, stop it, or give this one another '
                '`name`.'
            ) from error
        return
    _held[folder] = file


def _is_held(folder: Path) -> bool:
    """Whether this process holds this folder, and not an earlier one of the same name that was moved away."""
    file = _held.get(folder)
    if file is None:
        return False
    try:
        if os.path.samestat(os.fstat(file.fileno()), os.stat(folder / LOCK_FILE)):
            return True
    except OSError:
        pass
    _held.pop(folder).close()
    return False
