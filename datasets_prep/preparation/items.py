"""What the preparation of a data set is given and hands on: items, encoded images, transforms, errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Callable, overload

from preparation.keys import key_of


class UnreadableImageError(ValueError):
    """The source is no image that can be used. A transform raises it; the item is listed and passed over."""


class PreparationError(RuntimeError):
    """A preparation cannot start or go on; the message says what to do. Scripts print it without a traceback."""


class PreparationInterruptedError(KeyboardInterrupt):
    """Ctrl-C ended a preparation; the message says how to go on with it."""


@dataclass(frozen=True)
class PrepItem:
    """One image to write.

    Attributes:
        source: path of the source file.
        key: name in the output without extension; '/' separates folders. Unique, ASCII (BasicSR reads no other keys),
            without '.' (BasicSR's LMDB readers cut a name at its first point).
        variant: for transforms that make several images of one file, e.g. rotations.
    """

    source: str
    key: str
    variant: int = 0


@dataclass(frozen=True)
class EncodedImage:
    """One image as it is written.

    Attributes:
        content: the encoded bytes.
        extension: '.jpg' or '.png'.
        height, width, channels: what the content decodes to.
    """

    content: bytes
    extension: str
    height: int
    width: int
    channels: int


# Runs in worker processes, so it has to be picklable: a module's function or a frozen dataclass with `__call__`.
Transform = Callable[[PrepItem], EncodedImage]


class FileItems(Sequence[PrepItem]):
    """The items of files below one folder, made when they are asked for: millions of them cost only their names.

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
