"""The errors of unusable images; they name the image, so a caller can skip it."""

from __future__ import annotations

from typing import Any

from hcl_arch.utils.errors import HCLError


class UnreadableImageError(HCLError, OSError):
    """An image cannot be read or decoded; the message is 'path: reason'.

    Args:
        reason: what was expected, what was found, and what to do.
        path: location of the image: the file's path, or 'path/key' in an LMDB. Empty only if torch recreates the error
            from the text of one raised in a worker process; the text then names the image.

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
    """An image can be decoded, but is unsuitable: it lacks an alpha channel, or is not a black and white mask.

    Also a ValueError, since the caller asked for an unsuitable image.
    """
