"""Directories of TIFF files and of EXIF data: read within limits, without a decoder, and written again.

Pillow, tifffile and libtiff copy and convert whatever an entry states. Entries may overlap, so that a file of some
kilobytes states gigabytes; and some of the tags that they read crash them when written. Here the entries are summed up
before a byte of them is copied, and what is written is what was checked.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from hcl_arch.utils.errors import HCLError

ORIENTATION, EXIF_IFD, GPS_IFD, INTEROP_IFD = 0x0112, 0x8769, 0x8825, 0xA005
# Directories are read at these tags only: a thumbnail and other pictures show the photograph unrestored.
_CHILDREN = {0: (EXIF_IFD, GPS_IFD), EXIF_IFD: (INTEROP_IFD,)}
# Bytes of a value of each type. 6, 8, 9 and 10 have signs, 11 and 12 points; 13, 16, 17 and 18 are those of BigTIFF.
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_BYTE_KINDS = (1, 2, 6, 7)
_SHORT, _LONG, _RATIONAL = 3, 4, 5
_NUMBERS = {1: 'B', 3: 'H', 4: 'I', 13: 'I', 16: 'Q', 18: 'Q'}
_NARROWED = {13: _LONG, 16: _LONG, 18: _LONG}
_SIGNED_LONG_8 = 17
# libtiff takes more entries in a directory for damage; here they are those of all directories.
_MOST_ENTRIES = 4096
# A number takes Pillow up to 10 microseconds. Photographs have some hundred; maker's notes count as bytes.
_MOST_NUMBERS = 8192


class DirectoryError(HCLError, ValueError):
    """A directory is damaged, or states more than its file has."""


class Entry(NamedTuple):
    """An entry of a directory: type, number of values, and the values in the directory's byte order."""

    kind: int
    length: int
    data: bytes


@dataclass
class Directory:
    """A directory.

    Attributes:
        order: '<' or '>', the byte order.
        entries: by tag, without those that lead to other directories.
        children: directories by the tag that leads to them.
        is_whole: whether all entries could be read.
        has_next: whether another directory follows.
    """

    order: str = '<'
    entries: dict[int, Entry] = field(default_factory=dict)
    children: dict[int, Directory] = field(default_factory=dict)
    is_whole: bool = True
    has_next: bool = False

    def numbers(self, tag: int) -> tuple[int, ...]:
        """Return the whole numbers of an entry; none if it is missing or of another type."""
        entry = self.entries.get(tag)
        form = None if entry is None else _NUMBERS.get(entry.kind)
        if entry is None or form is None:
            return ()
        return struct.unpack(f'{self.order}{entry.length}{form}', entry.data)

    def number(self, tag: int, default: int) -> int:
        """Return the first whole number of an entry."""
        return next(iter(self.numbers(tag)), default)

    def ratio(self, tag: int) -> float | None:
        """Return the first fraction of an entry, None if there is none."""
        entry = self.entries.get(tag)
        if entry is None or entry.kind != _RATIONAL:
            return None
        above, below = struct.unpack_from(self.order + 'II', entry.data)
        return above / below if below else None

    def put(self, tag: int, values: Iterable[int], kind: int = _LONG) -> None:
        """Set an entry of whole numbers."""
        values = tuple(values)
        self.entries[tag] = Entry(kind, len(values), struct.pack(f'{self.order}{len(values)}{_NUMBERS[kind]}', *values))

    def put_ratio(self, tag: int, value: float, below: int = 1000) -> None:
        """Set an entry of one fraction."""
        data = struct.pack(self.order + 'II', min(round(value * below), 2**32 - 1), below)
        self.entries[tag] = Entry(_RATIONAL, 1, data)

    def only(self, tags: Iterable[int]) -> Directory:
        """Return a directory with only these of the entries, and without children."""
        return Directory(self.order, {tag: self.entries[tag] for tag in tags if tag in self.entries})

    def without(self, tags: Iterable[int]) -> Directory:
        """Return a directory without these entries."""
        left_out = frozenset(tags)
        entries = {tag: entry for tag, entry in self.entries.items() if tag not in left_out}
        return Directory(self.order, entries, dict(self.children), self.is_whole)


def read_directory(
    content: bytes, *, only: frozenset[int] | None = None, besides: frozenset[int] = frozenset()
) -> Directory:
    """Return the first directory of a TIFF file or of EXIF data, with those of its details and its place.

    Args:
        content: the file's bytes, or EXIF data after their 'Exif' mark.
        only: tags of a picture's layout: only these are read, and their numbers are limited by the bytes alone.
        besides: tags that are passed over.

    Raises:
        DirectoryError: it is damaged, or its entries state more bytes than there are, or too many numbers.
    """
    if content[:4] not in (b'II*\0', b'MM\0*', b'II+\0', b'MM\0+'):
        raise DirectoryError('they do not begin as such data')
    return _Reader(content, only, besides).read(0)


