"""The blocks of an image file: those that a decoder needs, and the metadata, which none gets to see.

Decoders read metadata while they open a file, in time and memory that the file decides, and refuse whole pictures for
them. So they get the file without them.
"""

from __future__ import annotations

import contextlib
import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from hcl_arch.utils.image_headers import JPEG_START, PNG_START, TIFF_STARTS
from hcl_arch.utils.iso_boxes import JP2_START, brand_of, jp2_metadata, without_exif
from hcl_arch.utils.tiff_directory import (
    ORIENTATION,
    Directory,
    DirectoryError,
    directory_bytes,
    read_directory,
)

# More of one kind is left out. The longest that photographs carry are profiles of some MiB.
MOST_METADATA = 2**23
# A file of more is passed on without what follows, and so is cut short: it would take seconds to walk through.
_MOST_SEGMENTS, _MOST_CHUNKS, _MOST_FLAWS = 10_000, 2**18, 10
XMP_KEYWORD = 'XML:com.adobe.xmp'
_JPEG_EXIF, _JPEG_XMP, _JPEG_ICC = b'Exif\0\0', b'http://ns.adobe.com/xap/1.0/\0', b'ICC_PROFILE\0'
_JPEG_FRAMES = b'MPF\0'
# Density and colours stand in these two of the sixteen kinds of segments that programs may use.
_KEPT_SEGMENTS, APP_SEGMENTS, _COMMENT = (0xE0, 0xEE), range(0xE0, 0xF0), 0xFE
_BARE_MARKERS = (0x01, *range(0xD0, 0xD8))
_SCAN, _LAST_MARKERS = 0xDA, (0xD8, 0xD9, 0xDA)
# As in `image_headers`: what stands between segments is passed over.
_MARKER = re.compile(rb'\xff([^\xff\x00])', re.DOTALL)
# Of the chunks that a decoder may pass over, those of transparency and animation are needed.
_KEPT_CHUNKS = (b'tRNS', b'acTL', b'fcTL', b'fdAT')
PNG_COLOUR_CHUNKS = (b'cICP', b'sRGB', b'gAMA', b'cHRM')
_MOST_TEXTS = 1000
METRES_PER_INCH = 0.0254
_WEBP_BLOCKS, _WEBP_FLAGS = {b'ICCP': 'icc', b'EXIF': 'exif', b'XMP ': 'xmp'}, 0x2C
_TIFF_XMP, _TIFF_ICC = 700, 34675
_RAW_EXIF = (b'Raw profile type exif', b'Raw profile type APP1')
# Orientation and resolution are read even where the other tags are damaged.
RESOLUTION_ACROSS, RESOLUTION_DOWN, RESOLUTION_UNIT = 282, 283, 296
_BASIC_TAGS = frozenset((ORIENTATION, RESOLUTION_ACROSS, RESOLUTION_DOWN, RESOLUTION_UNIT))
# Tags of a TIFF's own pixels: layout, colours, tiles and strips, tables of compressed pixels.
LAYOUT_TAGS = frozenset(
    (254, 256, 257, 258, 259, 262, 266, 273, 277, 278, 279, 284, 292, 293, 317, 320, 322, 323, 324, 325, 332)
    + (334, 338, 339, 340, 341, 346, 347, 512, 513, 514, 515, 519, 520, 521, 529, 530, 531, 532)
    + (32995, 32996, 32997, 32998)
)


@dataclass
class Blocks:
    """The parts of a file.

    Attributes:
        content: the file as a decoder gets it.
        layout: of a TIFF: the entries of its pixels' layout.
        tags: EXIF data, and a TIFF's own tags; None if there are none.
        icc, xmp: colour profile and XMP packet.
        colours: PNG's chunks on colours, by name.
        text: PNG's texts.
        dpi: pixels per inch that a PNG states.
        has_frames: a JPEG or TIFF that holds further pictures.
        flaws: what is left out because it is damaged, and why.
    """

    content: bytes
    layout: Directory = field(default_factory=Directory)
    tags: Directory | None = None
    icc: bytes | None = None
    xmp: bytes | None = None
    colours: dict[bytes, bytes] = field(default_factory=dict)
    text: dict[str, str] = field(default_factory=dict)
    dpi: tuple[float, float] | None = None
    has_frames: bool = False
    flaws: list[str] = field(default_factory=list)

    @property
    def orientation(self) -> int:
        """The EXIF orientation, 1 (upright) to 8."""
        stated = 1 if self.tags is None else self.tags.number(ORIENTATION, 1)
        return stated if 1 <= stated <= 8 else 1

    def turn(self, orientation: int) -> None:
        """State another orientation than that of the EXIF data."""
        if orientation != self.orientation:
            self.tags = self.tags or Directory()
            self.tags.put(ORIENTATION, [orientation], 3)

    def tell(self, flaw: str) -> None:
        """Note a flaw once."""
        if flaw not in self.flaws and len(self.flaws) < _MOST_FLAWS:
            self.flaws.append(flaw)

    def take_exif(self, data: bytes) -> None:
        """Read EXIF data; of damaged ones only orientation and resolution are kept."""
        data = data.removeprefix(_JPEG_EXIF)
        try:
            if len(data) > MOST_METADATA:
                raise DirectoryError(f'{len(data):,} bytes, more than {MOST_METADATA:,}')
            self.tags = read_directory(data)
        except DirectoryError as error:
            self.tell(f'its EXIF data are damaged and left out ({error})')
            with contextlib.suppress(DirectoryError):
                self.tags = read_directory(data, only=_BASIC_TAGS)
            return
        self.tell_of_parts()

    def tell_of_parts(self) -> None:
        """Note that some of the tags could not be read."""
        if self.tags is not None and not self.tags.is_whole:
            self.tell('some of its EXIF data are damaged and left out')

    def take(self, kind: str, data: bytes) -> None:
        """Take a block of metadata: 'exif', 'icc' or 'xmp'; the first of its kind counts."""
        if kind == 'exif' and self.tags is None:
            self.take_exif(data)
        elif kind == 'icc' and self.icc is None:
            self.icc = data
        elif kind == 'xmp' and self.xmp is None:
            self.xmp = data


