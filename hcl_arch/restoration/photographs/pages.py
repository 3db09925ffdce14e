"""All pages of a TIFF and all frames of an animation: read as photographs, and written as one file again."""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import IO, Any, Union

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from hcl_arch.restoration.photographs.photograph import COPIED, Photograph, read_bytes, reading
from hcl_arch.restoration.photographs.photograph_decoding import (
    FRAMES_REMARK,
    Decoded,
    decode_photograph,
    decoder_of,
)
from hcl_arch.restoration.photographs.photograph_kinds import UndecodableError, inspect
from hcl_arch.restoration.photographs.tiff_encoding import joined_pages
from hcl_arch.utils.errors import InputError
from hcl_arch.utils.image_decoding import upright
from hcl_arch.utils.image_headers import TIFF_STARTS
from hcl_arch.utils.image_limits import MIB, Limits, default_limits

_ANIMATED = {'PNG': 'PNG', 'GIF': 'PNG', 'WEBP': 'WEBP', 'AVIF': 'AVIF'}
_MOST_PAGES = 10_000
_REDUCED, _SUBFILE = 1, 254


def read_pages(
    source: Union[str, os.PathLike[str], IO[bytes]], *, limits: Limits | None = None
) -> tuple[Photograph, ...]:
    """Read all pages or frames of a file: several of a TIFF, a GIF, and an animated PNG, WebP or AVIF, else one.

    Reduced copies of a TIFF's pages are left out, with a remark. Frames are whole pictures, as they are shown.

    Raises:
        UnreadableImageError: As `read_photograph`, or all of them together take more memory than is allowed.
    """
    limits = limits or default_limits()
    with reading(source):
        content = read_bytes(source)
        first = decode_photograph(content, limits)
        if FRAMES_REMARK not in first.remarks:
            return (Photograph(**vars(first)),)
        if content.startswith(TIFF_STARTS):
            pages = list(_tiff_pages(content, limits))
        elif first.format in _ANIMATED and first.pixels.dtype == np.uint8:
            pages = list(_frames(content, first, limits))
        else:
            return (Photograph(**vars(first)),)
        return tuple(Photograph(**vars(page)) for page in pages)


def _tiff_pages(content: bytes, limits: Limits) -> Iterator[Decoded]:
    left, n_reduced, pages = limits.decoded_bytes, 0, list[Decoded]()
    for place in _directories(content):
        form = 'Q' if content[2:4] in (b'+\0', b'\0+') else 'I'
        order, head = ('<' if content.startswith(b'II') else '>'), 8 if form == 'Q' else 4
        own = content[:head] + struct.pack(order + form, place) + content[head + struct.calcsize(form) :]
        if pages and inspect(own, limits).blocks.layout.number(_SUBFILE, 0) & _REDUCED:
            n_reduced += 1
            continue
        page = decode_photograph(own, limits)
        left -= page.pixels.nbytes
        _check_left(left, limits)
        remarks = tuple(remark for remark in page.remarks if remark != FRAMES_REMARK)
        pages.append(replace(page, content=content, remarks=remarks))
    if n_reduced:
        remark = f'{n_reduced} reduced copies of its pages are left out'
        pages[0] = replace(pages[0], remarks=(*pages[0].remarks, remark))
    yield from pages


def _directories(content: bytes) -> Iterator[int]:
    """Yield the places of a TIFF's directories."""
    order, is_big = ('<' if content.startswith(b'II') else '>'), content[2:4] in (b'+\0', b'\0+')
    word, count_form, entry = ('Q', 'Q', 20) if is_big else ('I', 'H', 12)
    seen = set[int]()
    try:
        (place,) = struct.unpack_from(order + word, content, 8 if is_big else 4)
        while place and place not in seen and len(seen) < _MOST_PAGES:
            seen.add(place)
            yield place
            (count,) = struct.unpack_from(order + count_form, content, place)
            after = place + struct.calcsize(count_form) + count * entry
            (place,) = struct.unpack_from(order + word, content, after)
    except (struct.error, OverflowError):
        return


def _check_left(left: float, limits: Limits) -> None:
    if left < 0:
        raise UndecodableError(
            f'its pages or frames together take more than {limits.decoded_bytes / MIB:,.0f} MiB decoded '
            f'({limits.bytes_option})'
        )