class _Reader:
    """Reads the directories of one file and counts what they state."""

    def __init__(self, content: bytes, only: frozenset[int] | None, besides: frozenset[int]) -> None:
        self._content, self._view, self._only, self._besides = content, memoryview(content), only, besides
        self._order = '<' if content.startswith(b'II') else '>'
        self._is_big = b'+' in content[:4]
        self._word = 'Q' if self._is_big else 'I'
        self._bytes = self._numbers = self._walked = 0

    def read(self, group: int, place: int | None = None) -> Directory:
        """Read a directory; `group` is the tag that led to it, 0 for the first one."""
        try:
            if place is None:
                (place,) = struct.unpack_from(self._order + self._word, self._content, 8 if self._is_big else 4)
            place = min(place, len(self._content))  # struct accepts none larger than the platform's
            (count,) = struct.unpack_from(self._order + ('Q' if self._is_big else 'H'), self._content, place)
        except struct.error:
            raise DirectoryError('a directory lies behind the end') from None
        self._walked += count
        if self._walked > (_MOST_ENTRIES if self._only is None else 0xFFFF):
            raise DirectoryError(f'{count:,} entries in a directory')
        return self._read_entries(group, place + (8 if self._is_big else 2), count)

    def _read_entries(self, group: int, place: int, count: int) -> Directory:
        directory = Directory(self._order)
        for number in range(count):
            tag, entry = self._entry(place + number * (20 if self._is_big else 12))
            if not self._is_wanted(tag) or (entry is not None and not entry.length):
                continue
            if entry is None:
                directory.is_whole = False
            elif tag in _CHILDREN.get(group, ()):
                self._read_child(directory, tag, entry)
            else:
                directory.entries.setdefault(tag, entry)  # libtiff uses a tag's first entry
        end = place + count * (20 if self._is_big else 12)
        directory.has_next = any(self._content[end : end + (8 if self._is_big else 4)])
        return directory

    def _read_child(self, directory: Directory, tag: int, entry: Entry) -> None:
        places = Directory(self._order, {tag: entry}).numbers(tag)
        if not places or tag in directory.children:
            directory.is_whole = False
            return
        try:
            directory.children[tag] = self.read(tag, places[0])
        except DirectoryError:
            directory.is_whole = False
        else:
            directory.is_whole &= directory.children[tag].is_whole

    def _is_wanted(self, tag: int) -> bool:
        return tag not in self._besides and (self._only is None or tag in self._only)

    def _entry(self, place: int) -> tuple[int, Entry | None]:
        """Return tag and content of an entry, no content if it is unwanted, of no known type or beyond the end."""
        try:
            tag, kind, count, start = struct.unpack_from(f'{self._order}HH2{self._word}', self._content, place)
        except struct.error:
            raise DirectoryError('a directory is cut short') from None
        if not count:
            return tag, Entry(kind, 0, b'')
        room = 8 if self._is_big else 4
        size = _SIZES.get(kind, 0) * count
        if size <= room:
            start = place + 4 + room
        if not size or start + size > len(self._content) or not self._is_wanted(tag):
            return tag, None
        self._count(kind, count, size)
        return tag, Entry(kind, count, bytes(self._view[start : start + size]))

    def _count(self, kind: int, count: int, size: int) -> None:
        self._bytes += size
        if self._bytes > len(self._content):
            raise DirectoryError(f'their entries overlap: more than their {len(self._content):,} bytes are stated')
        if kind not in _BYTE_KINDS and self._only is None:
            self._numbers += count
        if self._numbers > _MOST_NUMBERS:
            raise DirectoryError(f'more than {_MOST_NUMBERS:,} numbers')


def exif_block(directory: Directory) -> bytes | None:
    """Return a directory with its children as EXIF data, None if it is empty; numbers of 64 bits become 32 bits."""
    if not directory.entries and not directory.children:
        return None
    start = (b'II*\0' if directory.order == '<' else b'MM\0*') + struct.pack(directory.order + 'I', 8)
    return b'Exif\0\0' + start + directory_bytes(directory, 8)


def directory_bytes(directory: Directory, place: int) -> bytes:
    """Return a directory with its values and children behind it, as it stands at a place of a file."""
    order, entries = directory.order, _narrow(directory)
    count = len(entries) + len(directory.children)
    head, behind = [struct.pack(order + 'H', count)], bytearray()
    end = place + 2 + 12 * count + 4
    for tag in sorted({**entries, **directory.children}):
        if tag in directory.children:
            child = directory_bytes(directory.children[tag], end + len(behind))
            entry, data = Entry(_LONG, 1, struct.pack(order + 'I', end + len(behind))), child
        else:
            entry, data = entries[tag], b''
        value = entry.data
        if len(value) > 4:
            value, data = struct.pack(order + 'I', end + len(behind)), value
        head.append(struct.pack(order + 'HHI', tag, entry.kind, entry.length) + value.ljust(4, b'\0'))
        behind += data + b'\0' * (len(data) % 2)
    return b''.join([*head, bytes(4), behind])


def _narrow(directory: Directory) -> Mapping[int, Entry]:
    """The entries, with those types only that a file of 32 bits has."""
    narrowed = Directory(directory.order)
    for tag, entry in directory.entries.items():
        if entry.kind not in (*_NARROWED, _SIGNED_LONG_8):
            narrowed.entries[tag] = entry
            continue
        values = directory.numbers(tag)
        if values and max(values) < 2**32:
            narrowed.put(tag, values)
    return narrowed.entries
