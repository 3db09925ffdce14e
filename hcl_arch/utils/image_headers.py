"""Reading of image headers, in microseconds and without decoding pixels.

A file of some kilobytes can state a size that takes all memory to decode. Pillow knows the size too: of PNGs and JPEGs
without EXIF data as fast as the code below. But it opens BMPs and TIFFs seven to twenty times slower, cannot open a
16-bit colour TIFF, sets up the decoder of a WebP (1 to 2 ms instead of 1 us), and does not check that a file is whole.
It also reads all EXIF data of a JPEG and all tags of a TIFF: one of 10,000 overlapping entries takes 1.8 s and 1.8 GB.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Callable, NamedTuple, Optional

from hcl_arch.utils.errors import HCLError

TIFF_STARTS = (b'II*\0', b'MM\0*', b'II+\0', b'MM\0+')
_WIDTH, _HEIGHT, _COMPRESSION, _TILE_WIDTH, _TILE_HEIGHT, _EXTRA_SAMPLES = 256, 257, 259, 322, 323, 338
_TAGS = (_WIDTH, _HEIGHT, _COMPRESSION, _TILE_WIDTH, _TILE_HEIGHT, _EXTRA_SAMPLES)
# Integer types and their `struct` formats; libtiff refuses other types for width and height.
_NUMBERS = {1: 'B', 3: 'H', 4: 'I', 16: 'Q'}
# None; the fax codes, LZW, JPEG, Deflate, PackBits, Deflate's old number.
_UNPACKED = 1
_COMPRESSIONS = (_UNPACKED, 2, 3, 4, 5, 7, 8, 32773, 32946)
# libtiff treats more entries in a directory as damage.
_MOST_ENTRIES = 4096


@dataclass(frozen=True)
class TiffHeader:
    """Header of the first image of a file.

    Attributes:
        width, height: in pixels. If the tiles of an image are larger than the image, the tile size: a decoder needs
            that much memory.
        compression: number of the compression scheme.
        extra_samples: what the first channel besides the colours is: 0 unspecified, 1 alpha by which the colours are
            multiplied, 2 alpha by which they are not.
        extra_samples_place: place of the least significant byte of `extra_samples` in the file, 0 if there is none.
    """

    width: int
    height: int
    compression: int
    extra_samples: int = 0
    extra_samples_place: int = 0

    @property
    def is_decodable(self) -> bool:
        """Whether OpenCV's own libtiff can decompress it; with any other compression OpenCV returns a black image."""
        return self.compression in _COMPRESSIONS


def read_tiff_header(content: bytes) -> TiffHeader | None:
    """Return the header, None if it is damaged.

    Args:
        content: the file's bytes; they start with one of `TIFF_STARTS`.
    """
    try:
        places = {tag: (value, place) for tag, value, place in _numbers(content)}
        found = {tag: value for tag, (value, _) in places.items()}
        width, height = found[_WIDTH], found[_HEIGHT]
    except (struct.error, KeyError):
        return None
    if not width or not height:
        return None
    return TiffHeader(
        max(width, found.get(_TILE_WIDTH, 0)),
        max(height, found.get(_TILE_HEIGHT, 0)),
        found.get(_COMPRESSION, _UNPACKED),
        *places.get(_EXTRA_SAMPLES, (0, 0)),
    )


