"""Decode a photograph file of any supported format to upright pixels of 8 or 16 bits."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable
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
    Jpeg2KImagePlugin,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
    features,
)

from hcl_arch.restoration.photographs import tiff_decoding as tiff
from hcl_arch.restoration.photographs.heif import check_heif, open_heif
from hcl_arch.restoration.photographs.photograph_kinds import Inspected, UndecodableError, inspect, is_lossless_webp
from hcl_arch.restoration.photographs.photograph_metadata import PhotographMetadata, read_metadata
from hcl_arch.utils.image_blocks import Blocks
from hcl_arch.utils.image_decoding import upright
from hcl_arch.utils.image_headers import JPEG_START, PNG_START, TIFF_STARTS, Stated
from hcl_arch.utils.image_limits import GIF_STARTS, LimitError, Limits, check_limits
from hcl_arch.utils.iso_boxes import CODESTREAM_START, JP2_START, brand_of, picture_of
from hcl_arch.utils.tiff_directory import read_directory

# Called by their names: `Image.open` tries further decoders, and has a limit of its own for the whole process.
_DECODERS: tuple[tuple[Any, str, Callable[[Any], Any]], ...] = (
    ((JP2_START, CODESTREAM_START), 'JPEG2000', Jpeg2KImagePlugin.Jpeg2KImageFile),
    (JPEG_START, 'JPEG', JpegImagePlugin.JpegImageFile),
    (PNG_START, 'PNG', PngImagePlugin.PngImageFile),
    (TIFF_STARTS, 'TIFF', TiffImagePlugin.TiffImageFile),
    (GIF_STARTS, 'GIF', GifImagePlugin.GifImageFile),
    (b'RIFF', 'WEBP', WebPImagePlugin.WebPImageFile),
    (b'BM', 'BMP', BmpImagePlugin.BmpImageFile),
)
_PNG_DEPTH_PLACE, _PNG_COLOUR_PLACE = 24, 25
_LOSSY = ('JPEG', 'AVIF', 'HEIF')
_PREDICTOR, _FLOAT_PREDICTOR = 317, 3
FRAMES_REMARK = 'only the first of its frames or pages is restored'
# tifffile also logs what it raises; without a handler that would go to standard error.
logging.getLogger('tifffile').addHandler(logging.NullHandler())


@dataclass(frozen=True)
class Decoded:
    """What a photograph's file holds.

    Attributes:
        pixels: (H, W) gray, (H, W, 3) RGB or (H, W, 4) RGBA, uint8 or uint16.
        format: Pillow's name of the file's format: 'AVIF', 'BMP', 'GIF', 'JPEG', 'JPEG2000', 'PNG', 'TIFF' or
            'WEBP'; 'HEIF' of a HEIC.
        is_gray: the file has one colour channel; also with alpha, where `pixels` have four channels.
        is_lossless: the file keeps its pixels exactly.
        metadata: the file's other content.
        remarks: remarks for the user on how it was read.
        extra: (H, W, n) channels of a TIFF that are neither colour nor alpha; they are kept as they are.
        is_premultiplied: the colours are multiplied by alpha, as some TIFFs have them.
        is_converted: reading has converted the colours, so that the file's profile does not fit.
        floats: (H, W, samples) of a TIFF of floating-point numbers: these; `pixels` are their whole numbers.
        white: the number of `floats` that is white.
        timing: of a frame of an animation: 'duration' in milliseconds, 'loop' as Pillow counts repeats, and
            'is_default' if the first frame is shown only where none moves.
        content: the file's bytes.
        orientation: how the file stores the pixels, as EXIF numbers it.
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
    floats: NDArray[Any] | None = field(default=None, repr=False)
    white: float = 1.0
    timing: dict[str, Any] | None = field(default=None, repr=False)
    content: bytes = field(default=b'', repr=False)
    orientation: int = 1


def decode_photograph(content: bytes, limits: Limits) -> Decoded:
    """Decode a file.

    Raises:
        UndecodableError: It cannot or must not be decoded.
    """
    if brand_of(content) == 'HEIF':
        check_heif()
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
        pixels=np.ascontiguousarray(upright(decoded.pixels, file.blocks.orientation)),
        extra=None if decoded.extra is None else upright(decoded.extra, file.blocks.orientation),
        floats=None if decoded.floats is None else upright(decoded.floats, file.blocks.orientation),
        content=content,
        orientation=file.blocks.orientation,
    )


