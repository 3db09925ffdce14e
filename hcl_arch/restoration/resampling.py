"""Reduction by area and bilinear enlargement, in strips of rows that do not affect the values."""

from __future__ import annotations

from typing import NamedTuple, Optional

import cv2
import numpy as np


def reduce_by_area(
    values: np.ndarray, height: int, width: int, weights: Optional[np.ndarray] = None
) -> tuple[np.ndarray, np.ndarray]:
    """Mean of the pixels under each pixel of a smaller grid; only those with a weight count, if there are any.

    Args:
        values: (H, W, C) uint8, uint16 or floating-point.
        height: Of the smaller grid, at most H.
        width: Of the smaller grid, at most W.
        weights: (H, W) bool: which pixels count. By default all do.

    Returns:
        The means, (height, width, C) float32, with integers scaled by their range; and the share of the pixels that
        count, (height, width) float32 in [0, 1]. If none counts, the mean is over all.
    """
    means = np.stack([_area(values[..., channel], height, width) for channel in range(values.shape[2])], axis=2)
    if weights is None or weights.all():
        return means, np.ones((height, width), np.float32)
    share = _area(weights.astype(np.float32), height, width)
    some = share > 0
    for channel in range(values.shape[2]):
        weighted = _area(as_float(values[..., channel]) * weights, height, width)
        means[some, channel] = weighted[some] / share[some]
    return means.clip(0, 1), share


def _area(values: np.ndarray, height: int, width: int) -> np.ndarray:
    if values.dtype == np.uint8:  # OpenCV would round the means to 8 bits; now they are those of the picture in 16 bits
        values = values.astype(np.uint16) * np.uint16(257)
    values = np.ascontiguousarray(values if values.dtype == np.uint16 else values.astype(np.float32))
    reduced = cv2.resize(values, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(as_float(reduced)).reshape(height, width)


def as_float(pixels: np.ndarray) -> np.ndarray:
    """Pixels of any dtype as float32 in [0, 1], the same ones for 8 and 16 bits; values beyond are clipped."""
    if pixels.dtype in (np.uint8, np.uint16):
        return pixels.astype(np.float32) / np.float32(np.iinfo(pixels.dtype).max)
    return pixels.astype(np.float32).clip(0, 1)


def enlarge_part(values: np.ndarray, rows: slice, columns: slice, height: int, width: int) -> np.ndarray:
    """A part of a bilinear enlargement; constant regions keep their value exactly.

    Args:
        values: (h, w) or (h, w, C) float32.
        rows: Which rows of the enlargement, with start and stop.
        columns: Which columns.
        height: H of the whole enlargement.
        width: W of the whole enlargement.

    Returns:
        (rows, columns) or (rows, columns, C) float32.
    """
    vertical = _Neighbours.of(np.arange(rows.start, rows.stop), values.shape[0], height)
    horizontal = _Neighbours.of(np.arange(columns.start, columns.stop), values.shape[1], width)
    return horizontal.mix(vertical.mix(values, 0), 1)


def enlarge_rows(values: np.ndarray, rows: slice, height: int, width: int) -> np.ndarray:
    """Like :func:`enlarge_part`, for all columns."""
    return enlarge_part(values, rows, slice(0, width), height, width)


class _Neighbours(NamedTuple):
    """For positions along an axis of the large grid: the two neighbours on the small one, and the second's weight."""

    first: np.ndarray
    second: np.ndarray
    weight: np.ndarray

    @classmethod
    def of(cls, positions: np.ndarray, small: int, large: int) -> _Neighbours:
        place = ((positions + 0.5) * (small / large) - 0.5).clip(0, small - 1)
        first = place.astype(np.int64)
        return cls(first, np.minimum(first + 1, small - 1), (place - first).astype(np.float32))

    def mix(self, values: np.ndarray, axis: int) -> np.ndarray:
        # In this form, unlike a weighted sum, equal neighbours give exactly their value.
        mixed = values.take(self.second, axis)
        first = values.take(self.first, axis)
        mixed -= first
        mixed *= self.weight.reshape([-1 if dimension == axis else 1 for dimension in range(values.ndim)])
        mixed += first
        return mixed
