"""Write a TIFF, deflated, with the tags that were read; no library is passed a tag that it may not know."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hcl_arch.restoration.photographs.tiff_decoding import EXTRA_SAMPLES, FLOATS, SAMPLE_FORMAT
from hcl_arch.utils.image_blocks import RESOLUTION_ACROSS, RESOLUTION_DOWN, RESOLUTION_UNIT
from hcl_arch.utils.tiff_directory import Directory, Entry, directory_bytes

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 256, 257, 258, 259, 262
_STARTS, _SAMPLES, _STRIP_ROWS, _COUNTS, _PLANES, _XMP, _ICC = 273, 277, 278, 279, 284, 700, 34675
_BYTE, _SHORT, _UNDEFINED = 1, 3, 7
_DEFLATE, _BLACK_IS_ZERO, _RGB, _INCH = 8, 1, 2, 2
_STRIP_BYTES = 2**20


def encode_tiff(
    pixels: NDArray[Any],
    tags: Directory,
    *,
    extra: tuple[int, ...] = (),
    xmp: bytes | None = None,
    profile: bytes | None = None,
    dpi: tuple[float, float] | None = None,
    base: int = 0,
) -> bytes:
    """Encode pixels.

    Args:
        pixels: (H, W, samples) uint8, uint16 or floating-point, one or three colours and the extra samples.
        tags: what else the file says; its byte order is used.
        extra: the kinds of the extra samples.
        xmp, profile, dpi: the other metadata; the resolution of `tags` counts where there is no `dpi`.
        base: where it will begin in the file that it becomes a page of.
    """
    order, strip_rows = tags.order, max(1, _STRIP_BYTES // pixels[0].nbytes)
    stored = pixels.astype(f'{order}{pixels.dtype.kind}{pixels.dtype.itemsize}', copy=False)
    strips = [zlib.compress(stored[row : row + strip_rows].tobytes()) for row in range(0, len(stored), strip_rows)]
    directory = Directory(order, dict(tags.entries), dict(tags.children))
    _put_layout(directory, pixels, strip_rows, extra)
    *starts, stop = np.cumsum([base + 8, *map(len, strips)]).tolist()
    directory.put(_STARTS, starts)
    directory.put(_COUNTS, map(len, strips))
    if dpi:
        directory.put(RESOLUTION_UNIT, [_INCH], _SHORT)
        directory.put_ratio(RESOLUTION_ACROSS, dpi[0])
        directory.put_ratio(RESOLUTION_DOWN, dpi[1])
    for tag, kind, data in ((_XMP, _BYTE, xmp), (_ICC, _UNDEFINED, profile)):
        if data:
            directory.entries[tag] = Entry(kind, len(data), data)
    end = stop + stop % 2
    start = (b'II*\0' if order == '<' else b'MM\0*') + struct.pack(order + 'I', end)
    return b''.join([start, *strips, bytes(end - stop), directory_bytes(directory, end)])


def joined_pages(parts: Sequence[bytes]) -> bytes:
    """Return a TIFF of pages that were encoded for their places in it, each at an even one behind the one before."""
    joined, links = bytearray(), list[int]()
    order = '<' if parts[0].startswith(b'II') else '>'
    for part in parts:
        joined += bytes(len(joined) % 2) + part
        (place,) = struct.unpack_from(order + 'I', part, 4)
        if links:
            struct.pack_into(order + 'I', joined, links[-1], place)
        (count,) = struct.unpack_from(order + 'H', joined, place)
        links.append(place + 2 + 12 * count)
    return bytes(joined)


def _put_layout(directory: Directory, pixels: NDArray[Any], strip_rows: int, extra: tuple[int, ...]) -> None:
    """Set the tags that say how pixels are stored."""
    height, width, samples = pixels.shape
    for tag, value in ((_WIDTH, width), (_HEIGHT, height), (_STRIP_ROWS, strip_rows)):
        directory.put(tag, [value])
    numbers = {
        _BITS: (8 * pixels.dtype.itemsize,) * samples,
        _COMPRESSION: (_DEFLATE,),
        _PHOTOMETRIC: (_BLACK_IS_ZERO if samples - len(extra) == 1 else _RGB,),
        _SAMPLES: (samples,),
        _PLANES: (1,),
        EXTRA_SAMPLES: extra,
        SAMPLE_FORMAT: (FLOATS,) * samples if pixels.dtype.kind == 'f' else (),
    }
    for tag, values in numbers.items():
        if values:
            directory.put(tag, values, _SHORT)