def _decode(file: Inspected, limits: Limits) -> Decoded:
    content, blocks = file.blocks.content, file.blocks
    file_format, decoder = decoder_of(content)
    form = tiff.form_of(blocks) if file_format == 'TIFF' else None
    dpi, remarks = None, [FRAMES_REMARK] if blocks.has_frames else []
    if form is not None and (form.is_deep or form.is_subsampled or tiff.is_for_tifffile(form)):
        decoded = _decode_tiff(file, form)
    else:
        with decoder(io.BytesIO(content if form is None else tiff.for_pillow(blocks, form))) as image:
            check_limits(content, Stated(*image.size), blocks.layout, limits)
            _take_boxes(image, blocks, file_format)
            remarks += [FRAMES_REMARK] if getattr(image, 'is_animated', False) else []
            decoded = _decode_by_pillow(image, file, form)
            dpi = image.info.get('dpi') if form is None else None
    metadata, more = _fitting_metadata(decoded, *read_metadata(blocks, blocks.dpi or dpi))
    return replace(
        decoded,
        format=file_format,
        is_lossless=file_format not in _LOSSY and (file_format != 'WEBP' or is_lossless_webp(content)),
        metadata=metadata,
        remarks=(*remarks, *_lost_depth(content, decoded), *more, *decoded.remarks),
    )


def decoder_of(content: bytes) -> tuple[str, Callable[[Any], Any]]:
    """Return the format of a file and Pillow's decoder for it."""
    brand = brand_of(content)
    if brand == 'AVIF':
        return brand, _open_avif
    if brand == 'HEIF':
        return brand, open_heif
    return next((name, kind) for start, name, kind in _DECODERS if content.startswith(start))


def _open_avif(stream: io.BytesIO) -> ImageFile.ImageFile:
    if not features.check('avif'):
        raise UndecodableError('an AVIF picture, which this Pillow cannot read: install pillow>=11.3')
    from PIL import AvifImagePlugin

    return AvifImagePlugin.AvifImageFile(stream)


def _take_boxes(image: Image.Image, blocks: Blocks, file_format: str) -> None:
    """Take what the decoder of an AVIF or a HEIC tells besides the pixels, without looking into it.

    In these files boxes say how pixels are turned, not the EXIF data. Pillow states it in EXIF data of its own, since
    those of the file are hidden from it; libheif turns the pixels.
    """
    if file_format not in ('AVIF', 'HEIF'):
        return
    for kind, name in (('icc', 'icc_profile'), ('xmp', 'xmp')):
        if image.info.get(name):
            blocks.take(kind, image.info[name])
    stated = image.info.get('exif') if file_format == 'AVIF' else None
    blocks.turn(Blocks(b'', tags=read_directory(stated.removeprefix(b'Exif\0\0'))).orientation if stated else 1)


def _lost_depth(content: bytes, decoded: Decoded) -> list[str]:
    """Remark on a depth that the decoders of newer formats reduce."""
    is_new = brand_of(content) is not None or content.startswith((JP2_START, CODESTREAM_START))
    picture = picture_of(content) if is_new else None
    if picture is None or picture.depth <= 8 * decoded.pixels.itemsize:
        return []
    return [f'read with 8 of its {picture.depth} bit']


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
    if mode == 'I;16':  # of a JPEG 2000
        return Decoded(np.array(image), is_gray=True)
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
    if pixels.dtype == np.float64:  # which OpenCV does not convert
        return pixels[..., [2, 1, 0, *range(3, pixels.shape[2])]]
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
    """Decode what Pillow does not: 16 bits, floating-point numbers, further channels, luma and chroma."""
    if form.is_float:
        return _decode_floats(file, form)
    if tiff.is_for_tifffile(form):
        return _of_samples(tiff.decode_by_tifffile(file.blocks, form), form, form.n_colours)
    samples = _decode_by_opencv(file.blocks.content)
    if form.is_subsampled:
        return Decoded(samples, remarks=('stored as YCbCr, written as RGB',))
    return _of_samples(samples, form, form.n_colours)


def _decode_floats(file: Inspected, form: tiff.Form) -> Decoded:
    # tifffile knows the predictor of floating-point numbers with a further library only.
    if tiff.is_for_tifffile(form) and file.blocks.layout.number(_PREDICTOR, 1) != _FLOAT_PREDICTOR:
        floats = tiff.decode_by_tifffile(file.blocks, form)
    else:
        floats = _decode_by_opencv(file.blocks.content)
    if floats.dtype.kind != 'f':
        raise UndecodableError('a TIFF of floating-point numbers whose compression is not read here')
    floats = floats.reshape(*floats.shape[:2], -1)
    pixels, white = tiff.whole_numbers(floats)
    decoded = _of_samples(pixels[..., 0] if pixels.shape[2] == 1 else pixels, form, form.n_colours)
    return replace(decoded, floats=floats, white=white)


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
