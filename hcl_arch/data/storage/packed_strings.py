"""A sequence of texts in two buffers: millions of image names without millions of Python objects."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Union, overload

import numpy as np


class PackedStrings(Sequence[str]):
    """An immutable sequence of texts, stored as one UTF-8 buffer and the positions where the texts end.

    As a tuple, the 1.8 million names of Places take some 150 MB, and every worker of a data loader ends up copying
    them, since Python writes reference counts into them. Packed they take less than half, and forked workers share the
    memory.

    Args:
        texts: the texts, in order.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        content = bytearray()
        ends: list[int] = []
        for text in texts:
            content += text.encode('utf-8', 'surrogateescape')  # file names need not be valid text
            ends.append(len(content))
        self._content = bytes(content)
        self._ends = np.array([0, *ends], np.int64)

    def __len__(self) -> int:
        return len(self._ends) - 1

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[str]: ...

    def __getitem__(self, index: Union[int, slice]) -> Union[str, Sequence[str]]:
        """Return text `index`, or the list of a slice; IndexError out of range."""
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(f'text {index} of {len(self)}')
        index %= len(self)
        return self._content[self._ends[index] : self._ends[index + 1]].decode('utf-8', 'surrogateescape')
