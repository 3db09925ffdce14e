"""What an image file states of itself, read in microseconds and without decoding any pixel.

A file of some kilobytes can state a size that takes all memory to decode. Pillow tells the size too, but takes up to
ten times as long as the lines below, knows no TIFF of 16 bit in colour, and gets memory for a WebP to be decoded in.
"""

from __future__ import annotations

import struct
from typing import Callable, NamedTuple, Optional

from hcl_arch.utils.jpeg_header import JPEG_START, read_jpeg_header
from hcl_arch.utils.tiff_header import TIFF_STARTS, read_tiff_header

FORMATS = 'BMP, JPEG, PNG, TIFF or WebP'
PNG_START = b'\x89PNG\r\n\x1a\n'
_PNG_END = b'IEND'
_PNG_LENGTH = struct.Struct('>I')
# Length, name and checksum of a chunk, in bytes.
_PNG_CHUNK_FRAME = 12
_BMP_START, _WEBP_START = b'BM', b'RIFF'
_SHORTEST_BMP, _SHORTEST_BMP_INFO = 12, 36


class Stated(NamedTuple):
    """What a file states, or shows without being decoded.

    Attributes:
        width, height: in pixels.
        is_whole: its end is there; True where that is not looked for (OpenCV sees it).
        scans: how many times a decoder goes over the image.
    """

    width: int
    height: int
    is_whole: bool = True
    scans: int = 1


class UnknownFormatError(ValueError):
    """The bytes begin as no file of the known formats does, or are of a form of one that OpenCV does not know."""


def read_stated(content: bytes) -> Stated | None:
    """Return what an image file states, None if its header is damaged.

    Raises:
        UnknownFormatError: it is of another kind.
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
    """Say whether all chunks of a PNG are there, up to its end mark.

    Of a chunk that states more bytes than the file has, OpenCV takes the memory before it sees that.
    """
    place = len(PNG_START)
    while place + _PNG_CHUNK_FRAME <= len(content):
        length, = _PNG_LENGTH.unpack_from(content, place)
        name = content[place + 4:place + 8]
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
    length, = struct.unpack_from('<I', content, 14)
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
        bits, = struct.unpack_from('<I', content, 21)
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
