"""The list of images that a training could not read, shared by its processes and by their workers."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from hcl_arch.utils.atomic_file import open_to_append
from hcl_arch.utils.errors import HCLError

try:
    import fcntl
except ImportError:  # Windows: two workers may then list an image twice
    fcntl = None  # type: ignore[assignment]


class TooManyUnreadableError(HCLError, OSError):
    """More images cannot be read than the options allow."""


class UnreadableLog:
    """A text file with a line for each image that could not be read: its path, a tab, the reason.

    It outlives the run, so a resumed run continues the count.

    Args:
        path: the file.
        most: largest number of different images that may be unreadable.
        share: the option that `most` is derived from, for the message.
    """

    def __init__(self, path: Path, *, most: int, share: float) -> None:
        self._path = path
        self._most = most
        self._share = share
        self._known: set[str] = set()

    def add(self, image: str, reason: str) -> None:
        """Record an unreadable image.

        Raises:
            TooManyUnreadableError: there are now more of them than allowed.
        """
        image, reason = ' '.join(image.split()), ' '.join(reason.split())
        if image in self._known:
            return
        # File names need not be valid text on every system.
        self._path.parent.mkdir(parents=True, exist_ok=True)  # it may not exist on another machine
        with open_to_append(self._path, 'a+') as file:
            if fcntl is not None:
                with contextlib.suppress(OSError):  # some network drives have no locks
                    fcntl.flock(file, fcntl.LOCK_EX)  # released when the file is closed
            file.seek(0)
            self._known = {line.split('\t')[0] for line in file if line.strip()}
            if image not in self._known:
                file.seek(0, os.SEEK_END)
                file.write(f'{image}\t{reason}\n')
                self._known.add(image)
        if len(self._known) > self._most:
            raise TooManyUnreadableError(
                f'{image}: {reason} {len(self._known)} images cannot be read, but the option max_unreadable_share: '
                f'{self._share:g} allows for {self._most}. {self._path} lists them: repair or remove them, delete that '
                'file and resume, or allow for more.'
            )
