"""Receive files: with limits, checked before decoding, stored under our own names."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

from hcl_arch.commands.app.limits import MIB, Limits
from hcl_arch.commands.app.page_error import PageError
from hcl_arch.commands.app.shelf import Shelf
from hcl_arch.restoration.photographs.photograph import Photograph, read_photograph
from hcl_arch.utils.unreadable_image import UnreadableImageError

_LONGEST_NAME = 100
_ODD_CHARACTERS = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*\u200e\u200f\u202a-\u202e\u2066-\u2069]+')
WAITING_SECONDS = 900.0


class Upload(NamedTuple):
    """An uploaded file, with a name that is safe to show and to use for a download."""

    path: Path
    name: str


class Uploads:
    """The files waiting to be restored.

    Args:
        folder: where they are kept; no other process writes there.
        limits: what is accepted.
    """

    def __init__(self, folder: Path, limits: Limits) -> None:
        self.folder, self.limits = folder, limits
        self._shelf = Shelf[Upload](capacity=limits.uploads_bytes, lifetime=WAITING_SECONDS, drop=_remove)

    async def receive(self, name: str, chunks: AsyncIterator[bytes]) -> str:
        """Keep a file; return its token.

        Raises:
            PageError: it is too large, or empty.
        """
        path = self.folder / secrets.token_hex(16)
        try:
            size = await self._write(path, chunks)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return self._shelf.add(Upload(path, safe_name(name)), weight=size)

    def open(self, token: object) -> tuple[str, Photograph]:
        """Return the name and the photograph of an upload, and stop keeping it.

        Raises:
            PageError: there is none, or it cannot be restored; the message says why.
        """
        upload = self._shelf.get(token)
        try:
            return upload.name, read_limited(upload.path, self.limits)
        except PageError as error:
            raise PageError(f'{upload.name}: {error}') from None
        finally:
            self._shelf.remove(str(token))

    def discard(self, token: str) -> None:
        """Stop keeping an upload, if it is kept."""
        self._shelf.remove(token)

    def clear(self) -> None:
        """Remove all."""
        self._shelf.clear()

    async def _write(self, path: Path, chunks: AsyncIterator[bytes]) -> int:
        size = 0
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, 'wb') as file:
            async for chunk in chunks:
                size += len(chunk)
                if size > self.limits.file_bytes:
                    raise PageError(too_large(self.limits))
                file.write(chunk)
        if not size:
            raise PageError('This file is empty.')
        return size


def read_limited(path: Path, limits: Limits) -> Photograph:
    """Read a photograph within the limits.

    Raises:
        PageError: it is of another type, damaged or too large; in plain words.
    """
    try:
        return read_photograph(path, limits=limits.of_a_file)
    except UnreadableImageError as error:
        raise PageError(f'{error.reason}.') from None


def too_large(limits: Limits) -> str:
    """The message for a file with too many bytes."""
    return f'This file is too large: at most {limits.file_bytes / MIB:g} MiB can be taken.'


def safe_name(quoted: str) -> str:
    """Return the last part of a file's name as sent, percent-encoded, without characters unfit for file names."""
    name = _ODD_CHARACTERS.sub('_', re.split(r'[/\\]', unquote(quoted[: 10 * _LONGEST_NAME]))[-1]).strip(' ._')
    stem, dot, suffix = name.rpartition('.')
    if len(name) > _LONGEST_NAME and dot:
        name = stem[: _LONGEST_NAME - len(suffix[:10]) - 1] + dot + suffix[:10]
    return name[:_LONGEST_NAME] or 'photograph'


def _remove(upload: Upload) -> None:
    upload.path.unlink(missing_ok=True)
