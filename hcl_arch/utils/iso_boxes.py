"""The boxes of AVIF, HEIC and JPEG 2000 files: size, depth and metadata, read without a decoder."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

AVIF_BRANDS, HEIC_BRANDS = (b'avif', b'avis'), (b'heic', b'heix', b'heim', b'heis', b'hevc', b'hevx', b'mif1', b'msf1')
JP2_START, CODESTREAM_START = b'\0\0\0\x0cjP  \r\n\x87\n', b'\xffO\xffQ'
XMP_UUID, EXIF_UUID = bytes.fromhex('be7acfcb97a942e89c71999491e3afac'), b'JpgTiffExif->JP2'
_MOST_BOXES, _MOST_ITEMS = 10_000, 10_000
_HIDDEN = b'skip'
_PARENTS = (b'meta', b'iprp', b'ipco', b'jp2h', b'moov', b'trak', b'mdia', b'minf', b'stbl')


class Box(NamedTuple):
    """A box: its name, and where it and its content begin and end."""

    name: bytes
    place: int
    start: int
    end: int


class Picture(NamedTuple):
    """What the boxes of a file say.

    Attributes:
        width, height: in pixels, of the largest picture in it.
        depth: bits of a sample.
        channels: of a JPEG 2000.
    """

    width: int
    height: int
    depth: int = 8
    channels: int = 4


def brand_of(content: bytes) -> str | None:
    """Return 'AVIF' or 'HEIF' if the file is one, else None."""
    if content[4:8] != b'ftyp':
        return None
    stop = min(int.from_bytes(content[:4], 'big'), 256)
    brands = [content[8:12], *(content[place : place + 4] for place in range(16, stop, 4))]
    if any(brand in AVIF_BRANDS for brand in brands):
        return 'AVIF'
    return 'HEIF' if brands[0] in HEIC_BRANDS else None


def boxes(content: bytes, start: int = 0, end: int | None = None) -> Iterator[Box]:
    """Yield boxes from a place on, not those within them; it ends at a damaged one."""
    end = len(content) if end is None else min(end, len(content))
    for _ in range(_MOST_BOXES):
        if start + 8 > end:
            return
        size, name = struct.unpack_from('>I4s', content, start)
        head = 8
        if size == 1 and start + 16 <= end:
            (size,), head = struct.unpack_from('>Q', content, start + 8), 16
        stop = end if size == 0 else start + size
        if stop > end or stop < start + head:
            return
        yield Box(name, start, start + head, stop)
        start = stop


def all_boxes(content: bytes, start: int = 0, end: int | None = None) -> Iterator[Box]:
    """Yield boxes and those within them that describe a picture."""
    for box in boxes(content, start, end):
        yield box
        if box.name in _PARENTS:
            yield from all_boxes(content, box.start + 4 * (box.name == b'meta'), box.end)


def picture_of(content: bytes) -> Picture | None:
    """Return what an AVIF, HEIC or JPEG 2000 file states, None if it states nothing."""
    if content.startswith((JP2_START, CODESTREAM_START)):
        return _of_codestream(content)
    sizes, depth = list[tuple[int, int]](), 8
    for box in all_boxes(content):
        body = content[box.start : box.end]
        if box.name == b'ispe' and len(body) >= 12:
            sizes.append(struct.unpack_from('>II', body, 4))
        elif box.name == b'pixi' and len(body) >= 6:
            depth = max(depth, *body[5:])
    if not sizes:
        return None
    width, height = max(sizes, key=lambda size: size[0] * size[1])
    return Picture(width, height, depth)


def _of_codestream(content: bytes) -> Picture | None:
    place = content.find(CODESTREAM_START)
    if place < 0 or place + 43 > len(content):
        return None
    right, bottom, left, top = struct.unpack_from('>4I', content, place + 8)
    channels, depth = int.from_bytes(content[place + 40 : place + 42], 'big'), (content[place + 42] & 127) + 1
    return Picture(max(right - left, 0), max(bottom - top, 0), depth, channels)


def without_exif(content: bytes) -> tuple[bytes, bytes | None]:
    """Return an AVIF or HEIC file in which a decoder finds no EXIF data, and these data."""
    meta = next((box for box in boxes(content) if box.name == b'meta'), None)
    if meta is None:
        return content, None
    try:
        items = _items(content, meta)
        places = [(number, place) for number, (kind, place) in items.items() if kind == b'Exif']
        if not places:
            return content, None
        hidden = bytearray(content)
        for _, place in places:
            hidden[place : place + 4] = _HIDDEN
        data = _item_data(content, meta, places[0][0])
    except struct.error:
        return content, None
    return bytes(hidden), data[4 + int.from_bytes(data[:4], 'big') :]


def _items(content: bytes, meta: Box) -> dict[int, tuple[bytes, int]]:
    """Return kind of each item, and its place in the file, by the item's number."""
    items = dict[int, tuple[bytes, int]]()
    for table in boxes(content, meta.start + 4, meta.end):
        if table.name != b'iinf':
            continue
        start = table.start + (6 if content[table.start] == 0 else 8)
        for box in boxes(content, start, table.end):
            version = content[box.start]
            if box.name == b'infe' and version in (2, 3) and len(items) < _MOST_ITEMS:
                form = '>IH' if version == 3 else '>HH'
                number, _ = struct.unpack_from(form, content, box.start + 4)
                place = box.start + 4 + struct.calcsize(form)
                items[number] = content[place : place + 4], place
    return items


