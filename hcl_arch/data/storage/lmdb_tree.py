"""Follow the tree of an LMDB's data file without the lmdb library, to see whether the file holds all of it.

A healthy file can be shorter than its head says: of pages that were taken and freed in one transaction (a key written
twice, or deleted) the last ones are never written. So where a file is short, only the tree tells whether it is cut.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO

_HEADER = struct.Struct('<QHHHH')  # number, padding, flags, end of the nodes' places, start of the nodes
_NODE = struct.Struct('<HHHH')  # data size or page number in three parts, length of the key
_BRANCH, _LEAF = 0x01, 0x02
_BIG_DATA = 0x01


class DamagedTreeError(ValueError):
    """A page of the tree is missing or of another form."""


def check_tree(file: BinaryIO, root: int, *, page_size: int, page_count: int) -> None:
    """Look at every page of a tree.

    Args:
        file: the data file.
        root: number of the tree's first page.
        page_size: in bytes.
        page_count: number of whole pages that the file holds.

    Raises:
        DamagedTreeError: the tree needs a page that the file lacks.
    """
    waiting, seen = [root], 0
    while waiting:
        number = waiting.pop()
        seen += 1
        if number >= page_count or seen > page_count:
            raise DamagedTreeError(f'page {number} of {page_count}')
        file.seek(number * page_size)
        for first, length in _pages_below(file.read(page_size), page_size):
            if length:  # a run of pages with one value
                if first + length > page_count:
                    raise DamagedTreeError(f'page {first + length - 1} of {page_count}')
            else:
                waiting.append(first)


def _pages_below(page: bytes, page_size: int) -> Iterator[tuple[int, int]]:
    """Yield number and length of what a page points to: length 0 for a page of the tree, else a run of value pages.

    Raises:
        DamagedTreeError: it is no page of a tree.
    """
    try:
        _, _, flags, end_of_places, _ = _HEADER.unpack_from(page)
        if not flags & (_BRANCH | _LEAF):
            raise DamagedTreeError('no page of a tree')
        count = (end_of_places - _HEADER.size) // 2
        for place in struct.unpack_from(f'<{max(count, 0)}H', page, _HEADER.size):
            low, middle, high, key_length = _NODE.unpack_from(page, place)
            if flags & _BRANCH:
                yield low | middle << 16 | high << 32, 0
            elif high & _BIG_DATA:
                number, = struct.unpack_from('<Q', page, place + _NODE.size + key_length)
                size = low | middle << 16
                yield number, (_HEADER.size - 1 + size) // page_size + 1
    except struct.error as error:
        raise DamagedTreeError(str(error)) from error
