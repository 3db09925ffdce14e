"""Encode pixels as a file, with the metadata kept from the original photograph."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, JpegImagePlugin, PngImagePlugin

from hcl_arch.restoration.photographs.photograph_metadata import PhotographMetadata
from hcl_arch.restoration.photographs.tiff_decoding import ASSOCIATED, UNASSOCIATED, UNSPECIFIED
from hcl_arch.restoration.photographs.tiff_encoding import encode_tiff
from hcl_arch.utils.errors import InputError
from hcl_arch.utils.image_blocks import APP_SEGMENTS, METRES_PER_INCH, XMP_KEYWORD, jpeg_segments
from hcl_arch.utils.image_headers import PNG_START
from hcl_arch.utils.iso_boxes import with_jp2_metadata
from hcl_arch.utils.pixel_values import LUMA, as_8_bit
from hcl_arch.utils.tiff_directory import Directory, DirectoryError

WRITTEN_FORMATS = ('PNG', 'JPEG', 'WEBP', 'TIFF', 'BMP', 'AVIF', 'JPEG2000')
_DEEP_FORMATS = ('PNG', 'TIFF')
_GRAY_DEEP_FORMATS = ('JPEG2000',)
_LONGEST_SIDE = {'JPEG': 65535, 'WEBP': 16383, 'AVIF': 65535}
# A JPEG's metadata come in segments of 64 KB.
_LONGEST_SEGMENT = 65533
_JPEG_XMP_START = b'http://ns.adobe.com/xap/1.0/\0'


def restricted(pixels: NDArray[Any], file_format: str) -> tuple[NDArray[Any], list[str]]:
    """Return pixels that a format can hold, and remarks on what was lost.

    Args:
        pixels: (H, W), (H, W, 3) or (H, W, 4), uint8 or uint16.
        file_format: one of `WRITTEN_FORMATS`.
    """
    remarks = []
    has_depth = file_format in _DEEP_FORMATS or (file_format in _GRAY_DEEP_FORMATS and pixels.ndim == 2)
    if pixels.dtype == np.uint16 and not has_depth:
        pixels = as_8_bit(pixels)
        here = ' here' if file_format in ('AVIF', *_GRAY_DEEP_FORMATS) else ''
        remarks.append(f'written with 8 bit, all that {file_format} has{here}')
    if pixels.ndim == 3 and pixels.shape[2] == 4 and file_format in ('JPEG', 'BMP'):
        pixels = on_white(pixels)
        remarks.append(f'laid on white, since {file_format} has no transparency')
    return pixels, remarks


def unwritten_metadata(metadata: PhotographMetadata, file_format: str) -> list[str]:
    """Return a description of the metadata that a format cannot hold."""
    if file_format == 'TIFF':
        return [] if _tags_of(metadata) is not None else ['written without EXIF, which is damaged']
    if file_format == 'JPEG2000' and metadata.dpi:
        return ['written without its resolution, which JPEG2000 has no place for here']
    if file_format != 'JPEG':
        return []
    segments = {'EXIF': metadata.exif, 'XMP': _as_jpeg_xmp(metadata)}
    too_long = [name for name, segment in segments.items() if _overflows(segment)]
    return [f'written without {" and ".join(too_long)}, which JPEG has 64 KB for'] if too_long else []


def _tags_of(metadata: PhotographMetadata) -> Directory | None:
    """The EXIF data as a directory, None if they are damaged."""
    try:
        return metadata.tags()
    except DirectoryError:
        return None


def on_white(pixels: NDArray[Any]) -> NDArray[Any]:
    """Lay (H, W, 4) pixels on white: (H, W, 3) of the same type."""
    most = np.iinfo(pixels.dtype).max
    alpha = pixels[..., 3:].astype(np.float32) / most
    laid = pixels[..., :3] * alpha + most * (1 - alpha)
    return np.rint(laid).astype(pixels.dtype)


def luma(pixels: NDArray[Any]) -> NDArray[Any]:
    """Gray of (..., 3) or (..., 4) pixels, which equal colours keep exactly; (..., 1) as they are."""
    if pixels.shape[-1] == 1:
        return pixels[..., 0]
    return np.rint(pixels[..., :3].astype(np.float32) @ LUMA).astype(pixels.dtype)


def as_straight(pixels: NDArray[Any]) -> NDArray[Any]:
    """Divide the colours of (..., 4) pixels by alpha; those of fully transparent ones stay."""
    most = np.iinfo(pixels.dtype).max
    alpha = np.maximum(pixels[..., 3:], 1).astype(np.float32)
    straight = pixels.copy()
    divided = np.rint(pixels[..., :3] * (np.float32(most) / alpha)).clip(0, most).astype(pixels.dtype)
    straight[..., :3] = np.where(pixels[..., 3:] > 0, divided, pixels[..., :3])
    return straight


def multiplied(pixels: NDArray[Any]) -> NDArray[Any]:
    """Multiply the colours of (..., 4) pixels by alpha."""
    most = np.iinfo(pixels.dtype).max
    result = pixels.copy()
    result[..., :3] = np.rint(pixels[..., :3] * (pixels[..., 3:] / np.float32(most))).astype(pixels.dtype)
    return result


def as_seen(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    """Return pixels for display: (H, W, 3) RGB uint8; transparency is laid on white."""
    seen = as_8_bit(pixels)
    if seen.ndim == 2:
        return np.repeat(seen[..., None], 3, axis=2)
    return on_white(seen) if seen.shape[2] == 4 else seen


def encode_photograph(
    pixels: NDArray[Any],
    file_format: str,
    metadata: PhotographMetadata,
    *,
    quality: int,
    lossless: bool,
    as_gray: bool = False,
    extra: NDArray[Any] | None = None,
    is_premultiplied: bool = False,
    floats: NDArray[Any] | None = None,
    is_codestream: bool = False,
    animation: Mapping[str, Any] | None = None,
    base: int = 0,
    like: bytes = b'',
) -> bytes:
    """Encode pixels.

    Args:
        pixels: (H, W), (H, W, 3) or (H, W, 4), uint8 or uint16; uint16 and alpha only where the format has them.
        file_format: one of `WRITTEN_FORMATS`.
        metadata: metadata to write; what the format cannot hold is dropped.
        quality: quality of JPEG and WebP, 1 to 100.
        lossless: encode a WebP losslessly.
        as_gray: (H, W, 4) pixels are gray with alpha.
        extra: (H, W, n) further channels of a TIFF.
        is_premultiplied: colours of a TIFF are multiplied by alpha.
        floats: (H, W, samples) floating-point numbers of a TIFF, in the place of the pixels.
        is_codestream: a JPEG 2000 is without the boxes that hold metadata.
        animation: Pillow's options for the further frames.
        base: place of a TIFF in the file that it becomes a page of.
        like: a JPEG whose tables, subsampling and coding are used for another, in the place of the quality.

    Raises:
        ValueError: The format does not allow that many pixels.
    """
    longest = _LONGEST_SIDE.get(file_format)
    if longest is not None and max(pixels.shape[:2]) > longest:
        raise InputError(f'{file_format} has at most {longest:,} pixels a side: give --format png')
    if file_format == 'TIFF' and floats is not None:
        return _encode_floats(floats, metadata, base)
    if file_format == 'TIFF':
        return _encode_tiff(pixels, metadata, as_gray, extra, ASSOCIATED if is_premultiplied else UNASSOCIATED, base)
    if pixels.dtype == np.uint16 and file_format == 'PNG':
        return _encode_deep_png(pixels, metadata, as_gray=as_gray)
    image = Image.fromarray(pixels)
    if as_gray and pixels.ndim == 3 and file_format not in ('WEBP', 'AVIF'):
        image = image.convert('LA' if pixels.shape[2] == 4 else 'L')
    options = {**_OPTIONS[file_format](image.mode, metadata, quality, lossless), **(_coding_of(like) if like else {})}
    if file_format == 'JPEG2000':
        options['no_jp2'] = is_codestream
    options.update(animation or {})
    content = io.BytesIO()
    image.save(content, file_format, **{name: value for name, value in options.items() if value is not None})
    if file_format == 'PNG':
        return _with_chunks(content.getvalue(), _colour_chunks(metadata))
    if file_format == 'JPEG2000':
        exif = metadata.exif and metadata.exif.removeprefix(b'Exif\0\0')
        return with_jp2_metadata(content.getvalue(), metadata.profile_for(image.mode), exif, metadata.xmp)
    return content.getvalue()


def _encode_tiff(
    pixels: NDArray[Any], metadata: PhotographMetadata, as_gray: bool, extra: NDArray[Any] | None, alpha: int, base: int
) -> bytes:
    samples, kinds = pixels.reshape(*pixels.shape[:2], -1), list[int]()
    if samples.shape[2] == 4:
        kinds.append(alpha)
        if as_gray:
            samples = np.stack([luma(samples), samples[..., 3]], axis=2)
    if extra is not None:
        kinds += [UNSPECIFIED] * extra.shape[2]
        samples = np.concatenate([samples, extra], axis=2)
    return encode_tiff(
        samples,
        _tags_of(metadata) or Directory(),
        extra=tuple(kinds),
        xmp=metadata.xmp,
        profile=metadata.profile_for('L' if samples.shape[2] - len(kinds) == 1 else 'RGB'),
        dpi=metadata.dpi,
        base=base,
    )


def _encode_floats(floats: NDArray[Any], metadata: PhotographMetadata, base: int) -> bytes:
    return encode_tiff(
        floats,
        _tags_of(metadata) or Directory(),
        extra=(UNASSOCIATED,) if floats.shape[2] == 4 else (),
        xmp=metadata.xmp,
        profile=metadata.profile_for('L' if floats.shape[2] == 1 else 'RGB'),
        dpi=metadata.dpi,
        base=base,
    )


def _png_options(mode: str, metadata: PhotographMetadata, quality: int, lossless: bool) -> dict[str, Any]:
    text = PngImagePlugin.PngInfo()
    for key, value in metadata.text.items():
        text.add_itxt(key, value)
    if metadata.xmp:
        text.add_itxt(XMP_KEYWORD, metadata.xmp.decode('utf-8', 'replace'))
    return {
        'icc_profile': metadata.profile_for(mode),
        'exif': metadata.exif,
        'dpi': metadata.dpi,
        'pnginfo': text,
        'compress_level': 4,
    }


def _jpeg_options(mode: str, metadata: PhotographMetadata, quality: int, lossless: bool) -> dict[str, Any]:
    dpi = metadata.dpi and tuple(min(round(value), 65535) for value in metadata.dpi)
    exif = None if _overflows(metadata.exif) else metadata.exif
    xmp = None if _overflows(_as_jpeg_xmp(metadata)) else metadata.xmp
    return {
        'quality': quality,
        'subsampling': 0,
        'icc_profile': metadata.profile_for(mode),
        'exif': exif,
        'dpi': dpi,
        'xmp': xmp,
    }


def _coding_of(content: bytes) -> dict[str, Any]:
    """Pillow's options for a JPEG that is coded like another."""
    image: Any = JpegImagePlugin.JpegImageFile(io.BytesIO(content))
    with image:
        tables, sampling = image.quantization, JpegImagePlugin.get_sampling(image)
        is_progressive = 'progressive' in image.info
    # Of rare samplings, that of the best quality.
    return {'quality': None, 'qtables': tables, 'subsampling': max(sampling, 0), 'progressive': is_progressive or None}


