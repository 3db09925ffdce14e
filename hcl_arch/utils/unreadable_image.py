"""The errors of images that cannot be used: they say which image it is, so that a caller can pass over it."""

from __future__ import annotations

from typing import Any


class UnreadableImageError(OSError):
    """An image cannot be read or decoded; the message is 'path: reason'.

    Args:
        reason: what was expected and found, and what to do.
        path: what a reader can find the image by: the file's path, or 'path/key' in an LMDB. Empty only where torch
            makes the error anew, out of the text of one that a worker process has raised: the text names it then.

    Attributes:
        path: as given.
        reason: as given.
    """

    def __init__(self, reason: str, path: str = '') -> None:
        super().__init__(f'{path}: {reason}' if path else reason)
        self.path = path
        self.reason = reason

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.reason, self.path)


class UnusableImageError(UnreadableImageError, ValueError):
    """An image can be decoded, but is not what is needed: it lacks an alpha channel, or is no mask of black and white.

    A ValueError too, for those who ask for the wrong image.
    """