def split(content: bytes) -> Blocks:
    """Return the parts of a file; of an unknown or damaged one, all as it is.

    Args:
        content: the file's bytes.
    """
    if content.startswith(JPEG_START):
        return _split_jpeg(content)
    if content.startswith(PNG_START) and content[12:16] == b'IHDR':
        return _split_png(content)
    if content.startswith(b'RIFF') and content[8:16] == b'WEBPVP8X' and len(content) >= 30:
        return _split_webp(content)
    if content.startswith(TIFF_STARTS):
        return _split_tiff(content)
    if brand_of(content) is not None or content.startswith(JP2_START):
        return _split_boxes(content)
    return Blocks(content)


def _split_jpeg(content: bytes) -> Blocks:
    blocks, kept = Blocks(content), [memoryview(content)[:2]]
    exif, profile = list[bytes](), dict[int, bytes]()
    for marker, start, end in jpeg_segments(content):
        if marker in _KEPT_SEGMENTS or (marker not in APP_SEGMENTS and marker != _COMMENT):
            kept.append(memoryview(content)[start:end])
            continue
        body = content[start + 4 : end]
        if body.startswith(_JPEG_EXIF):
            exif.append(body[len(_JPEG_EXIF) :])
        elif body.startswith(_JPEG_XMP):
            blocks.take('xmp', body[len(_JPEG_XMP) :])
        elif body.startswith(_JPEG_ICC) and len(body) > 14:
            profile.setdefault(body[12], body[14:])
        elif body.startswith(_JPEG_FRAMES):
            blocks.has_frames |= _states_frames(body[len(_JPEG_FRAMES) :])
    blocks.content = b''.join(kept)
    if exif:
        blocks.take('exif', b''.join(exif))
    if profile:
        blocks.icc = b''.join(profile[number] for number in sorted(profile))
    return blocks


