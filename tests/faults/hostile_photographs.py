"""Photographs that state far more than they have, and metadata that no camera writes."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping

from tests.faults import image_bytes as ib

RATIONAL, UNDEFINED, SHORT, LONG = 5, 7, 3, 4
SIZES = {1: 1, 2: 1, SHORT: 2, LONG: 4, RATIONAL: 8, UNDEFINED: 1, 9: 4, 10: 8, 11: 4, 12: 8, 16: 8}
Values = tuple[int, int, bytes]


def directory(entries: Mapping[int, Values], *, big: bool = False, start: bytes = b'') -> bytes:
    """Return a TIFF: `start` behind its header, then a directory of tag -> type, count and the values' bytes."""
    room, head = (8, 16) if big else (4, 8)
    place = head + len(start)
    end = place + (8 if big else 2) + len(entries) * (20 if big else 12) + room
    body, behind = struct.pack('<Q' if big else '<H', len(entries)), b''
    for tag, (kind, count, data) in sorted(entries.items()):
        value = data.ljust(room, b'\0')
        if len(data) > room:
            value = struct.pack('<Q' if big else '<I', end + len(behind))
            behind += data
        body += struct.pack('<HHQ' if big else '<HHI', tag, kind, count) + value
    header = struct.pack('<2sHHHQ', b'II', 43, 8, 0, place) if big else struct.pack('<2sHI', b'II', 42, place)
    return header + start + body + bytes(room) + behind


def overlapping(count: int, kind: int, size: int = 190_000) -> bytes:
    """Return EXIF data of so many entries that all state the same bytes, and an orientation of 6."""
    entries = [(0x0112, SHORT, 1, 6), *((40_000 + number, kind, size // SIZES[kind], 8) for number in range(count))]
    body = struct.pack('<H', len(entries)) + b''.join(struct.pack('<HHII', *entry) for entry in entries) + bytes(4)
    return (b'II*\0\x08\0\0\0' + body).ljust(size + 8, b'\1')


def jpeg_with_exif(exif: bytes) -> bytes:
    """Return a JPEG with EXIF data of any length, in as many segments as they take."""
    content = ib.encoded('JPEG')
    parts = [b'Exif\0\0' + exif[place : place + 65_000] for place in range(0, len(exif), 65_000)]
    segments = b''.join(b'\xff\xe1' + struct.pack('>H', len(part) + 2) + part for part in parts)
    return content[:20] + segments + content[20:]  # behind JFIF's segment


def png_with(*chunks: tuple[bytes, bytes], content: bytes | None = None) -> bytes:
    """Return a PNG with further chunks behind its header."""
    content = ib.encoded('PNG') if content is None else content
    return content[:33] + b''.join(ib.png_chunk(*chunk) for chunk in chunks) + content[33:]


def webp_with(*chunks: tuple[bytes, bytes]) -> bytes:
    """Return an extended WebP with further chunks."""
    pixels = ib.encoded('WEBP')[12:]
    body = b'WEBP' + b'VP8X' + struct.pack('<IB3x', 10, 0x2C) + bytes([47, 0, 0, 39, 0, 0]) + pixels
    for name, data in chunks:
        body += name + struct.pack('<I', len(data)) + data + b'\0' * (len(data) % 2)
    return b'RIFF' + struct.pack('<I', len(body)) + body


def tiff(
    pixels: bytes,
    width: int,
    height: int,
    *,
    samples: int = 1,
    bits: int = 8,
    compression: int = 1,
    more: Mapping[int, Values] | None = None,
    big: bool = False,
) -> bytes:
    """Return a TIFF of one strip."""

    def shorts(*values: int) -> Values:
        return SHORT, len(values), struct.pack(f'<{len(values)}H', *values)

    def long(value: int) -> Values:
        return LONG, 1, struct.pack('<I', value)

    entries = {
        256: long(width),
        257: long(height),
        258: shorts(*[bits] * samples),
        259: shorts(compression),
        262: shorts(2 if samples > 2 else 1),
        273: long(16 if big else 8),
        277: shorts(samples),
        278: long(height),
        279: long(len(pixels)),
        **(more or {}),
    }
    return directory(entries, big=big, start=pixels)


def bomb_strip(expanded: int) -> bytes:
    """Return a deflated strip of zeros."""
    packer = zlib.compressobj()
    block = bytes(2**20)
    return b''.join(packer.compress(block) for _ in range(expanded // len(block))) + packer.flush()
