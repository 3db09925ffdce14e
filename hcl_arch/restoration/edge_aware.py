"""Enlargement of confidences of a reduced image to full size, along the image's own edges."""

from __future__ import annotations

from typing import Callable

import cv2
import numpy as np

from hcl_arch.restoration.resampling import enlarge_rows

# A reduced pixel's confidence is uncertain by about this many reduced pixels: the finest stage's stride is 1 or 2.
_REACH = 2
# Edges of the guide, in [0, 1], below about this contrast are not followed: squared, the guided filter's epsilon.
_LEAST_CONTRAST = 0.03
_STRIP_PIXELS = 2**20

GuideRows = Callable[[slice], np.ndarray]


def enlarge_along_edges(
    confidence: np.ndarray, guide_rows: GuideRows, height: int, width: int, *, strip_rows: int | None = None
) -> np.ndarray:
    """Enlarge a confidence map, with its boundaries moved to the edges of the full-size image.

    A guided filter (He, Sun, Tang, 2010) of the bilinear enlargement p with the full-size image's luma I: in windows of
    radius r, q = mean(a) I + mean(b) with a = cov(I, p) / (var(I) + epsilon), b = mean(p) - a mean(I). Its result is
    limited to the range of the confidences within two reduced pixels: uniform regions stay as they are, whatever the
    threshold, and only their boundaries move.

    Args:
        confidence: (h, w) float32 in [0, 1], of the reduced image.
        guide_rows: Returns some rows (a slice with start and stop) of the full-size image's luma, (rows, W) float32.
        height: H of the full-size image.
        width: W of the full-size image.
        strip_rows: How many rows are computed at a time, which limits the memory; the result is the same up to
            rounding.

    Returns:
        (H, W) float32 in [0, 1].
    """
    if confidence.shape == (height, width):
        return confidence.astype(np.float32)
    radius = tuple(int(np.ceil(_REACH * full / small)) for full, small in zip((height, width), confidence.shape))
    kernel = np.ones((2 * _REACH + 1, 2 * _REACH + 1), np.uint8)
    bounds = cv2.erode(confidence, kernel), cv2.dilate(confidence, kernel)
    result = np.empty((height, width), np.float32)
    step = strip_rows or max(64, _STRIP_PIXELS // width)
    for start in range(0, height, step):
        stop = min(height, start + step)
        # A mean of means reaches two radii far.
        around = slice(max(0, start - 2 * radius[0]), min(height, stop + 2 * radius[0]))
        enlarged = enlarge_rows(confidence, around, height, width)
        filtered = guided_filter(guide_rows(around), enlarged, radius)[start - around.start : stop - around.start]
        low, high = (enlarge_rows(bound, slice(start, stop), height, width) for bound in bounds)
        result[start:stop] = np.clip(filtered, low, high)
    return result


def guided_filter(guide: np.ndarray, values: np.ndarray, radius: tuple[int, ...]) -> np.ndarray:
    """Filter values (H, W) to follow the edges of a guide (H, W), both float32 in about [0, 1].

    Args:
        guide: The guide, one channel.
        values: The values to filter.
        radius: Vertical and horizontal radius of the windows in pixels.
    """

    def mean(array: np.ndarray) -> np.ndarray:
        size = (2 * radius[1] + 1, 2 * radius[0] + 1)
        return cv2.boxFilter(array, cv2.CV_32F, size, borderType=cv2.BORDER_REPLICATE)

    mean_guide, mean_values = mean(guide), mean(values)
    covariance = mean(guide * values) - mean_guide * mean_values
    variance = (mean(guide * guide) - mean_guide * mean_guide).clip(min=0)
    slope = covariance / (variance + _LEAST_CONTRAST**2)
    return mean(slope) * guide + mean(mean_values - slope * mean_guide)
