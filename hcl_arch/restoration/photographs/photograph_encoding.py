"""Encode pixels as a file, with the metadata kept from the original photograph."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from hcl_arch.restoration.photographs.photograph_metadata import PhotographMetadata
from hcl_arch.utils.image_headers import PNG_START
from hcl_arch.utils.pixel_values import LUMA, as_8_bit

WRITTEN_FORMATS = ('PNG', 'JPEG', 'WEBP', 'TIFF', 'BMP')
_DEEP_FORMATS = ('PNG', 'TIFF')
_LONGEST_SIDE = {'JPEG': 65535, 'WEBP': 16383}
_XMP_KEYWORD, _XMP_TAG, _RESOLUTION_UNIT, _INCH = 'XML:com.adobe.xmp', 700, 296, 2
# A JPEG's metadata come in segments of 64 KB.
_LONGEST_SEGMENT = 65533
_JPEG_XMP_START = b'http://ns.adobe.com/xap/1.0/\0'
_METRES_PER_INCH = 0.0254


def restricted(pixels: NDArray[Any], file_format: str) -> tuple[NDArray[Any], list[str]]:
    """Return pixels that a format can hold, and remarks on what was lost.

    Args:
        pixels: (H, W), (H, W, 3) or (H, W, 4), uint8 or uint16.
        file_format: one of `WRITTEN_FORMATS`.
    """
    remarks = []
    if pixels.dtype == np.uint16 and file_format not in _DEEP_FORMATS:
        pixels = as_8_bit(pixels)
        remarks.append(f'written with 8 bit, all that {file_format} has')
    if pixels.ndim == 3 and pixels.shape[2] == 4 and file_format in ('JPEG', 'BMP'):
        pixels = on_white(pixels)
        remarks.append(f'laid on white, since {file_format} has no transparency')
    return pixels, remarks


def unwritten_metadata(metadata: PhotographMetadata, file_format: str) -> list[str]:
    """Return a description of the metadata that a format cannot hold."""
    if file_format != 'JPEG':
        return []
    segments = {'EXIF': metadata.exif, 'XMP': _as_jpeg_xmp(metadata)}
    too_long = [name for name, segment in segments.items() if _overflows(segment)]
    return [f'written without {" and ".join(too_long)}, which JPEG has 64 KB for'] if too_long else []


def on_white(pixels: NDArray[Any]) -> NDArray[Any]:
    """Lay (H, W, 4) pixels on white: (H, W, 3) of the same type."""
    most = np.iinfo(pixels.dtype).max
    alpha = pixels[..., 3:].astype(np.float32) / most
    laid = pixels[..., :3] * alpha + most * (1 - alpha)
    return np.rint(laid).astype(pixels.dtype)


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
) -> bytes:
    """Encode pixels.

    Args:
        pixels: (H, W), (H, W, 3) or (H, W, 4), uint8 or uint16; uint16 and alpha only where the format has them.
        file_format: one of `WRITTEN_FORMATS`.
        metadata: metadata to write; what the format cannot hold is dropped.
        quality: quality of JPEG and WebP, 1 to 100.
        lossless: encode a WebP losslessly.
        as_gray: (H, W, 4) pixels are gray with alpha.

    Raises:
        ValueError: The format does not allow that many pixels.
    """
    longest = _LONGEST_SIDE.get(file_format)
    if longest is not None and max(pixels.shape[:2]) > longest:
        raise ValueError(f'{file_format} has at most {longest:,} pixels a side: give --format png')
    if pixels.dtype == np.uint16:
        return _encode_deep(pixels, file_format, metadata, as_gray=as_gray)
    image = Image.fromarray(pixels)
    if as_gray and pixels.ndim == 3 and file_format != 'WEBP':
        image = image.convert('LA')
    options = _OPTIONS[file_format](image.mode, metadata, quality, lossless)
    content = io.BytesIO()
    image.save(content, file_format, **{name: value for name, value in options.items() if value is not None})
    return content.getvalue()


def _png_options(mode: str, metadata: PhotographMetadata, quality: int, lossless: bool) -> dict[str, Any]:
    text = PngImagePlugin.PngInfo()
    for key, value in metadata.text.items():
        text.add_itxt(key, value)
    if metadata.xmp:
        text.add_itxt(_XMP_KEYWORD, metadata.xmp.decode('utf-8', 'replace'))
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


def _tiff_options(mode: str, metadata: PhotographMetadata, quality: int, lossless: bool) -> dict[str, Any]:
    tags = Image.Exif()
    if metadata.exif:
        tags.load(metadata.exif)
    if metadata.xmp:
        tags[_XMP_TAG] = metadata.xmp
    # With compression Pillow uses libtiff, to which it cannot pass nested directories.
    compression = None if metadata.has_sub_directories else 'tiff_adobe_deflate'
    return {
        'compression': compression,
        'exif': tags if len(tags) else None,
        'dpi': metadata.dpi,
        'icc_profile': metadata.profile_for(mode),
    }


def _bmp_options(mode: str, metadata: PhotographMetadata, quality: int, lossless: bool) -> dict[str, Any]:
    return {'dpi': metadata.dpi}


_OPTIONS = {
    'PNG': _png_options,
    'JPEG': _jpeg_options,
    'WEBP': _webp_options,
    'TIFF': _tiff_options,
    'BMP': _bmp_options,
}


def _encode_deep(pixels: NDArray[Any], file_format: str, metadata: PhotographMetadata, *, as_gray: bool) -> bytes:
    gray_alpha = as_gray and pixels.ndim == 3
    mode = 'L' if as_gray or pixels.ndim == 2 else 'RGB'
    if file_format == 'TIFF':
        if gray_alpha:
            pixels = np.stack([_luma(pixels), pixels[..., 3]], axis=2)
        return _encode_deep_tiff(pixels, metadata, mode)
    if pixels.ndim == 3:
        pixels = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR if pixels.shape[2] == 3 else cv2.COLOR_RGBA2BGRA)
    done, content = cv2.imencode('.png', pixels)
    if not done:
        raise ValueError('OpenCV cannot encode it as PNG')
    # OpenCV cannot write gray with alpha; as colour with alpha, a gray profile does not fit.
    return _with_chunks(content.tobytes(), metadata, 'RGB' if gray_alpha else mode)


def _luma(pixels: NDArray[Any]) -> NDArray[Any]:
    return np.rint(pixels[..., :3].astype(np.float32) @ LUMA).astype(pixels.dtype)


def _encode_deep_tiff(pixels: NDArray[Any], metadata: PhotographMetadata, mode: str) -> bytes:
    import tifffile  # imported here, because the import is slow and few photographs need it

    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    tags: list[tuple[Any, ...]] = []
    if metadata.xmp:
        tags.append((_XMP_TAG, 'B', len(metadata.xmp), metadata.xmp, True))
    for tag, text in _text_tags(metadata):
        tags.append((tag, 's', 0, text, True))
    content = io.BytesIO()
    tifffile.imwrite(
        content,
        pixels,
        photometric='minisblack' if channels < 3 else 'rgb',
        planarconfig='contig',
        metadata=None,
        compression='zlib',
        extrasamples=['unassalpha'] if channels in (2, 4) else None,
        software=False,
        iccprofile=metadata.profile_for(mode),
        resolution=metadata.dpi,
        extratags=tags,
        resolutionunit=_INCH if metadata.dpi else None,
    )
    return content.getvalue()


def _text_tags(metadata: PhotographMetadata) -> list[tuple[int, str]]:
    """EXIF's text tags on the picture itself: camera, time, artist, copyright; details have no place here."""
    if not metadata.exif:
        return []
    tags = Image.Exif()
    tags.load(metadata.exif)
    return [(tag, value) for tag, value in sorted(tags.items()) if isinstance(value, str) and value.isascii()]


def _with_chunks(content: bytes, metadata: PhotographMetadata, mode: str) -> bytes:
    """Put metadata into a PNG after its header, as Pillow does for 8 bits."""
    chunks = b''
    profile = metadata.profile_for(mode)
    if profile:
        chunks += _chunk(b'iCCP', b'ICC profile\0\0' + zlib.compress(profile))
    if metadata.dpi:
        chunks += _chunk(b'pHYs', struct.pack('>IIB', *(round(dpi / _METRES_PER_INCH) for dpi in metadata.dpi), 1))
    texts = dict(metadata.text)
    if metadata.xmp:
        texts[_XMP_KEYWORD] = metadata.xmp.decode('utf-8', 'replace')
    for key, text in texts.items():
        chunks += _chunk(b'iTXt', key.encode('latin-1', 'replace') + b'\0\0\0\0\0' + text.encode('utf-8', 'replace'))
    if metadata.exif:
        chunks += _chunk(b'eXIf', metadata.exif.removeprefix(b'Exif\0\0'))
    place = len(PNG_START) + 25  # the header's chunk: 12 bytes of frame and 13 of content
    return content[:place] + chunks + content[place:]


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack('>I', len(content)) + name + content + struct.pack('>I', zlib.crc32(name + content))
