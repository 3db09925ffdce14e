"""Check an LMDB's data file without the lmdb library, before the library maps it into memory.

The library reads pages without checking that they exist: in a truncated file, a read beyond the end kills the process
(SIGBUS) without a message. Therefore the header is checked, and the tree of pages is followed to its leaves. LMDB
writes files in the byte order and word size of the machine; only those of little-endian 64-bit machines are accepted.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from hcl_arch.utils.errors import HCLError
from hcl_arch.utils.regular_file import check_regular_file, reason_of

_HEADER = struct.Struct('<QHHHH')  # number, padding, flags, end of the nodes' places, start of the nodes
_NODE = struct.Struct('<HHHH')  # data size or page number in three parts, length of the key
_BRANCH, _LEAF = 0x01, 0x02
_BIG_DATA = 0x01


class DamagedTreeError(HCLError, ValueError):
    """A page of the tree is missing or malformed."""


def check_tree(file: BinaryIO, root: int, *, page_size: int, page_count: int) -> None:
    """Look at every page of a tree.

    Args:
        file: the data file.
        root: number of the tree's first page.
        page_size: in bytes.
        page_count: number of whole pages that the file holds.

    Raises:
        DamagedTreeError: the tree refers to a page that the file lacks.
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
    """Yield number and length of the pages that a page points to: 0 for a tree page, else a run of value pages.

    Raises:
        DamagedTreeError: it is not a page of a tree.
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
                (number,) = struct.unpack_from('<Q', page, place + _NODE.size + key_length)
                size = low | middle << 16
                yield number, (_HEADER.size - 1 + size) // page_size + 1
    except struct.error as error:
        raise DamagedTreeError(str(error)) from error


# Page header (number, padding, flags, bounds) and the start of a meta page: magic number, version, address, map size,
# two databases of 48 bytes each, last page, transaction. The free pages' database keeps the page size in its padding.
_META = struct.Struct('<QHHHHIIQQ' + 2 * 'IHHQQQQQ' + 'QQ')
_MAGIC, _VERSION = 0xBEEFC0DE, 1
_META_FLAG = 0x08
_PAGE_SIZES = tuple(2**power for power in range(8, 17))
_NO_ROOT = 2**64 - 1
_MAX_BYTES = 2**63 - 1
# The library's own limit of the height of a tree.
_MOST_LEVELS = 32


@dataclass(frozen=True)
class _Meta:
    page_size: int
    depths: tuple[int, int]
    roots: tuple[int, int]
    last_page: int
    transaction: int


def check_lmdb_file(path: str) -> None:
    """Check that a file is a `data.mdb` and has all of its pages.

    Reads only the heads of its first two pages. The tree is followed only if the file is shorter than they state.

    Args:
        path: the data file.

    Raises:
        OSError: it does not, or cannot be read; names the file.
    """
    try:
        check_regular_file(path, max_bytes=_MAX_BYTES)
        with open(path, 'rb') as file:
            size = os.fstat(file.fileno()).st_size
            newest = _newest_meta(file)
            if newest is None:
                raise _error(
                    path,
                    'the data file of an LMDB, written on a 64-bit machine',
                    f'{size:,} bytes that begin otherwise',
                )
            expected = (newest.last_page + 1) * newest.page_size
            if size < expected and not _holds_tree(file, newest, size // newest.page_size):
                raise _error(path, f'{expected:,} bytes', f'{size:,}: the file is cut short')
            if not _has_sound_roots(newest):
                raise _error(path, 'the data file of an LMDB', 'one whose head is damaged')
    except OSError as error:
        if error.errno is None:
            raise
        raise OSError(f'{path}: cannot be read ({reason_of(error)}). Restore it, or allow reading it.') from error


def _error(path: str, expected: str, found: str) -> OSError:
    return OSError(
        f'{path}: expected {expected}, found {found}. Copy or build the LMDB again, or give the right folder.'
    )


def _newest_meta(file: BinaryIO) -> _Meta | None:
    """Return the newer one of the two meta pages, None if the file has no such pages."""
    first = _read_meta(file.read(_META.size))
    if first is None:
        return None
    file.seek(first.page_size)
    second = _read_meta(file.read(_META.size))
    if second is None or second.page_size != first.page_size:
        return None
    return max(first, second, key=lambda meta: meta.transaction)


def _holds_tree(file: BinaryIO, meta: _Meta, page_count: int) -> bool:
    """Whether a file that is shorter than its head states lacks only unused pages."""
    root = meta.roots[1]
    if root == _NO_ROOT:
        return True
    try:
        check_tree(file, root, page_size=meta.page_size, page_count=page_count)
    except DamagedTreeError:
        return False
    return True


def _read_meta(head: bytes) -> _Meta | None:
    """Return the content of a meta page's head, None if it is not a meta page."""
    if len(head) < _META.size:
        return None
    _, _, flags, _, _, magic, version, _, _, *rest = _META.unpack(head)
    free, main, (last_page, transaction) = rest[:8], rest[8:16], rest[16:]
    if magic != _MAGIC or version != _VERSION or not flags & _META_FLAG or free[0] not in _PAGE_SIZES:
        return None
    return _Meta(free[0], (free[2], main[2]), (free[7], main[7]), last_page, transaction)


def _has_sound_roots(meta: _Meta) -> bool:
    """Whether both trees begin within the file."""
    return all(
        depth <= _MOST_LEVELS and (root == _NO_ROOT or 2 <= root <= meta.last_page)
        for depth, root in zip(meta.depths, meta.roots)
    )
