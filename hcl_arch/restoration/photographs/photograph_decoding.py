"""Decode a photograph file of any supported format to upright pixels of 8 or 16 bits."""

from __future__ import annotations

import io
import struct
from dataclasses import replace
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from hcl_arch.restoration.photographs.photograph_kinds import (
    UndecodableError,
    check_decodable,
    is_lossless_webp,
)
from hcl_arch.restoration.photographs.photograph_metadata import PhotographMetadata, read_metadata
from hcl_arch.utils.image_headers import PNG_START, TIFF_STARTS

# No other Pillow decoder gets to read a byte.
_FORMATS = ('BMP', 'GIF', 'JPEG', 'PNG', 'TIFF', 'WEBP')
_PNG_DEPTH_PLACE = 24
# A TIFF whose first image is a reduced one or raw sensor data is a raw camera file.
_DNG_VERSION = 50706
_SENSOR_PHOTOMETRICS = (32803, 34892)
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB = 0, 1, 2


class Decoded(NamedTuple):
    """A decoded photograph; its fields as in `hcl_arch.restoration.photographs.photograph.Photograph`."""

    pixels: NDArray[Any]
    format: str
    is_gray: bool
    is_lossless: bool
    metadata: PhotographMetadata
    remarks: tuple[str, ...]


def decode_photograph(content: bytes) -> Decoded:
    """Decode a file.

    Raises:
        UndecodableError: It cannot or must not be decoded.
    """
    check_decodable(content)
    try:
        deep_tiff = _decode_deep_tiff(content) if content.startswith(TIFF_STARTS) else None
        try:
            image = _opened(content)
        except Image.UnidentifiedImageError:
            if deep_tiff is None:
                raise
            # 16-bit gray with alpha, which Pillow does not support.
            pixels, is_gray = deep_tiff
            return Decoded(pixels, 'TIFF', is_gray, True, PhotographMetadata(), ('its metadata are left out',))
        with image:
            return _decode(content, image, deep_tiff)
    except UndecodableError:
        raise
    except MemoryError as error:
        raise UndecodableError('its pixels do not fit into memory') from error
    except Exception as error:  # decoders raise many kinds of errors on damaged files
        reason = 'of no known form' if isinstance(error, Image.UnidentifiedImageError) else str(error)
        raise UndecodableError(f'it is damaged and cannot be decoded ({_short(reason)})') from error


def _opened(content: bytes) -> Image.Image:
    """As `Image.open`, which also has a limit of pixels that all threads share; `check_decodable` has ours."""
    Image.init()
    for name in _FORMATS:
        factory, accepts = Image.OPEN[name]
        answer = accepts is None or accepts(content[:16])
        if not answer or isinstance(answer, str):  # a text says what Pillow lacks
            continue
        try:
            return factory(io.BytesIO(content), '')
        except (SyntaxError, IndexError, TypeError, struct.error):  # not of this form after all
            continue
    raise Image.UnidentifiedImageError('of no known form')


def _decode(content: bytes, image: Image.Image, deep: tuple[NDArray[Any], bool] | None) -> Decoded:
    file_format = 'JPEG' if image.format == 'MPO' else str(image.format)
    remarks = ['only the first of its frames or pages is restored'] if getattr(image, 'is_animated', False) else []
    if content.startswith(PNG_START) and content[_PNG_DEPTH_PLACE] == 16:
        deep = _decode_by_opencv(content)
    if deep is None or file_format == 'PNG':
        image.load()  # for a TIFF, this also applies the orientation
    metadata, orientation, more = read_metadata(image)
    remarks += more
    if deep is None:
        pixels, is_gray, metadata, more = _pixels_of(image, metadata)
        remarks += more
    else:
        pixels, is_gray = deep
    is_lossless = file_format != 'JPEG' and (file_format != 'WEBP' or is_lossless_webp(content))
    pixels = np.ascontiguousarray(upright(pixels, orientation))
    return Decoded(pixels, file_format, is_gray, is_lossless, metadata, tuple(remarks))


