"""Decode a photograph file of any supported format to upright pixels of 8 or 16 bits."""

from __future__ import annotations

import io
import logging
from dataclasses import dataclass, field, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageCms,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from hcl_arch.restoration.photographs import tiff_decoding as tiff
from hcl_arch.restoration.photographs.photograph_kinds import Inspected, UndecodableError, inspect, is_lossless_webp
from hcl_arch.restoration.photographs.photograph_metadata import PhotographMetadata, read_metadata
from hcl_arch.utils.image_decoding import upright
from hcl_arch.utils.image_headers import JPEG_START, PNG_START, TIFF_STARTS, Stated
from hcl_arch.utils.image_limits import GIF_STARTS, LimitError, Limits, check_limits

# Called by their names: `Image.open` tries further decoders, and has a limit of its own for the whole process.
_DECODERS: tuple[tuple[Any, str, type[ImageFile.ImageFile]], ...] = (
    (JPEG_START, 'JPEG', JpegImagePlugin.JpegImageFile),
    (PNG_START, 'PNG', PngImagePlugin.PngImageFile),
    (TIFF_STARTS, 'TIFF', TiffImagePlugin.TiffImageFile),
    (GIF_STARTS, 'GIF', GifImagePlugin.GifImageFile),
    (b'RIFF', 'WEBP', WebPImagePlugin.WebPImageFile),
    (b'BM', 'BMP', BmpImagePlugin.BmpImageFile),
)
_PNG_DEPTH_PLACE, _PNG_COLOUR_PLACE = 24, 25
_FRAMES = 'only the first of its frames or pages is restored'
# tifffile also logs what it raises; without a handler that would go to standard error.
logging.getLogger('tifffile').addHandler(logging.NullHandler())


@dataclass(frozen=True)
class Decoded:
    """What a photograph's file holds.

    Attributes:
        pixels: (H, W) gray, (H, W, 3) RGB or (H, W, 4) RGBA, uint8 or uint16.
        format: Pillow's name of the file's format: 'BMP', 'GIF', 'JPEG', 'PNG', 'TIFF' or 'WEBP'.
        is_gray: the file has one colour channel; also with alpha, where `pixels` have four channels.
        is_lossless: the file keeps its pixels exactly.
        metadata: the file's other content.
        remarks: remarks for the user on how it was read.
        extra: (H, W, n) channels of a TIFF that are neither colour nor alpha; they are kept as they are.
        is_premultiplied: the colours are multiplied by alpha, as some TIFFs have them.
        orientation: EXIF orientation with which the file is stored; `pixels` are upright.
        is_converted: reading has converted the colours, so that the file's profile does not fit.
    """

    pixels: NDArray[Any]
    format: str = 'PNG'
    is_gray: bool = False
    is_lossless: bool = True
    metadata: PhotographMetadata = field(default_factory=PhotographMetadata)
    remarks: tuple[str, ...] = ()
    extra: NDArray[Any] | None = None
    is_premultiplied: bool = False
    is_converted: bool = False
    orientation: int = 1


def decode_photograph(content: bytes, limits: Limits) -> Decoded:
    """Decode a file.

    Raises:
        UndecodableError: It cannot or must not be decoded.
    """
    file = inspect(content, limits)
    try:
        decoded = _decode(file, limits)
    except UndecodableError:
        raise
    except LimitError as error:
        raise UndecodableError(f'it states {error}') from error
    except MemoryError as error:
        raise UndecodableError('its pixels do not fit into memory') from error
    except Exception as error:  # decoders raise many kinds of errors on damaged files
        raise UndecodableError(f'it is damaged and cannot be decoded ({_short(str(error))})') from error
    return replace(
        decoded,
        orientation=file.blocks.orientation,
        pixels=np.ascontiguousarray(upright(decoded.pixels, file.blocks.orientation)),
        extra=None if decoded.extra is None else upright(decoded.extra, file.blocks.orientation),
    )


def _decode(file: Inspected, limits: Limits) -> Decoded:
    content, blocks = file.blocks.content, file.blocks
    file_format, decoder = next((name, kind) for start, name, kind in _DECODERS if content.startswith(start))
    form = tiff.form_of(blocks) if file_format == 'TIFF' else None
    dpi, remarks = None, [_FRAMES] if blocks.has_frames else []
    if form is not None and (form.is_deep or form.is_subsampled or tiff.is_for_tifffile(form)):
        decoded = _decode_tiff(file, form)
    else:
        with decoder(io.BytesIO(content if form is None else tiff.for_pillow(blocks, form))) as image:
            check_limits(content, Stated(*image.size), blocks.layout, limits)
            remarks += [_FRAMES] if getattr(image, 'is_animated', False) else []
            decoded = _decode_by_pillow(image, file, form)
            dpi = image.info.get('dpi') if form is None else None
    metadata, more = _fitting_metadata(decoded, *read_metadata(blocks, blocks.dpi or dpi))
    return replace(
        decoded,
        format=file_format,
        is_lossless=file_format != 'JPEG' and (file_format != 'WEBP' or is_lossless_webp(content)),
        metadata=metadata,
        remarks=(*remarks, *more, *decoded.remarks),
    )


def _fitting_metadata(
    decoded: Decoded, metadata: PhotographMetadata, remarks: list[str]
) -> tuple[PhotographMetadata, list[str]]:
    """Return metadata, without a profile of other colours, and remarks."""
    profile, transparent = metadata.icc_profile, decoded.metadata.transparent
    if decoded.is_converted:
        profile = None
    elif profile and metadata.profile_for('L' if decoded.is_gray else 'RGB') is None:
        profile = None
        remarks = [*remarks, 'its colour profile is left out, since it is for other colours than it has']
    return replace(metadata, icc_profile=profile, transparent=transparent), remarks


