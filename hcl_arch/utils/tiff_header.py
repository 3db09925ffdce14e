"""The size that a TIFF file states, read without decoding any pixel."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

TIFF_STARTS = (b'II*\0', b'MM\0*', b'II+\0', b'MM\0+')
_WIDTH, _HEIGHT, _COMPRESSION, _TILE_WIDTH, _TILE_HEIGHT = 256, 257, 259, 322, 323
_TAGS = (_WIDTH, _HEIGHT, _COMPRESSION, _TILE_WIDTH, _TILE_HEIGHT)
# Types of whole numbers, and how `struct` writes them; other types of a width or a height libtiff refuses.
_NUMBERS = {1: 'B', 3: 'H', 4: 'I', 16: 'Q'}
# None; the fax codes, LZW, JPEG, Deflate, PackBits, Deflate's old number.
_UNPACKED = 1
_COMPRESSIONS = (_UNPACKED, 2, 3, 4, 5, 7, 8, 32773, 32946)
# More entries in a directory libtiff takes for damage.
_MOST_ENTRIES = 4096


@dataclass(frozen=True)
class TiffHeader:
    """What the first image of a file states.

    Attributes:
        width, height: in pixels. Where the tiles of an image are larger than the image, theirs: a decoder needs that
            much memory.
        compression: number of the way in which the pixels are packed.
    """

    width: int
    height: int
    compression: int

    @property
    def is_decodable(self) -> bool:
        """Say whether OpenCV's own libtiff unpacks it; of any other compression OpenCV makes a black image."""
        return self.compression in _COMPRESSIONS


def read_tiff_header(content: bytes) -> TiffHeader | None:
    """Return the header, None if it is damaged.

    Args:
        content: the file's bytes; they start with one of `TIFF_STARTS`.
    """
    try:
        found = dict(_numbers(content))
        width, height = found[_WIDTH], found[_HEIGHT]
    except (struct.error, KeyError):
        return None
    if not width or not height:
        return None
    return TiffHeader(max(width, found.get(_TILE_WIDTH, 0)), max(height, found.get(_TILE_HEIGHT, 0)),
                      found.get(_COMPRESSION, _UNPACKED))


def _numbers(content: bytes) -> Iterator[tuple[int, int]]:
    """Yield tag and value of the sizes in the first directory, the last entries first: libtiff takes a tag's first.

    Raises:
        struct.error: the directory lies behind the file's end.
        KeyError: a size is no whole number.
    """
    order = '<' if content.startswith(b'II') else '>'
    is_big = b'+' in content[:4]
    place, = struct.unpack_from(order + ('Q' if is_big else 'I'), content, 8 if is_big else 4)
    place = min(place, len(content))  # struct takes no larger one than the platform's
    count, = struct.unpack_from(order + ('Q' if is_big else 'H'), content, place)
    if count > _MOST_ENTRIES:
        raise struct.error('too many entries')
    place += 8 if is_big else 2
    length, start_of_value = (20, 12) if is_big else (12, 8)
    for number in reversed(range(count)):
        entry = place + number * length
        tag, kind = struct.unpack_from(order + 'HH', content, entry)
        if tag in _TAGS:
            value, = struct.unpack_from(order + _NUMBERS[kind], content, entry + start_of_value)
            yield tag, value
