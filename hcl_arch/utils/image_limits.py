"""What a picture may cost, checked by what its file states, before a pixel is decoded."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass

from hcl_arch.utils.errors import HCLError, InputError
from hcl_arch.utils.image_headers import JPEG_START, PNG_START, TIFF_STARTS, Stated
from hcl_arch.utils.iso_boxes import CODESTREAM_START, JP2_START, picture_of
from hcl_arch.utils.tiff_directory import Directory

# A file of 300 KB can state 2**32 pixels.
MAX_PIXELS = 2**28
MAX_DECODED_BYTES = 2**30
MIB = 2**20
# Side of the smallest picture that networks take; smaller ones are mirrored.
MIN_IMAGE_SIZE = 16
# MiB that a repair may use by default. More makes no photograph faster: large ones are faster in tiles.
DEFAULT_MEMORY = 2048
# A progressive JPEG takes some ten passes; a forged one of some MB takes ten thousand, which takes hours.
MAX_SCANNED_PIXELS = 2**32
MAX_SCANS = 1000
GIF_STARTS = (b'GIF87a', b'GIF89a')
_BMP_START, _WEBP_START = b'BM', b'RIFF'
_WIDTH, _BITS, _COMPRESSION, _SAMPLES, _STARTS, _COUNTS = 256, 258, 259, 277, (273, 324), (279, 325)
_BITS_OF_BMP, _SHORTEST_BMP_INFO = 28, 36
# Its decoder takes so many for each sample.
_BITS_OF_JPEG_2000 = 32
_CHANNELS_OF_PNG = {0: 1, 2: 3, 3: 4, 4: 4, 6: 4}
# Bytes that a compressed one can stand for: of Deflate, of LZW, of PackBits.
_DEFLATED, _LZW, _PACK_BITS = 1032, 2800, 64
_EXPANSIONS = {1: 1, 5: _LZW, 8: _DEFLATED, 32946: _DEFLATED, 32773: _PACK_BITS}
# A WebP can state a picture of one colour in some bytes, whatever its size. No photograph of this size is so short.
_LARGE_WEBP, _PIXELS_A_BYTE_OF_WEBP = 2**24, 4096
# Strips may share bytes, as some writers let equal ones do.
_MOST_SHARING = 4


class LimitError(HCLError, ValueError):
    """A file states more than is allowed, or more than it can hold; the message goes on after 'it states'."""


@dataclass(frozen=True)
class Limits:
    """Limits of a picture.

    Attributes:
        pixels: width times height.
        decoded_bytes: of its decoded pixels, as they are stored: channels and depth count.
        pixels_option, bytes_option: what a user sets for another limit, in megapixels and MiB.
    """

    pixels: int = MAX_PIXELS
    decoded_bytes: int = MAX_DECODED_BYTES
    pixels_option: str = 'HCL_MAX_MEGAPIXELS'
    bytes_option: str = 'HCL_MAX_DECODED'


def default_limits() -> Limits:
    """Return the limits for whoever names none: those of the environment.

    Raises:
        ValueError: A variable of the environment is no number above 0.
    """
    usual = Limits()
    return Limits(
        round(_number(usual.pixels_option, usual.pixels / 1e6) * 1e6),
        round(_number(usual.bytes_option, usual.decoded_bytes / MIB) * MIB),
    )


def _number(name: str, otherwise: float) -> float:
    text = os.environ.get(name)
    if not text:
        return otherwise
    try:
        value = float(text)
    except ValueError:
        value = 0
    if not 0 < value < float('inf'):
        raise InputError(f'{name} in the environment: expected a number above 0, got {text!r}')
    return value


def check_limits(content: bytes, stated: Stated, layout: Directory, limits: Limits) -> None:
    """Check a file by its header.

    Args:
        content: the file as its decoder gets it.
        stated: what its header states.
        layout: of a TIFF, its directory.
        limits: what is allowed.

    Raises:
        LimitError: it states too much, or more than so many bytes can hold.
    """
    pixels, size = stated.width * stated.height, f'{stated.width:,} x {stated.height:,} pixels'
    if pixels > limits.pixels:
        raise LimitError(f'{size}, more than the limit of {limits.pixels:,} pixels in all ({limits.pixels_option})')
    decoded = pixels * _bits_a_pixel(content, layout) // 8
    if decoded > limits.decoded_bytes:
        raise LimitError(
            f'{size}, which take {decoded / MIB:,.0f} MiB decoded, more than the limit of '
            f'{limits.decoded_bytes / MIB:,.0f} MiB ({limits.bytes_option})'
        )
    if not stated.is_whole:  # OpenCV 4 fills missing parts with gray and raises nothing
        raise LimitError(f'{size} and is cut short')
    if stated.scans > MAX_SCANS or stated.scans * pixels > MAX_SCANNED_PIXELS:
        raise LimitError(f'{size} that are coded in {stated.scans:,} scans, where some ten are usual')
    if _most_bits(content, layout, pixels) < pixels * _stored_bits(content, layout):
        raise LimitError(f'{size}, which its {len(content):,} bytes cannot hold: it is cut short or damaged')
    _check_strips(content, layout)


def _bits_a_pixel(content: bytes, layout: Directory) -> int:
    """Bits of a decoded pixel."""
    if content.startswith(PNG_START):
        depth, colour = content[24:26].ljust(2, b'\0')
        return _CHANNELS_OF_PNG.get(colour, 4) * max(depth, 8)
    if content.startswith(TIFF_STARTS):
        return max(layout.number(_SAMPLES, 1), 1) * max(8, *layout.numbers(_BITS), 8)
    if content.startswith((JP2_START, CODESTREAM_START)):
        picture = picture_of(content)
        return _BITS_OF_JPEG_2000 * (picture.channels if picture else 4)
    return 24 if content.startswith(JPEG_START) else 32


def _stored_bits(content: bytes, layout: Directory) -> int:
    """Least bits of a pixel before compression."""
    if content.startswith(PNG_START):
        depth, colour = content[24:26].ljust(2, b'\0')
        return max(depth, 1) * {2: 3, 4: 2, 6: 4}.get(colour, 1)
    if content.startswith(TIFF_STARTS):
        return max(layout.number(_SAMPLES, 1), 1) * max(1, min(layout.numbers(_BITS), default=1))
    if content.startswith(_BMP_START):
        return _uncompressed_bits_of_bmp(content)
    return 8


def _uncompressed_bits_of_bmp(content: bytes) -> int:
    """Bits of a pixel, 0 where they are compressed."""
    if len(content) < 34 or int.from_bytes(content[14:18], 'little') < _SHORTEST_BMP_INFO:
        return 0
    bits, compression = struct.unpack_from('<HI', content, _BITS_OF_BMP)
    return bits if compression in (0, 3) else 0


def _most_bits(content: bytes, layout: Directory, pixels: int) -> float:
    """Bits before compression that a file can hold at most; infinite where that is not known."""
    bits = 8 * len(content)
    if content.startswith(PNG_START):
        return bits * _DEFLATED
    if content.startswith(GIF_STARTS):
        return bits * _LZW
    if content.startswith(_BMP_START):
        return bits
    if content.startswith(TIFF_STARTS):
        # Colour may be stored at half its size in each direction.
        return bits * _MOST_SHARING * _EXPANSIONS.get(layout.number(_COMPRESSION, 1), float('inf'))
    if content.startswith(_WEBP_START) and pixels > _LARGE_WEBP:
        return bits * _PIXELS_A_BYTE_OF_WEBP
    return float('inf')


def _check_strips(content: bytes, layout: Directory) -> None:
    """Check that the strips or tiles of a TIFF are in the file, and are not the same bytes again and again."""
    for starts, counts in zip(_STARTS, _COUNTS):
        places = list(zip(layout.numbers(starts), layout.numbers(counts)))
        stated, end = sum(count for _, count in places), max((sum(place) for place in places), default=0)
        if end > int.from_bytes(content[4:8], 'little' if content.startswith(b'II') else 'big'):  # of the directory
            raise LimitError(f'pixels up to byte {end:,}, behind its end: it is cut short or damaged')
        if stated > _MOST_SHARING * len(content):
            raise LimitError(f'strips or tiles of {stated:,} bytes, and has {len(content):,}: it is damaged')
