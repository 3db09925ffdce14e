"""Reading, decoding, resizing and encoding of single images for a preparation."""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
import PIL.Image
from numpy.typing import NDArray

from hcl_arch.utils.image_blocks import split
from hcl_arch.utils.image_decoding import DamagedImageError, decode_image
from hcl_arch.utils.mask_decoding import NoMaskError, decode_mask
from hcl_arch.utils.regular_file import FileTooLargeError, NotRegularFileError, read_regular_file, reason_of
from preparation.items import EncodedImage, UnreadableImageError

ImageFormat = Literal['jpg', 'png']
FORMATS: tuple[ImageFormat, ...] = ('jpg', 'png')
# EXIF orientations that swap width and height.
SIDEWAYS = (5, 6, 7, 8)


@dataclass(frozen=True)
class ImageHeader:
    """What an image file states about itself.

    Attributes:
        file_format: 'jpg', 'png', or '' for others.
        short_side: in pixels.
        channels: 1 or 3 if the pixels are 8-bit gray or RGB, 0 for others (16 bits, alpha, palette, CMYK).
        upright: whether the pixels need not be turned or mirrored.
    """

    file_format: str
    short_side: int
    channels: int
    upright: bool


def read_source(path: str) -> bytes:
    """Return the content of a source file.

    Raises:
        UnreadableImageError: it is empty, a dangling link, not a regular file (reading a pipe could block forever),
            larger than any image, or not permitted to be read.
        OSError: it cannot be read for another reason, such as a lost network drive, which is no reason to skip it.
    """
    try:
        content = read_regular_file(path)
    except (PermissionError, NotRegularFileError, FileTooLargeError) as error:
        raise UnreadableImageError(reason_of(error)) from None
    except FileNotFoundError:
        if os.path.lexists(path):
            raise UnreadableImageError('a link to nothing') from None
        raise
    if not content:
        raise UnreadableImageError('an empty file')
    return content


def read_header(content: bytes) -> ImageHeader | None:
    """Return the header of an image, None if the format is unknown (OpenCV may still decode it)."""
    blocks = split(content)
    try:
        with PIL.Image.open(io.BytesIO(blocks.content)) as image:
            file_format = {'JPEG': 'jpg', 'MPO': 'jpg', 'PNG': 'png'}.get(image.format or '', '')
            channels = {'L': 1, 'RGB': 3}.get(image.mode, 0)
            if file_format == 'png' and content[24] != 8:  # bits per channel, which PIL's mode does not give
                channels = 0
            return ImageHeader(file_format, min(image.size), channels, blocks.orientation == 1)
    except Exception:  # a damaged header can raise anything; OpenCV has the final say
        return None


def decode_bgr(content: bytes, *, least_short_side: int | None = None) -> NDArray[np.uint8]:
    """Return an image as (H, W, 3) uint8 BGR, upright, decoded in the same way as by `ImageSource`.

    Args:
        content: the file's bytes.
        least_short_side: a JPEG may be decoded at a half, a quarter or an eighth of its size, as long as its short side
            keeps twice this many pixels for the subsequent reduction. None: at full size.

    Raises:
        UnreadableImageError: OpenCV cannot decode it, or the file is truncated.
    """
    try:
        return decode_image(content, least_side=least_short_side)
    except DamagedImageError as error:
        raise UnreadableImageError(str(error)) from None


def decode_holes(content: bytes, *, inverted: bool = False) -> NDArray[np.bool_]:
    """Return a mask image as (H, W) bool, True = hole, decoded in the same way as by `ImageSource`.

    Raises:
        UnreadableImageError: OpenCV cannot decode it, or it is not a black and white mask.
    """
    try:
        return decode_mask(content, inverted=inverted)
    except (DamagedImageError, NoMaskError) as error:
        raise UnreadableImageError(str(error)) from None


def resize_short_side(image: NDArray[np.uint8], size: int | None) -> NDArray[np.uint8]:
    """Return an image reduced by area to a short side of `size`; unchanged if it is smaller or size is None."""
    height, width = image.shape[:2]
    short = min(height, width)
    if size is None or short <= size:
        return image
    shape = (max(size, round(width * size / short)), max(size, round(height * size / short)))
    return cv2.resize(image, shape, interpolation=cv2.INTER_AREA)  # type: ignore[return-value]


def encode_image(image: NDArray[np.uint8], image_format: ImageFormat, *, quality: int = 95) -> EncodedImage:
    """Encode a gray (H, W) or BGR (H, W, 3) uint8 image.

    Args:
        image: the pixels.
        image_format: 'jpg' or 'png'.
        quality: quality of a JPEG, 1 to 100; not used for a PNG, which is lossless.
    """
    options = [cv2.IMWRITE_JPEG_QUALITY, quality] if image_format == 'jpg' else []
    content = cv2.imencode(f'.{image_format}', image, options)[1].tobytes()
    channels = 1 if image.ndim == 2 else image.shape[2]
    return EncodedImage(content, f'.{image_format}', image.shape[0], image.shape[1], channels)