def _numbers(content: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield tag, value and place of its least byte in the first directory, last entries first: libtiff uses the first.

    Raises:
        struct.error: the directory lies beyond the end of the file.
        KeyError: a size is not an integer.
    """
    order = '<' if content.startswith(b'II') else '>'
    is_big = b'+' in content[:4]
    (place,) = struct.unpack_from(order + ('Q' if is_big else 'I'), content, 8 if is_big else 4)
    place = min(place, len(content))  # struct accepts none larger than the platform's
    (count,) = struct.unpack_from(order + ('Q' if is_big else 'H'), content, place)
    if count > _MOST_ENTRIES:
        raise struct.error('too many entries')
    place += 8 if is_big else 2
    length, start_of_value = (20, 12) if is_big else (12, 8)
    for number in reversed(range(count)):
        entry = place + number * length
        tag, kind = struct.unpack_from(order + 'HH', content, entry)
        if tag in _TAGS:
            place_of_value, form = entry + start_of_value, order + _NUMBERS[kind]
            (value,) = struct.unpack_from(form, content, place_of_value)
            yield tag, value, place_of_value + (struct.calcsize(form) - 1 if order == '>' else 0)


JPEG_START = b'\xff\xd8\xff'
_END_MARK = b'\xff\xd9'
_SCAN_MARK = b'\xff\xda'
# As in libjpeg: other bytes before a marker are skipped, and it may be padded with further FF. (A leading `FF+` would
# take time quadratic in the padding.)
_MARKER = re.compile(rb'\xff([^\xff\x00])', re.DOTALL)
_START_CODE, _END_CODE, _SCAN_CODE = 0xD8, 0xD9, 0xDA
_CODES_WITHOUT_LENGTH = {0x01, *range(0xD0, 0xD8)}
# C4, C8 and CC are tables; the others start a frame, each with another coding.
_FRAME_CODES = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_LAST_HUFFMAN_CODE = 0xC7
# A Huffman code has at least one bit for each block of 8 x 8 pixels.
_PIXELS_A_BYTE = 8 * 8 * 8


@dataclass(frozen=True)
class JpegHeader:
    """Width and height in pixels, and the byte range of the pixels' code.

    Attributes:
        width, height: in pixels.
        start: where the first scan begins.
        end: where the image ends, -1 if it is truncated. In the pixels' code FF is followed only by 00 or a restart
            marker, so the first end marker after their start is the image's own. Thumbnails in the header do not
            matter, nor does anything after the end: phones append videos and other data.
        is_arithmetic: whether the code is arithmetic, which can take less than a bit per block, instead of Huffman's.
    """

    width: int
    height: int
    start: int
    end: int
    is_arithmetic: bool

    @property
    def is_whole(self) -> bool:
        """Whether the end is present, with at least one bit for each block of 8 x 8 pixels before it.

        Decoders fill missing parts with gray: a file of a kilobyte would take the memory of all the pixels it states.
        """
        most_pixels = (self.end - self.start) * _PIXELS_A_BYTE
        return self.end >= 0 and (self.is_arithmetic or self.width * self.height <= most_pixels)

    def count_scans(self, content: bytes) -> int:
        """Return the number of the decoder's passes over the image: one, or some ten if it is progressive."""
        return content.count(_SCAN_MARK, self.start, self.end)


def read_jpeg_header(content: bytes) -> JpegHeader | None:
    """Return the header of a JPEG, None if it is damaged or truncated.

    Args:
        content: the file's bytes; they start with `JPEG_START`.
    """
    place = 2
    size: tuple[int, int] | None = None
    is_arithmetic = False
    while True:
        match = _MARKER.search(content, place)
        if match is None:
            return None
        code, place = match[1][0], match.end()
        if code in _CODES_WITHOUT_LENGTH:
            continue
        if code == _SCAN_CODE:
            start = place - len(_SCAN_MARK)
            return None if size is None else JpegHeader(*size, start, content.find(_END_MARK, start), is_arithmetic)
        length = int.from_bytes(content[place : place + 2], 'big')
        if length < 2 or code in (_START_CODE, _END_CODE):
            return None
        if code in _FRAME_CODES:
            if size is not None or place + 7 > len(content):
                return None
            height, width = content[place + 3 : place + 5], content[place + 5 : place + 7]
            size = int.from_bytes(width, 'big'), int.from_bytes(height, 'big')
            is_arithmetic = code > _LAST_HUFFMAN_CODE
        place += length


FORMATS = 'BMP, JPEG, PNG, TIFF or WebP'
PNG_START = b'\x89PNG\r\n\x1a\n'
_PNG_END = b'IEND'
_PNG_LENGTH = struct.Struct('>I')
# Length, name and checksum of a chunk, in bytes.
_PNG_CHUNK_FRAME = 12
_BMP_START, _WEBP_START = b'BM', b'RIFF'
_SHORTEST_BMP, _SHORTEST_BMP_INFO = 12, 36


class Stated(NamedTuple):
    """Properties of a file that are known without decoding.

    Attributes:
        width, height: in pixels.
        is_whole: whether its end is present; True if this is not checked (OpenCV notices it).
        scans: number of a decoder's passes over the image.
    """

    width: int
    height: int
    is_whole: bool = True
    scans: int = 1


class UnknownFormatError(HCLError, ValueError):
    """The bytes are not of a known format, or of a variant that OpenCV does not support."""


def read_stated(content: bytes) -> Stated | None:
    """Return what an image file states, None if its header is damaged.

    Raises:
        UnknownFormatError: it is of another format.
    """
    for start, read in _READERS:
        if content.startswith(start):
            return read(content)
    raise UnknownFormatError(f'no {FORMATS} begins so')


def _read_png(content: bytes) -> Stated | None:
    if len(content) < 24 or content[12:16] != b'IHDR':
        return None
    width, height = struct.unpack_from('>II', content, 16)
    return Stated(width, height, is_whole=_png_is_whole(content))


def _png_is_whole(content: bytes) -> bool:
    """Whether all chunks of a PNG are present, up to its end mark.

    For a chunk that states more bytes than the file has, OpenCV allocates the memory before it notices.
    """
    place = len(PNG_START)
    while place + _PNG_CHUNK_FRAME <= len(content):
        (length,) = _PNG_LENGTH.unpack_from(content, place)
        name = content[place + 4 : place + 8]
        place += _PNG_CHUNK_FRAME + length
        if name == _PNG_END:
            return place <= len(content)
    return False


def _read_jpeg(content: bytes) -> Stated | None:
    header = read_jpeg_header(content)
    if header is None:
        return None
    return Stated(header.width, header.height, header.is_whole, header.count_scans(content))


def _read_bmp(content: bytes) -> Stated | None:
    if len(content) < 26:
        return None
    (length,) = struct.unpack_from('<I', content, 14)
    if length == _SHORTEST_BMP:
        width, height = struct.unpack_from('<HH', content, 18)
        return Stated(width, height)
    if length < _SHORTEST_BMP_INFO:
        return None
    width, height = struct.unpack_from('<ii', content, 18)
    return Stated(max(width, 0), abs(height))  # rows run from the top to the bottom if the height is negative


def _read_webp(content: bytes) -> Stated | None:
    if len(content) < 30 or content[8:12] != b'WEBP':
        return None
    kind = content[12:16]
    if kind == b'VP8X':
        return Stated(1 + int.from_bytes(content[24:27], 'little'), 1 + int.from_bytes(content[27:30], 'little'))
    if kind == b'VP8L':
        (bits,) = struct.unpack_from('<I', content, 21)
        return Stated(1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF))
    if kind == b'VP8 ':
        width, height = struct.unpack_from('<HH', content, 26)
        return Stated(width & 0x3FFF, height & 0x3FFF)  # the other two bits ask for scaling, which no decoder does
    return None


def _read_tiff(content: bytes) -> Stated | None:
    header = read_tiff_header(content)
    if header is None:
        return None
    if not header.is_decodable:
        raise UnknownFormatError(f'a TIFF of compression {header.compression}, which OpenCV does not know')
    return Stated(header.width, header.height)


_READERS: tuple[tuple[bytes | tuple[bytes, ...], Callable[[bytes], Optional[Stated]]], ...] = (
    (JPEG_START, _read_jpeg),
    (PNG_START, _read_png),
    (_WEBP_START, _read_webp),
    (TIFF_STARTS, _read_tiff),
    (_BMP_START, _read_bmp),
)
