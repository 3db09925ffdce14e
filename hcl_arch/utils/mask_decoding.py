"""Decode the mask files of data sets."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from hcl_arch.utils.errors import HCLError
from hcl_arch.utils.image_decoding import decode_image
from hcl_arch.utils.mask_reading import UnclearMaskError, corrupted_pixels

# In files white is corrupted, as in inpainting tools and mask data sets.
WHITE_FROM = 128


class NoMaskError(HCLError, ValueError):
    """An image can be decoded, but it is no mask; the message says why, without a file's name."""


def decode_mask(content: bytes, *, inverted: bool = False) -> NDArray[np.bool_]:
    """Return the hole map of a mask file.

    Of a picture with dark and bright pixels, gray values from 128 on are holes. Any other one is read like a user's
    mask (`corrupted_pixels`): 0 and 1, a dark colour on black, strokes on a transparent layer; or all of it is a hole,
    or nothing.

    Args:
        content: the file's bytes.
        inverted: the other pixels are the holes instead.

    Returns:
        (H, W) bool, True = hole.

    Raises:
        DamagedImageError: it cannot be decoded.
        NoMaskError: it is no black and white mask, but a label map, for example.
    """
    gray = decode_image(content, cv2.IMREAD_GRAYSCALE)
    holes = gray >= WHITE_FROM
    if holes.all() or not holes.any():
        holes = _decode_plain(content, holes, int(gray.max()))
    return holes != inverted


def _decode_plain(content: bytes, holes: NDArray[np.bool_], highest: int) -> NDArray[np.bool_]:
    """Return the hole map of a picture whose gray values are all bright or all dark, up to `highest`."""
    pixels = decode_image(content, cv2.IMREAD_UNCHANGED)
    has_alpha = pixels.ndim == 3 and pixels.shape[2] == 4 and pixels[..., 3].min() < pixels[..., 3].max()
    if not has_alpha:
        pixels = decode_image(content, cv2.IMREAD_ANYCOLOR | cv2.IMREAD_ANYDEPTH)  # turned upright, unlike above
        if highest >= WHITE_FROM or (highest == 0 and pixels.max() != 1):
            return holes
    if pixels.ndim == 3:
        code = cv2.COLOR_BGRA2RGBA if pixels.shape[2] == 4 else cv2.COLOR_BGR2RGB
        pixels = cv2.cvtColor(pixels, code)  # type: ignore[assignment]
    try:
        return corrupted_pixels(pixels)
    except UnclearMaskError as error:
        found = f'that {error.found}' if has_alpha else f'gray values up to {highest}'
        raise NoMaskError(
            f'expected a mask image of black (0) and white (255), found {found}. Save masks as 8-bit images with 255 '
            'for white.'
        ) from error
