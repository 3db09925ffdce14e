"""Pictures for display on the page, reduced: full-size ones are only needed for downloads."""

from __future__ import annotations

import base64

import cv2
import numpy as np
from numpy.typing import NDArray

from hcl_arch.utils.pixel_values import as_8_bit

# Longest side of a displayed picture, of one that is zoomed into, and of a thumbnail in a list, in pixels.
SHOWN_SIDE, ZOOMED_SIDE, THUMBNAIL_SIDE = 1280, 4096, 320
_JPEG_QUALITY = 88


def to_8_bit_rgb(image: NDArray) -> NDArray[np.uint8]:
    """Any photograph as 8-bit RGB, with transparency on white.

    Args:
        image: (H, W), (H, W, 1), (H, W, 3) RGB or (H, W, 4) RGBA; uint8, uint16 or float in [0, 1].

    Returns:
        (H, W, 3).
    """
    if image.dtype == np.uint16:
        image = as_8_bit(image)
    elif image.dtype != np.uint8:
        image = np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)
    if image.ndim == 2 or image.shape[2] == 1:
        return np.repeat(image.reshape(*image.shape[:2], 1), 3, axis=2)
    if image.shape[2] == 3:
        return image
    alpha = image[..., 3:].astype(np.uint16)
    return ((image[..., :3] * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)


def reduce(image: NDArray, side: int = SHOWN_SIDE) -> NDArray:
    """Return an image, (H, W) or (H, W, C), reduced to a longer side of at most `side` pixels."""
    height, width = image.shape[:2]
    if max(height, width) <= side:
        return image
    scale = side / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def jpeg(image: NDArray, side: int = SHOWN_SIDE) -> bytes:
    """A photograph, as in `to_8_bit_rgb`, as a JPEG for the page."""
    # Reduced first, to avoid converting a 16-bit photograph of 50 megapixels at full size.
    shown = to_8_bit_rgb(reduce(image, side))
    return _encode('.jpg', shown[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])


def mask_png(mask: NDArray[np.uint8], side: int = SHOWN_SIDE) -> bytes:
    """A mask (H, W), 255 = corrupted, as a PNG in gray for the page."""
    return png(reduce(mask, side))


def confidence_jpeg(confidence: NDArray[np.float32], side: int = SHOWN_SIDE) -> bytes:
    """A confidence map (H, W) in [0, 1] in colours from yellow (0: surely corrupted) to dark blue (1)."""
    gray = np.rint((1 - np.clip(reduce(confidence, side), 0, 1)) * 255).astype(np.uint8)
    return _encode('.jpg', cv2.applyColorMap(gray, cv2.COLORMAP_CIVIDIS), [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])


def png(image: NDArray) -> bytes:
    """A gray image, (H, W) uint8, as a PNG."""
    return _encode('.png', image, [cv2.IMWRITE_PNG_COMPRESSION, 3])


def data_url(content: bytes, kind: str) -> str:
    """A picture's bytes within a page; kind: 'png' or 'jpeg'."""
    return f'data:image/{kind};base64,{base64.b64encode(content).decode("ascii")}'


def _encode(suffix: str, image: NDArray, parameters: list[int]) -> bytes:
    return cv2.imencode(suffix, np.ascontiguousarray(image), parameters)[1].tobytes()
