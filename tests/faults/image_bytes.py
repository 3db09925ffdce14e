"""Image files byte by byte: whole ones of every kind, and ones that no encoder writes."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

PNG_START = b'\x89PNG\r\n\x1a\n'


def picture(height: int = 40, width: int = 48) -> NDArray[np.uint8]:
    """Return a smooth colourful image, (height, width, 3) uint8."""
    coarse = np.random.default_rng(0).integers(0, 256, (5, 6, 3)).astype(np.uint8)
    return cv2.resize(coarse, (width, height))  # type: ignore[return-value]


def encoded(kind: str, mode: str = 'RGB', image: NDArray[np.uint8] | None = None, **options: Any) -> bytes:
    """Return an image encoded by Pillow."""
    file = io.BytesIO()
    Image.fromarray(picture() if image is None else image).convert(mode).save(file, kind, **options)
    return file.getvalue()


def encoded_by_opencv(extension: str, image: NDArray[Any]) -> bytes:
    return cv2.imencode(extension, image)[1].tobytes()  # type: ignore[no-any-return]


def whole_images() -> dict[str, bytes]:
    """Return one image of every kind that is read, by name and extension."""
    deep = picture().astype(np.uint16) * 257
    frames = [Image.fromarray(picture()), Image.fromarray(picture()[::-1])]
    animation, animated_png = io.BytesIO(), io.BytesIO()
    frames[0].save(animation, 'WEBP', save_all=True, append_images=frames[1:])
    frames[0].save(animated_png, 'PNG', save_all=True, append_images=frames[1:])
    return {
        'plain.jpg': encoded('JPEG'),
        'progressive.jpg': encoded('JPEG', progressive=True),
        'gray.jpg': encoded('JPEG', 'L'),
        'cmyk.jpg': encoded('JPEG', 'CMYK'),
        'exif_of_60_kb.jpg': encoded('JPEG', exif=b'Exif\0\0MM\0*\0\0\0\x08\0\0' + bytes(60_000)),
        'bytes_between_segments.jpg': (lambda parts: b''.join(parts[:2] + [b'abc', b'\xff' * 5] + parts[2:]))(
            jpeg_parts(encoded('JPEG'))
        ),
        'plain.png': encoded('PNG'),
        'palette.png': encoded('PNG', 'P'),
        'one_bit.png': encoded('PNG', '1'),
        'alpha.png': encoded('PNG', 'RGBA'),
        'deep.png': encoded_by_opencv('.png', deep),
        'animated.png': animated_png.getvalue(),
        'two_thousand_million_frames.png': png(
            48, 40, chunks=((b'acTL', struct.pack('>II', 2**31 - 1, 0)), frame_chunk(48, 40), PIXELS)
        ),
        'plain.webp': encoded('WEBP'),
        'lossless.webp': encoded('WEBP', lossless=True),
        'alpha.webp': encoded('WEBP', 'RGBA'),
        'animated.webp': animation.getvalue(),
        'plain.bmp': encoded('BMP'),
        'palette.bmp': encoded('BMP', 'P'),
        'plain.tif': encoded('TIFF'),
        'packed.tiff': encoded('TIFF', compression='tiff_lzw'),
        'jpeg.tif': encoded('TIFF', compression='jpeg'),
        'big.tif': encoded('TIFF', big_tiff=True),
        'deep.tif': encoded_by_opencv('.tif', deep),
    }


def png(
    width: int,
    height: int,
    *,
    depth: int = 8,
    colour: int = 2,
    rows: bytes = b'',
    crc_offset: int = 0,
    chunks: tuple[tuple[bytes, bytes], ...] | None = None,
) -> bytes:
    """Return a PNG that states what it is told to; `chunks` replace its pixels."""
    header = struct.pack('>IIBBBBB', width, height, depth, colour, 0, 0, 0)
    chunks = ((b'IDAT', zlib.compress(rows)),) if chunks is None else chunks
    return (
        PNG_START
        + png_chunk(b'IHDR', header, crc_offset)
        + b''.join(png_chunk(name, content) for name, content in chunks)
        + png_chunk(b'IEND', b'')
    )


PIXELS = (b'IDAT', zlib.compress((b'\0' + bytes(3 * 48)) * 40))


def frame_chunk(width: int, height: int, left: int = 0) -> tuple[bytes, bytes]:
    """Return the chunk that describes a frame of an animated PNG."""
    return b'fcTL', struct.pack('>IIIIIHHBB', 0, width, height, left, 0, 1, 1, 0, 0)


def png_chunk(name: bytes, content: bytes, crc_offset: int = 0) -> bytes:
    checksum = (zlib.crc32(name + content) + crc_offset) & 0xFFFFFFFF
    return struct.pack('>I', len(content)) + name + content + struct.pack('>I', checksum)


def jpeg_parts(content: bytes) -> list[bytes]:
    """Return the segments of a JPEG from its start marker on, the last one with the pixels and the end."""
    parts, place = [content[:2]], 2
    while content[place + 1] != 0xDA:
        end = place + 2 + int.from_bytes(content[place + 2 : place + 4], 'big')
        parts.append(content[place:end])
        place = end
    return [*parts, content[place:]]


def jpeg_with(old: int, new: bytes, content: bytes | None = None) -> bytes:
    """Return a JPEG whose segments with the marker `old` are replaced by `new`."""
    parts = jpeg_parts(encoded('JPEG') if content is None else content)
    return b''.join(new if part[1] == old else part for part in parts)


def jpeg_frame(width: int, height: int, *, marker: int = 0xC0, precision: int = 8) -> bytes:
    """Return the segment that states the size."""
    parts = bytes([3, 1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1])
    return bytes([0xFF, marker]) + struct.pack('>HBHH', 17, precision, height, width) + parts


def jpeg_of_size(width: int, height: int) -> bytes:
    return jpeg_with(0xC0, jpeg_frame(width, height))


def jpeg_with_scans(size: int, count: int) -> bytes:
    """Return a progressive JPEG of one colour whose last scan comes `count` times."""
    content = encoded('JPEG', image=np.full((size, size, 3), 90, np.uint8), progressive=True)
    last = content.rfind(b'\xff\xda')
    scan = content[last : content.rfind(b'\xff\xd9')]
    return content[:last] + scan * count + b'\xff\xd9'


def bmp(width: int, height: int, *, header: int = 40, bits: int = 24) -> bytes:
    """Return the head of a BMP and a few pixels."""
    if header == 12:
        info = struct.pack('<IHHHH', 12, width, height, 1, bits)
    else:
        info = struct.pack('<IiiHHIIiiII', header, width, height, 1, bits, 0, 0, 0, 0, 0, 0)
    return b'BM' + struct.pack('<IHHI', 14 + len(info) + 60, 0, 0, 14 + len(info)) + info + bytes(60)


def tiff(
    entries: dict[int, tuple[int, int]],
    *,
    big: bool = False,
    order: str = '<',
    offset: int | None = None,
    count: int | None = None,
) -> bytes:
    """Return a TIFF of one directory: tag -> type and value."""
    place = (16 if big else 8) if offset is None else offset
    start = b'II' if order == '<' else b'MM'
    count = len(entries) if count is None else count
    if big:
        content = start + struct.pack(order + 'HHHQQ', 43, 8, 0, place, count)
        body = b''.join(struct.pack(order + 'HHQQ', tag, kind, 1, value) for tag, (kind, value) in entries.items())
        return content + body + bytes(8)
    content = start + struct.pack(order + 'HIH', 42, place, count)
    body = b''
    for tag, (kind, value) in entries.items():
        number = struct.pack(order + 'HH', value, 0) if kind == 3 else struct.pack(order + 'I', value)
        body += struct.pack(order + 'HHI', tag, kind, 1) + number
    return content + body + bytes(4)


def tiff_of_size(width: int, height: int, **options: Any) -> bytes:
    """Return a TIFF of one gray strip that states a size."""
    more = options.pop('more', {})
    return tiff(
        {
            256: (4, width),
            257: (4, height),
            258: (3, 8),
            259: (3, 1),
            262: (3, 1),
            273: (4, 8),
            277: (3, 1),
            278: (4, height),
            279: (4, 8),
            **more,
        },
        **options,
    )


def webp(kind: bytes, body: bytes, *, riff: bytes = b'WEBP') -> bytes:
    """Return a RIFF file of one chunk."""
    chunk = kind + struct.pack('<I', len(body)) + body
    return b'RIFF' + struct.pack('<I', 4 + len(chunk)) + riff + chunk


def webp_canvas(width: int, height: int) -> bytes:
    """Return the head of an extended WebP, whose canvas has a size of its own."""
    sizes = (width - 1).to_bytes(3, 'little') + (height - 1).to_bytes(3, 'little')
    return webp(b'VP8X', bytes([2, 0, 0, 0]) + sizes)
