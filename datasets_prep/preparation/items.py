"""Data types of a preparation: items, encoded images, transforms, errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Callable, overload

from preparation.keys import key_of


class UnreadableImageError(ValueError):
    """The source is not a usable image. A transform raises it; the item is listed and skipped."""


class PreparationError(RuntimeError):
    """A preparation cannot start or continue; the message says what to do. Scripts print it without a traceback."""


class PreparationInterruptedError(KeyboardInterrupt):
    """Ctrl-C ended a preparation; the message says how to resume it."""


@dataclass(frozen=True)
class PrepItem:
    """One image to write.

    Attributes:
        source: path of the source file.
        key: name in the output without extension; '/' separates folders. Unique, ASCII (BasicSR reads no other keys),
            without '.' (BasicSR's LMDB readers cut a name at its first dot).
        variant: for transforms that make several images from one file, e.g. rotations.
    """

    source: str
    key: str
    variant: int = 0


@dataclass(frozen=True)
class EncodedImage:
    """One encoded image, ready to be written.

    Attributes:
        content: the encoded bytes.
        extension: '.jpg' or '.png'.
        height, width, channels: shape of the decoded content.
    """

    content: bytes
    extension: str
    height: int
    width: int
    channels: int


# Runs in worker processes, so it must be picklable: a module-level function or a frozen dataclass with `__call__`.
Transform = Callable[[PrepItem], EncodedImage]


class FileItems(Sequence[PrepItem]):
    """The items of files below one folder, created on demand: millions of them take only the memory of their names.

    Args:
        folder: the source folder.
        names: the files, relative to it; their keys come from `key_of`.
    """

    def __init__(self, folder: str, names: Sequence[str]) -> None:
        self._folder = folder.rstrip('/') if folder != '/' else ''
        self._names = names

    def __len__(self) -> int:
        return len(self._names)

    @overload
    def __getitem__(self, index: int) -> PrepItem: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[PrepItem]: ...

    def __getitem__(self, index: int | slice) -> PrepItem | Sequence[PrepItem]:
        if isinstance(index, slice):
            return FileItems(self._folder, self._names[index])
        name = self._names[index]
        return PrepItem(f'{self._folder}/{name}', key_of(name))