def _item_data(content: bytes, meta: Box, wanted: int) -> bytes:
    """Return the bytes of an item that stands in the file itself.

    Raises:
        struct.error: The table of places is damaged.
    """
    for table in boxes(content, meta.start + 4, meta.end):
        if table.name != b'iloc':
            continue
        reader = _Reader(content, table.start)
        version = reader.number(1)
        reader.number(3)
        sizes = reader.number(1), reader.number(1)
        (offset_size, length_size), (base_size, index_size) = ((size >> 4, size & 15) for size in sizes)
        for _ in range(min(reader.number(4 if version == 2 else 2), _MOST_ITEMS)):
            number = reader.number(4 if version == 2 else 2)
            method = reader.number(2) & 15 if version else 0
            reader.number(2)
            base = reader.number(base_size)
            parts = []
            for _ in range(min(reader.number(2), _MOST_ITEMS)):
                reader.number(index_size if version else 0)
                start, length = base + reader.number(offset_size), reader.number(length_size)
                parts.append((start, length))
            if number == wanted and method == 0 and sum(length for _, length in parts) <= len(content):
                return b''.join(content[start : start + length] for start, length in parts)
    return b''


class _Reader:
    """Reads whole numbers one after another."""

    def __init__(self, content: bytes, place: int) -> None:
        self._content, self._place = content, place

    def number(self, size: int) -> int:
        """Return the next number of so many bytes."""
        data = self._content[self._place : self._place + size]
        if len(data) < size:
            raise struct.error('cut short')
        self._place += size
        return int.from_bytes(data, 'big')


def jp2_metadata(content: bytes) -> dict[str, bytes]:
    """Return colour profile ('icc'), EXIF data ('exif') and XMP ('xmp') of a JPEG 2000 file."""
    found: dict[str, bytes] = {}
    for box in all_boxes(content) if content.startswith(JP2_START) else ():
        body = content[box.start : box.end]
        if box.name == b'colr' and body[:1] == b'\2':
            found.setdefault('icc', body[3:])
        elif box.name == b'uuid' and body.startswith((XMP_UUID, EXIF_UUID)):
            found.setdefault('xmp' if body.startswith(XMP_UUID) else 'exif', body[16:])
    return found


def with_jp2_metadata(content: bytes, icc: bytes | None, exif: bytes | None, xmp: bytes | None) -> bytes:
    """Return a JPEG 2000 file with metadata; a bare codestream has no place for them."""
    if not content.startswith(JP2_START):
        return content
    if icc:
        head = next(box for box in boxes(content) if box.name == b'jp2h')
        colour = next(box for box in boxes(content, head.start, head.end) if box.name == b'colr')
        inner = content[head.start : colour.place] + _box(b'colr', b'\2\0\0' + icc) + content[colour.end : head.end]
        content = content[: head.place] + _box(b'jp2h', inner) + content[head.end :]
    data = next(box for box in boxes(content) if box.name == b'jp2c')
    further = [_box(b'uuid', uuid + body) for uuid, body in ((EXIF_UUID, exif), (XMP_UUID, xmp)) if body]
    return b''.join([content[: data.place], *further, content[data.place :]])


def _box(name: bytes, body: bytes) -> bytes:
    return struct.pack('>I4s', len(body) + 8, name) + body