def _decode_by_pillow(image: Image.Image, file: Inspected, form: tiff.Form | None) -> Decoded:
    """Decode an image that Pillow has opened; a PNG of 16 bits only with its help."""
    content = file.blocks.content
    if content.startswith(PNG_START) and content[_PNG_DEPTH_PLACE] == 16:
        return _decode_deep_png(content)
    image.load()
    return _of_pillow(image, file.blocks.icc, form)


def _of_pillow(image: Image.Image, profile: bytes | None, form: tiff.Form | None) -> Decoded:
    """Return the 8-bit pixels of a loaded image; remarks tell of a conversion, after which no profile fits."""
    mode = image.mode
    if mode in ('I', 'F') or mode.startswith('I;'):
        raise UndecodableError(
            'it has more than 16 bit or floating point numbers: expected whole numbers of 8 or 16 bit. Convert it first'
        )
    remarks = list[str]()
    has_alpha = 'transparency' in image.info or mode in ('LA', 'La', 'PA', 'RGBA', 'RGBa')
    is_gray = mode in ('1', 'L', 'LA', 'La')
    if mode == 'CMYK':
        image, remark = _rgb_of_cmyk(image, profile)
        remarks.append(remark)
    elif has_alpha:
        image = image.convert('RGBA')
    elif is_gray:
        image = image if mode == 'L' else image.convert('L')
    elif mode not in ('P', 'RGB'):
        image = image.convert('RGB')
        remarks.append(f'converted from {mode} to RGB')
    elif mode != 'RGB':
        image = image.convert('RGB')
    pixels = np.array(image)
    if form is not None and form.extra and has_alpha:
        return replace(_of_samples(pixels, form, 3), is_gray=is_gray)
    return Decoded(pixels, is_gray=is_gray, remarks=tuple(remarks), is_converted=bool(remarks))


def _rgb_of_cmyk(image: Image.Image, profile: bytes | None) -> tuple[Image.Image, str]:
    """Convert CMYK to sRGB, with the file's profile if it has a usable one."""
    if profile is not None:
        try:
            converted = ImageCms.profileToProfile(
                image, ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile('sRGB'), outputMode='RGB'
            )
            if converted is not None:
                return converted, 'converted from CMYK to sRGB by its ICC profile'
        except (ImageCms.PyCMSError, OSError, ValueError):
            pass
    return image.convert('RGB'), 'converted from CMYK to RGB, without an ICC profile'


def _decode_by_opencv(content: bytes) -> NDArray[Any]:
    """Decode all samples as they are stored: (H, W) or (H, W, channels), RGB."""
    flags = cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION
    pixels = cv2.imdecode(np.frombuffer(content, np.uint8), flags)
    if pixels is None:
        raise UndecodableError('it is damaged and cannot be decoded')
    if pixels.ndim == 2 or pixels.shape[2] < 3:
        return pixels
    return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB if pixels.shape[2] == 3 else cv2.COLOR_BGRA2RGBA)


def _decode_deep_png(content: bytes) -> Decoded:
    """Decode 16 bits, of which Pillow reads gray only."""
    pixels, is_gray = _decode_by_opencv(content), content[_PNG_COLOUR_PLACE] in (0, 4)
    place = content.find(b'tRNS', 0, content.find(b'IDAT'))
    if pixels.ndim == 2 and place > 0:
        level = int.from_bytes(content[place + 4 : place + 6], 'big')
        alpha = np.where(pixels == level, 0, 65535).astype(np.uint16)
        metadata = PhotographMetadata(transparent=level)
        return Decoded(np.stack([pixels, pixels, pixels, alpha], axis=2), is_gray=True, metadata=metadata)
    if pixels.ndim == 3 and pixels.shape[2] == 2:
        pixels = pixels[..., [0, 0, 0, 1]]
    return Decoded(pixels, is_gray=is_gray)


def _decode_tiff(file: Inspected, form: tiff.Form) -> Decoded:
    """Decode what Pillow does not: 16 bits, further channels, luma and chroma."""
    if tiff.is_for_tifffile(form):
        return _of_samples(tiff.decode_by_tifffile(file.blocks, form), form, form.n_colours)
    samples = _decode_by_opencv(file.blocks.content)
    if form.is_subsampled:
        return Decoded(samples, remarks=('stored as YCbCr, written as RGB',))
    return _of_samples(samples, form, form.n_colours)


def _of_samples(samples: NDArray[Any], form: tiff.Form, n_colours: int) -> Decoded:
    """Tell colours, alpha and other channels apart.

    Args:
        samples: (H, W) or (H, W, colours and extra samples).
        form: what the extra ones are.
        n_colours: number of colours of `samples`.
    """
    is_gray = form.n_colours == 1
    if samples.ndim == 2:
        return Decoded(samples, is_gray=is_gray)
    kinds = form.extra[: samples.shape[2] - n_colours]
    alpha = next((place for place, kind in enumerate(kinds) if kind != tiff.UNSPECIFIED), None)
    others = [n_colours + place for place in range(len(kinds)) if place != alpha]
    if alpha is not None:
        colours = [0, 0, 0] if n_colours == 1 else [0, 1, 2]
        pixels = samples[..., [*colours, n_colours + alpha]]
    else:
        pixels = samples[..., 0] if is_gray else samples[..., :3]
    missing = len(form.extra) - len(kinds)
    return Decoded(
        pixels,
        is_gray=is_gray,
        extra=samples[..., others] if others else None,
        is_premultiplied=alpha is not None and kinds[alpha] == tiff.ASSOCIATED,
        remarks=(f'{missing} further channels are left out',) if missing else (),
    )


def _short(text: str, most: int = 150) -> str:
    line = ' '.join(text.split())
    return line if len(line) <= most else line[: most - 3] + '...'
