"""Decode images of any form to 8 bit, and see to it that they are whole."""

from __future__ import annotations

import io

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

_JPEG_START, _JPEG_SCAN, _JPEG_END = b'\xff\xd8\xff', b'\xff\xda', b'\xff\xd9'
_PNG_START, _PNG_END = b'\x89PNG\r\n', b'IEND'
_REDUCED_FLAGS = ((8, cv2.IMREAD_REDUCED_COLOR_8), (4, cv2.IMREAD_REDUCED_COLOR_4), (2, cv2.IMREAD_REDUCED_COLOR_2))


class DamagedImageError(ValueError):
    """The bytes are no image that can be decoded; the message says why, without a file's name."""


def decode_image(content: bytes, flag: int = cv2.IMREAD_COLOR, *, least_side: int | None = None) -> NDArray[np.uint8]:
    """Return a decoded image, upright as its EXIF data say.

    With `cv2.IMREAD_COLOR`, 16 bit per channel is scaled down, gray gets three equal channels, CMYK is converted, alpha
    is dropped.

    Args:
        content: the file's bytes.
        flag: of `cv2.imdecode`.
        least_side: a JPEG in colour may be decoded at 1/2, 1/4 or 1/8 of its size, which takes a fraction of the time,
            as long as its short side keeps twice this many pixels: a reduction by area to that side then ends all
            images alike, whereas the JPEG's own reduction alone would leave some of them sharper. None: at full size.

    Returns:
        (H, W, 3) BGR or what else the flag asks for.

    Raises:
        DamagedImageError: it cannot be decoded, or is cut short.
    """
    if _is_cut(content):
        raise DamagedImageError(f'{len(content)} bytes of an image that is cut short')
    if least_side is not None and flag == cv2.IMREAD_COLOR:
        flag = _reduced_flag(content, least_side)
    try:
        image = cv2.imdecode(np.frombuffer(content, np.uint8), flag)
    except cv2.error:  # an empty file raises where a damaged one gives None
        image = None
    if image is None:
        raise DamagedImageError(f'{len(content)} bytes that cannot be decoded')
    return image  # type: ignore[return-value]


def _is_cut(content: bytes) -> bool:
    """Say whether a JPEG or PNG lacks its end: OpenCV 4 fills what is missing with gray and raises nothing."""
    if content.startswith(_JPEG_START):
        # In the pixels' code FF is followed by 00 or a restart marker only, so that this is the image's own end. Phones
        # append films and other data, which are no concern.
        return content.find(_JPEG_END, _start_of_pixels(content)) < 0
    return content.startswith(_PNG_START) and _PNG_END not in content


def _start_of_pixels(content: bytes) -> int:
    """Return where a JPEG's first scan begins, its length if there is none; thumbnails in the header are skipped."""
    place = 2
    while place + 4 <= len(content) and content[place] == 0xFF:
        if content[place:place + 2] == _JPEG_SCAN:
            return place
        # Each segment says its length, in two bytes after its marker. A marker may be padded with further FF.
        place += 1 if content[place + 1] == 0xFF else 2 + int.from_bytes(content[place + 2:place + 4], 'big')
    return len(content)


def _reduced_flag(content: bytes, least_side: int) -> int:
    """Return the flag that decodes a JPEG at the smallest size with that short side, any other image at full size."""
    if not content.startswith(_JPEG_START):
        return cv2.IMREAD_COLOR
    try:
        with Image.open(io.BytesIO(content)) as header:  # reads no pixels
            short = min(header.size)
    except (OSError, Image.DecompressionBombError):
        return cv2.IMREAD_COLOR
    for factor, flag in _REDUCED_FLAGS:
        if short // factor >= 2 * least_side:
            return flag
    return cv2.IMREAD_COLOR
