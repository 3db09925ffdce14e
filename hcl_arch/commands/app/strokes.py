"""Brush strokes, which add to a mask or erase from it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from hcl_arch.commands.app.page_error import PageError

MAX_STROKES = 1000
MAX_POINTS = 100_000
CORRUPTED, UNCORRUPTED = 255, 0
# As a share of the photograph's longer side.
LARGEST_RADIUS = 0.5


class Stroke(NamedTuple):
    """One brush stroke, in coordinates relative to the photograph, so it fits every size of it.

    Attributes:
        erase: whether it marks pixels as uncorrupted; otherwise as corrupted.
        radius: radius of the brush, as a share of the photograph's longer side.
        points: (N, 2) float64, x and y as shares of width and height; N >= 1.
    """

    erase: bool
    radius: float
    points: NDArray[np.float64]


def read_strokes(data: Any) -> list[Stroke]:
    """Return the strokes sent by the browser: [{'erase': bool, 'radius': r, 'points': [[x, y], ...]}, ...].

    Raises:
        PageError: it has another form, or there are too many.
    """
    if not isinstance(data, list) or len(data) > MAX_STROKES:
        raise PageError(f'At most {MAX_STROKES} strokes of the brush can be kept. Undo some.')
    try:
        strokes = [
            Stroke(entry['erase'] is True, float(entry['radius']), _read_points(entry['points'])) for entry in data
        ]
    except (KeyError, TypeError, ValueError, OverflowError):
        raise PageError('The strokes of the brush could not be read. Undo the last one.') from None
    if sum(len(stroke.points) for stroke in strokes) > MAX_POINTS:
        raise PageError('That is more drawing than can be kept. Undo some strokes.')
    if not all(math.isfinite(stroke.radius) and 0 < stroke.radius <= LARGEST_RADIUS for stroke in strokes):
        raise PageError('The size of the brush could not be read. Undo the last stroke.')
    return strokes


def paint(mask: NDArray[np.uint8], strokes: Sequence[Stroke]) -> NDArray[np.uint8]:
    """Return a mask with strokes painted on it, one after the other.

    Args:
        mask: (H, W), 255 = corrupted, 0 = uncorrupted. It is not changed.
        strokes: they override the thresholded mask.
    """
    painted = mask.copy()
    height, width = mask.shape
    for stroke in strokes:
        pixels = np.rint(stroke.points * (width, height) - 0.5).astype(np.int32)
        radius = max(stroke.radius * max(width, height), 0.5)
        value = UNCORRUPTED if stroke.erase else CORRUPTED
        if len(pixels) == 1:
            cv2.circle(painted, (int(pixels[0, 0]), int(pixels[0, 1])), round(radius), value, cv2.FILLED)
        else:  # thick lines of OpenCV have round ends and joints
            cv2.polylines(painted, [pixels], False, value, max(1, round(2 * radius)))
    return painted


def _read_points(data: Any) -> NDArray[np.float64]:
    """Return points, limited to the neighbourhood of the photograph.

    Raises:
        ValueError: these are not points.
    """
    points = np.asarray(data, np.float64)
    if points.ndim != 2 or points.shape[1] != 2 or not len(points) or not np.isfinite(points).all():
        raise ValueError('expected pairs of numbers')
    return np.clip(points, -1, 2)
