"""Decode images of any format to 8 bits, and check that they are complete and not too large."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from hcl_arch.utils.errors import HCLError
from hcl_arch.utils.image_blocks import Blocks, split
from hcl_arch.utils.image_headers import (
    JPEG_START,
    TIFF_STARTS,
    Stated,
    UnknownFormatError,
    read_stated,
    read_tiff_header,
)
from hcl_arch.utils.image_limits import LimitError, Limits, check_limits, default_limits
from hcl_arch.utils.pixel_values import as_8_bit

_IN_COLOUR, _IN_GRAY, _AS_STORED = cv2.IMREAD_COLOR, cv2.IMREAD_GRAYSCALE, cv2.IMREAD_UNCHANGED
_MULTIPLIED_ALPHA = 1
_REDUCED_FLAGS = ((8, cv2.IMREAD_REDUCED_COLOR_8), (4, cv2.IMREAD_REDUCED_COLOR_4), (2, cv2.IMREAD_REDUCED_COLOR_2))


class DamagedImageError(HCLError, ValueError):
    """The bytes are not an image that can and may be decoded; the message says why, without a file's name."""


def decode_image(
    content: bytes, flag: int = cv2.IMREAD_COLOR, *, least_side: int | None = None, limits: Limits | None = None
) -> NDArray[np.uint8]:
    """Return a decoded image, turned upright according to its EXIF data.

    With `cv2.IMREAD_COLOR`, 16 bits per channel are scaled down, gray gets three equal channels, CMYK is converted,
    alpha is dropped. Colours are not multiplied by alpha, whatever the format.

    Args:
        content: the file's bytes: a BMP, JPEG, PNG, TIFF or WebP.
        flag: of `cv2.imdecode`.
        least_side: a JPEG in colour may be decoded at 1/2, 1/4 or 1/8 of its size, which takes a fraction of the time,
            as long as its short side keeps twice this many pixels: a reduction by area to that side then makes all
            images equally sharp, whereas the JPEG's own reduction alone would leave some sharper. None: at full size.
        limits: what the file may state; None: as the environment says.

    Returns:
        (H, W, 3) BGR, or whatever the flag asks for.

    Raises:
        DamagedImageError: it cannot be decoded, is cut short, is of another kind, or states too much. Pixels are
            decoded, and memory is allocated for them, only if what the file states is within the limits. Metadata do
            not reach the decoder.
    """
    blocks = split(content)
    stated = _read_within_limits(content, blocks, limits or default_limits())
    if least_side is not None and flag == cv2.IMREAD_COLOR and content.startswith(JPEG_START):
        flag = _reduced_flag(stated, least_side)
    try:
        image = _decode(blocks.content, flag)
    except Exception as error:  # of OpenCV, or of Python if OpenCV reports that memory ran out
        reason = getattr(error, 'err', '') or str(error)
        raise DamagedImageError(f'{len(content)} bytes that cannot be decoded ({reason})') from error
    if image is None:
        raise DamagedImageError(f'{len(content)} bytes that cannot be decoded')
    if image.shape[0] * image.shape[1] > stated.width * stated.height:  # the limits were checked for another image
        raise DamagedImageError(
            f'{len(content)} bytes that state a size of {stated.width} x {stated.height} pixels, '
            f'but decode to {image.shape[1]} x {image.shape[0]}'
        )
    if flag == cv2.IMREAD_UNCHANGED:
        return image
    return np.ascontiguousarray(upright(image, blocks.orientation))


def _decode(content: bytes, flag: int) -> NDArray[Any] | None:
    """Return the image as by `cv2.imdecode`, with 16 bits rounded to 8, and colours not multiplied by alpha."""
    if content.startswith(TIFF_STARTS):
        content, is_multiplied = _with_plain_alpha(content)
        if is_multiplied:
            image = cv2.imdecode(np.frombuffer(content, np.uint8), _AS_STORED)
            if image is not None and image.ndim == 3 and image.shape[2] == 4 and image.dtype in (np.uint8, np.uint16):
                return _converted(_divided(image), flag)
    is_reduced_depth = flag in (_IN_COLOUR, _IN_GRAY)
    image = cv2.imdecode(np.frombuffer(content, np.uint8), flag | cv2.IMREAD_ANYDEPTH if is_reduced_depth else flag)
    if image is None or not is_reduced_depth:
        return image
    if image.dtype not in (np.uint8, np.uint16):
        raise DamagedImageError(f'an image of {image.dtype} numbers, where 8 or 16 bits are read')
    return as_8_bit(image)


def _with_plain_alpha(content: bytes) -> tuple[bytes, bool]:
    """Return a TIFF whose alpha is called an unspecified channel, and whether its colours are multiplied by it.

    OpenCV multiplies the colours of 8 bits by alpha that says it is one, whereas it leaves a PNG's as they are.
    """
    header = read_tiff_header(content)
    if header is None or not header.extra_samples:
        return content, False
    place = header.extra_samples_place
    return content[:place] + b'\0' + content[place + 1 :], header.extra_samples == _MULTIPLIED_ALPHA


def _divided(image: NDArray[Any]) -> NDArray[Any]:
    """Return (H, W, 4) with the colours divided by alpha."""
    most = np.iinfo(image.dtype).max
    alpha = np.maximum(image[..., 3:], 1).astype(np.float32)
    colours = np.rint(image[..., :3] * (most / alpha)).clip(0, most).astype(image.dtype)
    return np.concatenate([colours, image[..., 3:]], axis=2)


def _converted(image: NDArray[Any], flag: int) -> NDArray[Any]:
    """Return BGRA as the flag asks for it."""
    if flag == _AS_STORED:
        return image
    image = as_8_bit(image)
    return cv2.cvtColor(image, cv2.COLOR_BGRA2GRAY if flag == _IN_GRAY else cv2.COLOR_BGRA2BGR)


def upright(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Turn and flip pixels (H, W) or (H, W, C) that a camera stored with this EXIF orientation, 1 to 8."""
    if orientation >= 5:
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return pixels


def as_stored(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Turn and flip upright pixels to what a camera stores with this orientation: the inverse of `upright`."""
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return pixels.swapaxes(0, 1) if orientation >= 5 else pixels


def _read_within_limits(content: bytes, blocks: Blocks, limits: Limits) -> Stated:
    """Return what an image states about itself.

    Raises:
        DamagedImageError: it states nothing or too much, or is cut short.
    """
    try:
        stated = read_stated(blocks.content)
    except UnknownFormatError as error:
        raise DamagedImageError(f'{len(content)} bytes that cannot be decoded ({error})') from None
    if stated is None or not stated.width or not stated.height:
        raise DamagedImageError(f'{len(content)} bytes that cannot be decoded (the header is damaged or cut short)')
    try:
        check_limits(blocks.content, stated, blocks.layout, limits)
    except LimitError as error:
        raise DamagedImageError(f'{len(content)} bytes of an image that states {error}') from None
    return stated


def _reduced_flag(stated: Stated, least_side: int) -> int:
    """Return the flag that decodes a JPEG at the smallest size with that short side."""
    for factor, flag in _REDUCED_FLAGS:
        if min(stated.width, stated.height) // factor >= 2 * least_side:
            return flag
    return cv2.IMREAD_COLOR
