"""Resize hole maps so that they stay hole maps."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

# Area resizing sums up float32 weights: an exact half may come out a little below.
_HALF = 0.5 - 1e-4


def resize_holes(holes: NDArray[np.bool_], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Return a hole map at another size: a pixel is a hole if at least half of what it covers is.

    It is resized as a float, by area where it shrinks, as the image beside it, so that a pixel of both covers the same
    pixels of the originals; linearly where it grows. Then it is cut at 0.5. Nearest neighbours would take one pixel
    out of those covered, at random places of a jagged edge, and OpenCV's are off by half a pixel.

    Args:
        holes: (H, W) bool, True = hole.
        shape: height and width wanted.

    Returns:
        (h, w) bool.
    """
    if holes.shape == shape:
        return holes
    shrinks = shape[0] <= holes.shape[0] and shape[1] <= holes.shape[1]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    resized: NDArray[np.bool_] = cv2.resize(holes.astype(np.float32), shape[::-1], interpolation=method) >= _HALF
    return resized