def upright(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Turn and flip pixels (H, W) or (H, W, C) that a camera stored with this EXIF orientation, 1 to 8."""
    if orientation >= 5:
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return pixels


def _pixels_of(
    image: Image.Image, metadata: PhotographMetadata
) -> tuple[NDArray[np.uint8], bool, PhotographMetadata, list[str]]:
    """Return 8-bit pixels, (H, W), (H, W, 3) or (H, W, 4); whether they are gray; metadata and remarks."""
    mode, remarks = image.mode, list[str]()
    if mode in ('I', 'F') or mode.startswith('I;'):
        raise UndecodableError(
            'it has more than 16 bit or floating point numbers: expected whole numbers of 8 or 16 bit. Convert it first'
        )
    has_alpha = 'transparency' in image.info or mode in ('LA', 'La', 'PA', 'RGBA', 'RGBa')
    is_gray = mode in ('1', 'L', 'LA', 'La')
    if mode == 'CMYK':
        image, metadata, remark = _rgb_of_cmyk(image, metadata)
        remarks.append(remark)
    elif has_alpha and mode == 'La':
        image = image.convert('LA').convert('RGBA')
    elif has_alpha:
        image = image.convert('RGBA')
    elif is_gray:
        image = image.convert('L')
    else:
        if mode not in ('P', 'RGB'):
            remarks.append(f'converted from {mode} to RGB')
            metadata = replace(metadata, icc_profile=None)
        image = image.convert('RGB')
    return np.array(image), is_gray, metadata, remarks


def _rgb_of_cmyk(image: Image.Image, metadata: PhotographMetadata) -> tuple[Image.Image, PhotographMetadata, str]:
    """Convert CMYK to sRGB, with the file's profile if it has a usable one."""
    profile, metadata = metadata.icc_profile, replace(metadata, icc_profile=None)
    if profile is not None:
        try:
            converted = ImageCms.profileToProfile(
                image, ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile('sRGB'), outputMode='RGB'
            )
            if converted is not None:
                return converted, metadata, 'converted from CMYK to sRGB by its ICC profile'
        except (ImageCms.PyCMSError, OSError, ValueError):
            pass
    return image.convert('RGB'), metadata, 'converted from CMYK to RGB, without an ICC profile'


def _decode_by_opencv(content: bytes) -> tuple[NDArray[Any], bool]:
    """Decode 16 bits (in Pillow gray only): pixels (H, W), (H, W, 3) or (H, W, 4), and whether they are gray."""
    pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION)
    if pixels is None:
        raise UndecodableError('it is damaged and cannot be decoded')
    if pixels.ndim == 2:
        return pixels, True
    if pixels.shape[2] == 2:
        return np.concatenate([pixels[..., :1]] * 3 + [pixels[..., 1:]], axis=2), True
    code = cv2.COLOR_BGR2RGB if pixels.shape[2] == 3 else cv2.COLOR_BGRA2RGBA
    is_gray = content.startswith(PNG_START) and content[_PNG_DEPTH_PLACE + 1] in (0, 4)
    return cv2.cvtColor(pixels, code), is_gray


def _decode_deep_tiff(content: bytes) -> tuple[NDArray[Any], bool] | None:
    """Decode a 16-bit TIFF like `_decode_by_opencv`; None for 8 bits or less.

    Raises:
        UndecodableError: It is a raw camera file, has another bit depth, or is 16-bit CMYK.
    """
    import tifffile  # imported here, because the import is slow and few photographs need it

    with tifffile.TiffFile(io.BytesIO(content)) as file:
        page: Any = file.pages[0]
        bits, photometric, samples = page.bitspersample, int(page.photometric), page.samplesperpixel
        if _DNG_VERSION in page.tags or page.subfiletype & 1 or photometric in _SENSOR_PHOTOMETRICS:
            raise UndecodableError('a raw camera file: develop it and save it as JPEG, PNG or TIFF first')
        if bits <= 8:
            return None
        if bits != 16 or page.sampleformat != 1 or page.imagedepth != 1 or samples not in (1, 2, 3, 4):
            raise UndecodableError(
                f'a TIFF of {samples} channels of {bits} bit, or of numbers with sign or point: '
                'expected whole numbers of 8 or 16 bit. Convert it first'
            )
        if photometric not in (_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB):
            raise UndecodableError('a TIFF of 16 bit in other colours than gray or RGB. Convert it to RGB first')
        try:
            pixels = page.asarray()
        except ValueError:  # compressed in a way that tifffile cannot decode
            return _decode_by_opencv(content)
        if page.planarconfig == 2 and samples > 1:
            pixels = np.moveaxis(pixels, 0, -1)
    return _gray_or_colour(pixels, photometric)


def _gray_or_colour(pixels: NDArray[Any], photometric: int) -> tuple[NDArray[Any], bool]:
    if photometric == _WHITE_IS_ZERO:
        pixels = pixels.copy()
        colour = pixels[..., :1] if pixels.ndim == 3 else pixels
        colour[...] = np.iinfo(pixels.dtype).max - colour
    if pixels.ndim == 3 and pixels.shape[2] == 2:
        return np.concatenate([pixels[..., :1]] * 3 + [pixels[..., 1:]], axis=2), True
    return pixels, photometric != _RGB


def _short(text: str, most: int = 150) -> str:
    line = ' '.join(text.split())
    return line if len(line) <= most else line[: most - 3] + '...'