def jpeg_header(metadata: PhotographMetadata, *, is_gray: bool) -> bytes:
    """Return the segments of a JPEG with these metadata."""
    mode, content = 'L' if is_gray else 'RGB', io.BytesIO()
    options = _jpeg_options(mode, metadata, 75, False)
    given = {name: value for name, value in options.items() if value is not None}
    Image.new(mode, (8, 8)).save(content, 'JPEG', **given)
    data = content.getvalue()
    return b''.join(data[start:end] for marker, start, end in jpeg_segments(data) if marker in APP_SEGMENTS)


def _as_jpeg_xmp(metadata: PhotographMetadata) -> bytes | None:
    return metadata.xmp and _JPEG_XMP_START + metadata.xmp


def _overflows(segment: bytes | None) -> bool:
    return segment is not None and len(segment) > _LONGEST_SEGMENT


def _webp_options(mode: str, metadata: PhotographMetadata, quality: int, lossless: bool) -> dict[str, Any]:
    # `exact` keeps the colours of transparent pixels, which a lossless file had.
    return {
        'quality': quality,
        'lossless': lossless,
        'exact': lossless,
        'exif': metadata.exif,
        'xmp': metadata.xmp,
        'icc_profile': metadata.profile_for('RGB'),
    }


def _bmp_options(mode: str, metadata: PhotographMetadata, quality: int, lossless: bool) -> dict[str, Any]:
    return {'dpi': metadata.dpi}