def jpeg_segments(content: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield marker, start and end of the segments before the first scan, then all that follows as one."""
    place = 2
    for _ in range(_MOST_SEGMENTS):
        match = _MARKER.search(content, place)
        if match is None:
            yield _SCAN, place, len(content)
            return
        marker, place = match[1][0], match.start()
        if marker in _BARE_MARKERS:
            place = match.end()
            continue
        end = place + 2 + int.from_bytes(content[place + 2 : place + 4], 'big')
        if marker in _LAST_MARKERS or end > len(content) or end < place + 4:
            yield _SCAN, place, len(content)
            return
        yield marker, place, end
        place = end


def _states_frames(data: bytes) -> bool:
    try:
        return read_directory(data).number(0xB001, 1) > 1
    except DirectoryError:
        return False


def _split_png(content: bytes) -> Blocks:
    blocks, kept = Blocks(content), [memoryview(content)[: len(PNG_START)]]
    budget = MOST_METADATA
    for name, start, end in _chunks(content):
        body = memoryview(content)[start + 8 : end - 4]
        if name[0] < ord('a') or name in _KEPT_CHUNKS:
            kept.append(memoryview(content)[start:end])
        elif name in PNG_COLOUR_CHUNKS and len(body) <= 32:
            blocks.colours.setdefault(name, bytes(body))
        elif name == b'eXIf':
            blocks.take('exif', bytes(body))
        elif name == b'pHYs' and len(body) == 9 and body[8] == 1:
            across, down = struct.unpack_from('>II', body)
            blocks.dpi = across * METRES_PER_INCH, down * METRES_PER_INCH
        elif name in (b'iCCP', b'tEXt', b'zTXt', b'iTXt') and len(body) <= budget:
            budget -= _take_png_text(blocks, name, bytes(body), budget)
        elif name in (b'iCCP', b'tEXt', b'zTXt', b'iTXt'):
            blocks.tell(f'a text or profile is left out ({len(body):,} bytes)')
    blocks.content = b''.join(kept)
    return blocks


def _chunks(content: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield name, start and end of a PNG's chunks."""
    place = len(PNG_START)
    for _ in range(_MOST_CHUNKS):
        if place + 12 > len(content):
            return
        (length,) = struct.unpack_from('>I', content, place)
        name, end = content[place + 4 : place + 8], min(place + 12 + length, len(content))
        yield name, place, end
        place = end


def _take_png_text(blocks: Blocks, name: bytes, body: bytes, budget: int) -> int:
    """Take a profile or a text, and return its length in bytes."""
    keyword, _, rest = body.partition(b'\0')
    try:
        data = _png_text(name, rest, budget)
    except (zlib.error, ValueError) as error:
        blocks.tell(f'a text or profile is damaged and left out ({error})')
        return len(body)
    if name == b'iCCP':
        blocks.take('icc', data)
    elif keyword == XMP_KEYWORD.encode():
        blocks.take('xmp', data)
    elif keyword in _RAW_EXIF:
        blocks.take('exif', _raw_profile(data))
    elif not keyword.startswith(b'Raw profile type ') and len(keyword) < 80 and len(blocks.text) < _MOST_TEXTS:
        text = data.decode('utf-8' if name == b'iTXt' else 'latin-1', 'replace')
        blocks.text.setdefault(keyword.decode('latin-1'), text)
    return len(data)


def _png_text(name: bytes, rest: bytes, budget: int) -> bytes:
    if name == b'tEXt':
        return rest
    if name in (b'iCCP', b'zTXt'):
        return unpacked(rest[1:], budget)
    _, _, data = rest[2:].split(b'\0', 2)  # language and translated keyword
    return unpacked(data, budget) if rest[0] else data


def _raw_profile(text: bytes) -> bytes:
    """Return the bytes that ImageMagick writes in hexadecimal digits, after their kind and number."""
    try:
        return bytes.fromhex(b''.join(text.split()[2:]).decode('ascii'))
    except ValueError:
        return b''


def unpacked(data: bytes, most: int) -> bytes:
    """Return what deflated bytes expand to.

    Raises:
        ValueError: it is more than so many bytes.
        zlib.error: they are damaged.
    """
    unpacker = zlib.decompressobj()
    result = unpacker.decompress(data, most + 1)
    if len(result) > most:
        raise ValueError(f'they expand to more than {most:,} bytes')
    if not unpacker.eof:
        raise ValueError('they are cut short')
    return result


def _split_webp(content: bytes) -> Blocks:
    blocks, kept, place = Blocks(content), [content[8:12]], 12
    while place + 8 <= len(content) and len(kept) < _MOST_SEGMENTS:
        name, length = content[place : place + 4], int.from_bytes(content[place + 4 : place + 8], 'little')
        end = place + 8 + length + length % 2
        if name in _WEBP_BLOCKS and end <= len(content) + 1:
            blocks.take(_WEBP_BLOCKS[name], content[place + 8 : place + 8 + length])
        elif name == b'VP8X' and place == 12:
            kept += [content[place : place + 8], bytes([content[20] & ~_WEBP_FLAGS]), content[21:end]]
        else:
            kept.append(content[place:end])
        place = end
    body = b''.join(kept)
    # A file that is cut short must stay so.
    missing = max(0, int.from_bytes(content[4:8], 'little') + 8 - len(content))
    blocks.content = b'RIFF' + struct.pack('<I', len(body) + missing) + body
    return blocks


def _split_boxes(content: bytes) -> Blocks:
    """Profile and XMP of an AVIF or a HEIC come from its decoder, which does not look into them."""
    if content.startswith(JP2_START):
        blocks = Blocks(content)
        for kind, data in jp2_metadata(content).items():
            blocks.take(kind, data)
        return blocks
    hidden, exif = without_exif(content)
    blocks = Blocks(hidden)
    if exif:
        blocks.take('exif', exif)
    return blocks


def _split_tiff(content: bytes) -> Blocks:
    blocks = Blocks(content)
    try:
        known = read_directory(content, only=LAYOUT_TAGS | _BASIC_TAGS)
    except DirectoryError:
        return blocks
    blocks.layout, blocks.has_frames = known.only(LAYOUT_TAGS), known.has_next
    try:
        blocks.tags = read_directory(content, besides=LAYOUT_TAGS)
    except DirectoryError as error:
        blocks.tags = known.only(_BASIC_TAGS)
        blocks.tell(f'its EXIF data are damaged and left out ({error})')
    blocks.tell_of_parts()
    for tag, kind in ((_TIFF_ICC, 'icc'), (_TIFF_XMP, 'xmp')):
        entry = blocks.tags.entries.pop(tag, None)
        if entry is not None:
            blocks.take(kind, entry.data)
    blocks.content = with_layout(content, blocks.layout)
    return blocks


def with_layout(content: bytes, layout: Directory) -> bytes:
    """Return a TIFF of the same pixels with another directory, in the form of 32 bits."""
    order, end = layout.order, len(content) + len(content) % 2
    start = (b'II*\0' if order == '<' else b'MM\0*') + struct.pack(order + 'I', end)
    return b''.join([start, memoryview(content)[8:], bytes(end - len(content)), directory_bytes(layout, end)])
