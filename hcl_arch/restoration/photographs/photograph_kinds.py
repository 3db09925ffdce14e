"""Detection of the file type of bytes, and of whether they may be decoded as a photograph."""

from __future__ import annotations

from typing import NamedTuple

from hcl_arch.utils.errors import HCLError
from hcl_arch.utils.image_blocks import Blocks, split
from hcl_arch.utils.image_headers import Stated, UnknownFormatError, read_stated
from hcl_arch.utils.image_limits import GIF_STARTS, LimitError, Limits, check_limits
from hcl_arch.utils.iso_boxes import CODESTREAM_START, JP2_START, brand_of, picture_of

ACCEPTED = 'AVIF, BMP, GIF, HEIC, JPEG, JPEG 2000, PNG, TIFF or WebP'
SUFFIXES = frozenset(
    {
        '.bmp',
        '.dib',
        '.gif',
        '.jpg',
        '.jpeg',
        '.jpe',
        '.jfif',
        '.png',
        '.apng',
        '.tif',
        '.tiff',
        '.webp',
        '.avif',
        '.heic',
        '.heif',
        '.hif',
        '.jp2',
        '.jpf',
        '.jpx',
        '.j2k',
        '.j2c',
        '.jpc',
    }
)
# Other files that people will try; the message tells them what the file is.
_OTHER_STARTS: tuple[tuple[int, bytes, str], ...] = (
    (4, b'ftypcrx', 'a raw camera file'),
    (4, b'ftyp', 'a film'),
    (8, b'CR\x02', 'a raw camera file'),
    (0, b'IIU\0', 'a raw camera file'),
    (0, b'IIRO', 'a raw camera file'),
    (0, b'MMOR', 'a raw camera file'),
    (0, b'FUJIFILMCCD-RAW', 'a raw camera file'),
    (0, b'%PDF', 'a PDF document'),
    (0, b'8BPS', 'a Photoshop document'),
    (0, b'\0\0\0\x0cJXL ', 'a JPEG XL picture'),
    (0, b'\xff\x0a', 'a JPEG XL picture'),
    (0, b'v/1\x01', 'an OpenEXR picture'),
    (0, b'gimp xcf', 'a GIMP document'),
    (0, b'PK\x03\x04', 'a ZIP archive or an office document'),
    (0, b'\0\0\x01\0', 'an icon'),
)
_LOOKED_AT = 512


class UndecodableError(HCLError, ValueError):
    """The bytes are not a photograph that can and may be decoded; the message says why, without a name."""


class Inspected(NamedTuple):
    """A file that may be decoded.

    Attributes:
        blocks: its parts.
        stated: its size.
    """

    blocks: Blocks
    stated: Stated


def inspect(content: bytes, limits: Limits) -> Inspected:
    """Check what a file states about itself before decoding pixels or allocating memory for them.

    Raises:
        UndecodableError: It is empty, of another kind, damaged, cut short, or states more than is allowed.
    """
    if not content:
        raise UndecodableError('an empty file')
    other = None if brand_of(content) else _other_kind(content)
    if other is not None:
        raise UndecodableError(f'{other}: expected {ACCEPTED}. Convert it to one of these first')
    blocks = split(content)
    stated = _stated(blocks.content)
    if stated is None or not stated.width or not stated.height:
        raise UndecodableError('its header is damaged or cut short')
    try:
        check_limits(blocks.content, stated, blocks.layout, limits)
    except LimitError as error:
        raise UndecodableError(f'it states {error}') from error
    return Inspected(blocks, stated)


def _stated(content: bytes) -> Stated | None:
    if content.startswith(GIF_STARTS):
        if len(content) < 10:
            return None
        return Stated(int.from_bytes(content[6:8], 'little'), int.from_bytes(content[8:10], 'little'))
    if brand_of(content) or content.startswith((JP2_START, CODESTREAM_START)):
        picture = picture_of(content)
        return None if picture is None else Stated(picture.width, picture.height)
    try:
        return read_stated(content)
    except UnknownFormatError as error:
        if 'compression' in str(error):
            kind = str(error).partition(',')[0]
            raise UndecodableError(f'{kind}, which is not read here. Save it uncompressed or as PNG first') from None
        raise UndecodableError(f'no photograph: expected {ACCEPTED}') from None


def _other_kind(content: bytes) -> str | None:
    for place, start, kind in _OTHER_STARTS:
        if content.startswith(start, place):
            return kind
    head = content[:_LOOKED_AT].lstrip(b'\xef\xbb\xbf \t\r\n').lower()
    if head.startswith((b'<svg', b'<?xml')) and b'<svg' in content[: 8 * _LOOKED_AT].lower():
        return 'an SVG drawing'
    if head.startswith((b'<!doctype html', b'<html')):
        return 'a web page'
    return None


def is_lossless_webp(content: bytes) -> bool:
    """Whether a WebP is lossless, according to its first image chunk."""
    place = 12
    while place + 8 <= len(content):
        name, length = content[place : place + 4], int.from_bytes(content[place + 4 : place + 8], 'little')
        if name in (b'VP8 ', b'VP8L'):
            return name == b'VP8L'
        # The frame of an animation holds its image chunk after 16 bytes of its own.
        place += 8 + (16 if name == b'ANMF' else length + length % 2)
    return False