def _avif_options(mode: str, metadata: PhotographMetadata, quality: int, lossless: bool) -> dict[str, Any]:
    return {
        'quality': quality,
        'subsampling': '4:0:0' if mode == 'L' else '4:4:4',
        'exif': metadata.exif,
        'xmp': metadata.xmp,
        'icc_profile': metadata.profile_for(mode),
    }


def _jpeg2000_options(mode: str, metadata: PhotographMetadata, quality: int, lossless: bool) -> dict[str, Any]:
    # Decibels of signal to noise: 48 at 95, which is as near as JPEG comes.
    loss = {} if lossless else {'irreversible': True, 'quality_mode': 'dB', 'quality_layers': [24 + quality / 4]}
    return {'mct': int(mode in ('RGB', 'RGBA')), **loss}


_OPTIONS = {
    'AVIF': _avif_options,
    'JPEG2000': _jpeg2000_options,
    'PNG': _png_options,
    'JPEG': _jpeg_options,
    'WEBP': _webp_options,
    'BMP': _bmp_options,
}


def _encode_deep_png(pixels: NDArray[Any], metadata: PhotographMetadata, *, as_gray: bool) -> bytes:
    chunks = _colour_chunks(metadata)
    mode = 'L' if as_gray or pixels.ndim == 2 else 'RGB'
    one_level = _with_one_level(pixels, metadata.transparent) if as_gray and pixels.ndim == 3 else None
    if one_level is not None:
        chunks.append((b'tRNS', struct.pack('>H', metadata.transparent)))
        pixels = one_level
    elif pixels.ndim == 3:
        # OpenCV cannot write gray with alpha; as colour with alpha, a gray profile does not fit.
        mode = 'RGB'
        pixels = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR if pixels.shape[2] == 3 else cv2.COLOR_RGBA2BGRA)
    done, content = cv2.imencode('.png', pixels)
    if not done:
        raise InputError('OpenCV cannot encode it as PNG')
    return _with_chunks(content.tobytes(), [*_metadata_chunks(metadata, mode), *chunks])


