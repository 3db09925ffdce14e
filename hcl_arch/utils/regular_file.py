"""Read regular files only: reading a pipe could block forever, and a device may never end."""

from __future__ import annotations

import errno
import os
import stat

from hcl_arch.utils.errors import HCLError

# OpenCV counts the bytes of a buffer in signed 32 bits.
MAX_IMAGE_BYTES = 2**31 - 1


class FileTooLargeError(HCLError, OSError):
    """A file is larger than expected."""


class NotRegularFileError(HCLError, OSError):
    """The path is a folder, a pipe, a device or a socket."""


def read_regular_file(path: str | os.PathLike[str], *, max_bytes: int = MAX_IMAGE_BYTES) -> bytes:
    """Return the content of a file, following links.

    Args:
        path: the file.
        max_bytes: a larger one is not read.

    Raises:
        FileTooLargeError: it is larger.
        NotRegularFileError: it is not a regular file; a pipe or a device is not read.
        OSError: it cannot be read for another reason.
    """
    # Checked first, because opening a device can have side effects; and again after opening, since the file may have
    # changed.
    check_regular_file(path, max_bytes=max_bytes)
    descriptor = os.open(path, os.O_RDONLY | getattr(os, 'O_NONBLOCK', 0) | getattr(os, 'O_BINARY', 0))
    with open(descriptor, 'rb', buffering=0) as file:
        _check_kind(os.fstat(descriptor), path, max_bytes)
        return file.readall()


def check_regular_file(path: str | os.PathLike[str], *, max_bytes: int = MAX_IMAGE_BYTES) -> None:
    """Check a file without opening it, for a library that will open it by its path.

    Raises:
        FileTooLargeError: it is larger.
        NotRegularFileError: it is not a regular file.
        OSError: it does not exist or cannot be accessed.
    """
    _check_kind(os.stat(path), path, max_bytes)


def reason_of(error: OSError) -> str:
    """Return a description of why a file cannot be read, without its path."""
    return error.strerror or str(error) or type(error).__name__


def _check_kind(status: os.stat_result, path: str | os.PathLike[str], max_bytes: int) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise NotRegularFileError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
    if not stat.S_ISREG(status.st_mode):
        found = 'expected a file, found a pipe, a device or a socket'
        raise NotRegularFileError(errno.EINVAL, found, os.fspath(path))
    if status.st_size > max_bytes:
        raise FileTooLargeError(
            errno.EFBIG, f'expected a file of at most {max_bytes:,} bytes, found {status.st_size:,}', os.fspath(path)
        )