def _frames(content: bytes, first: Decoded, limits: Limits) -> Iterator[Decoded]:
    blocks = inspect(content, limits).blocks
    remarks = tuple(remark for remark in first.remarks if remark != FRAMES_REMARK)
    with decoder_of(blocks.content)[1](io.BytesIO(blocks.content)) as image:
        count = image.n_frames
        _check_left(limits.decoded_bytes - count * first.pixels.shape[0] * first.pixels.shape[1] * 4, limits)
        for number in range(count):
            image.seek(number)
            pixels = np.ascontiguousarray(upright(np.array(image.convert('RGBA')), first.orientation))
            duration = float(image.info.get('duration') or 0)
            timing = {'duration': duration, 'loop': image.info.get('loop'), 'is_default': _is_default(image)}
            yield replace(first, pixels=pixels, is_gray=False, remarks=remarks if not number else (), timing=timing)


def _is_default(image: Image.Image) -> bool:
    return bool(image.info.get('default_image'))


def encode_pages(
    pages: Sequence[Photograph], wanted: str | None = None, *, quality: int | None = None, keep_metadata: bool = True
) -> tuple[bytes, list[str]]:
    """Encode pages as one file; the arguments are those of `Photograph.encode`.

    Raises:
        ValueError: The format holds one page only, or pages of one size only.
    """
    first = pages[0]
    if len(pages) == 1:
        return first.encode(wanted, quality=quality, keep_metadata=keep_metadata)
    own = first.written_format(wanted)
    is_same = own == first.format and keep_metadata and quality is None
    if is_same and all(page.repaired is None for page in pages):
        return first.content, [COPIED]
    if own == 'TIFF':
        return _encode_tiff(pages, keep_metadata)
    if own not in _ANIMATED.values():
        raise InputError(f'{own} holds one page or frame, and it has {len(pages)}: give --format tiff, png or webp')
    if len({page.pixels.shape[:2] for page in pages}) > 1:
        raise InputError(f'its {len(pages)} pages have several sizes, and {own} holds one: give --format tiff')
    return _encode_animation(pages, own, quality, keep_metadata)


def _encode_tiff(pages: Sequence[Photograph], keep_metadata: bool) -> tuple[bytes, list[str]]:
    parts, remarks, base = [], dict[str, None](), 0
    for page in pages:
        part, more = replace(page, content=b'').encode('TIFF', keep_metadata=keep_metadata, base=base)
        parts.append(part)
        remarks.update(dict.fromkeys(more))
        base += len(part) + len(part) % 2
    return joined_pages(parts), list(remarks)


def _encode_animation(
    pages: Sequence[Photograph], file_format: str, quality: int | None, keep_metadata: bool
) -> tuple[bytes, list[str]]:
    """Encode frames: the first as a picture with its metadata, and the others by Pillow beside it."""
    first = pages[0]
    timings: list[dict[str, Any]] = [page.timing or {} for page in pages]
    animation: dict[str, Any] = {
        'save_all': True,
        'append_images': [Image.fromarray(_frame(page)) for page in pages[1:]],
        'duration': [round(timing.get('duration') or 0) for timing in timings],
    }
    if file_format == 'PNG':
        animation['default_image'] = bool(timings[0].get('is_default'))
        animation['duration'] = animation['duration'][animation['default_image'] :]
    if timings[0].get('loop') is not None:
        animation['loop'] = timings[0]['loop']
    plain = replace(first, pixels=_frame(first), content=b'', is_gray=False)
    return plain.encode(file_format, quality=quality, keep_metadata=keep_metadata, animation=animation)


def _frame(page: Photograph) -> NDArray[np.uint8]:
    """8 bits with alpha, which all frames have then."""
    pixels: NDArray[Any] = page.pixels if page.pixels.dtype == np.uint8 else (page.pixels // 257).astype(np.uint8)
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[..., None], 3, axis=2)
    if pixels.shape[2] == 4:
        return pixels
    return np.concatenate([pixels, np.full((*pixels.shape[:2], 1), 255, np.uint8)], axis=2)
