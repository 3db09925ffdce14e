"""Pixelated regions: what was hidden on purpose, and of which a repair would only invent something."""

from __future__ import annotations

import cv2
import numpy as np

_LEAST_SHARE, _LEAST_PIXELS = 0.0005, 256
# Boxes and ovals fill most of the rectangle around them.
_LEAST_FILLED = 0.4
_LEAST_PERIOD, _LEAST_CELLS = 3, 3
# How many times as high the steps from cell to cell are as those within one, in levels of 255.
_LEAST_RATIO = 4.0
_FLAT = 0.7
# A longer period must fit this much better than the shortest one.
_BETTER = 1.15
_FAR, _NEAR = 9, 5  # kernels for the band around a region
_MOST_STEP = 1.4


def pixelated_regions(picture: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Find the marked regions that look pixelated, as faces and number plates are hidden.

    Such a region is divided into squares of one colour, all of a size, and goes on with the colours around it; so a
    picture of flat colours that was pasted in does not count.

    Args:
        picture: (H, W) or (H, W, C) of integers or of floats in [0, 1].
        mask: (H, W) uint8, nonzero = marked; each connected region of it is judged by itself.

    Returns:
        (H, W) bool.
    """
    marked = (mask > 0).astype(np.uint8)
    count, labels, boxes, _ = cv2.connectedComponentsWithStats(marked, connectivity=8)
    found = np.zeros(count, bool)
    least = max(_LEAST_PIXELS, _LEAST_SHARE * mask.size)
    for label in range(1, count):
        left, top, width, height, area = boxes[label]
        if area >= max(least, _LEAST_FILLED * width * height):
            around = np.s_[max(top - _FAR, 0) : top + height + _FAR, max(left - _FAR, 0) : left + width + _FAR]
            found[label] = _is_pixelated(_luma(picture[around]), labels[around] == label)
    return found[labels]


def _is_pixelated(luma: np.ndarray, region: np.ndarray) -> bool:
    inside = _eroded(region, 3)
    across, down = _lattice(luma, inside), _lattice(luma.T, inside.T)
    if min(across, down) < _LEAST_PERIOD:
        return False
    shorter, longer = sorted((across, down))
    is_square = abs(longer - round(longer / shorter) * shorter) <= 1
    return is_square and _step_at_border(luma, region) < _MOST_STEP * luma[inside].std()


def _lattice(luma: np.ndarray, region: np.ndarray) -> int:
    """The period of vertical lines on which alone the picture changes within the region; 0 = there is none."""
    both = region[:, 1:] & region[:, :-1]
    steps, rows = (np.abs(np.diff(luma, axis=1)) * both).sum(axis=0), both.sum(axis=0)
    columns = np.flatnonzero(rows)
    if not columns.size:
        return 0
    steps, rows = (each[columns[0] : columns[-1] + 1] for each in (steps, rows))
    best, period = 0.0, 0
    for candidate in range(_LEAST_PERIOD, len(steps) // _LEAST_CELLS + 1):
        padding = (0, -len(steps) % candidate)
        by_phase, counts = (np.pad(each, padding).reshape(-1, candidate).sum(axis=0) for each in (steps, rows))
        line = np.argmax(by_phase / np.maximum(counts, 1))
        on_lines = by_phase[line] / max(counts[line], 1)
        between = (by_phase.sum() - by_phase[line]) / max(counts.sum() - counts[line], 1)
        ratio = on_lines / (between + _FLAT)
        if ratio > best * _BETTER:
            best, period = ratio, candidate
    return period if best >= _LEAST_RATIO else 0


def _step_at_border(luma: np.ndarray, region: np.ndarray) -> float:
    """Mean difference, along the border, of the means of the pixels near it on both sides."""
    inner, border = _eroded(region, _FAR - 2), region & ~_eroded(region, 3)
    outer = _dilated(region, _FAR) & ~_dilated(region, _NEAR)
    inside, outside = (_mean_of(luma, band) for band in (region & ~inner, outer))
    return float(np.abs(inside - outside)[border].mean())


def _mean_of(luma: np.ndarray, band: np.ndarray) -> np.ndarray:
    weight = band.astype(np.float32)
    return np.asarray(cv2.blur(luma * weight, (_FAR, _FAR)) / np.maximum(cv2.blur(weight, (_FAR, _FAR)), 1e-3))


def _eroded(region: np.ndarray, side: int) -> np.ndarray:
    """The region without its border; that of the picture is none."""
    return cv2.erode(region.astype(np.uint8), np.ones((side, side), np.uint8), borderValue=1) > 0


def _dilated(region: np.ndarray, side: int) -> np.ndarray:
    return cv2.dilate(region.astype(np.uint8), np.ones((side, side), np.uint8)) > 0


def _luma(picture: np.ndarray) -> np.ndarray:
    """(H, W) float32 in levels of 255; an alpha channel is left out."""
    colours = picture if picture.ndim == 2 else picture[..., : 3 if picture.shape[2] > 2 else 1].mean(axis=2)
    largest = np.iinfo(picture.dtype).max if np.issubdtype(picture.dtype, np.integer) else 1
    return np.ascontiguousarray(colours, np.float32) * np.float32(255 / largest)