def _with_one_level(pixels: NDArray[Any], level: int | None) -> NDArray[Any] | None:
    """Return (H, W) gray where the pixels of one level, and no others, are transparent; None if that is not so."""
    gray, alpha = luma(pixels), pixels[..., 3]
    if level is None or not np.isin(alpha, (0, 65535)).all() or (gray[alpha == 0] != level).any():
        return None
    gray[(gray == level) & (alpha > 0)] = level - 1 if level else 1  # repaired ones must not vanish
    return gray


def _metadata_chunks(metadata: PhotographMetadata, mode: str) -> list[tuple[bytes, bytes]]:
    """The chunks that Pillow writes for 8 bits."""
    chunks = []
    profile = metadata.profile_for(mode)
    if profile:
        chunks.append((b'iCCP', b'ICC profile\0\0' + zlib.compress(profile)))
    if metadata.dpi:
        across, down = (round(dpi / METRES_PER_INCH) for dpi in metadata.dpi)
        chunks.append((b'pHYs', struct.pack('>IIB', across, down, 1)))
    texts = dict(metadata.text)
    if metadata.xmp:
        texts[XMP_KEYWORD] = metadata.xmp.decode('utf-8', 'replace')
    for key, text in texts.items():
        chunks.append((b'iTXt', key.encode('latin-1', 'replace') + b'\0\0\0\0\0' + text.encode('utf-8', 'replace')))
    if metadata.exif:
        chunks.append((b'eXIf', metadata.exif.removeprefix(b'Exif\0\0')))
    return chunks


def _colour_chunks(metadata: PhotographMetadata) -> list[tuple[bytes, bytes]]:
    # A profile stands above sRGB, and libpng refuses both.
    return [chunk for chunk in metadata.colours.items() if chunk[0] != b'sRGB' or not metadata.icc_profile]


def _with_chunks(content: bytes, chunks: list[tuple[bytes, bytes]]) -> bytes:
    """Put chunks into a PNG after its header."""
    place = len(PNG_START) + 25  # the header's chunk: 12 bytes of frame and 13 of content
    return b''.join([content[:place], *(_chunk(*chunk) for chunk in chunks), memoryview(content)[place:]])


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack('>I', len(content)) + name + content + struct.pack('>I', zlib.crc32(name + content))
