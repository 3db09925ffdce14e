"""Grow a hole map out of random shapes until it covers a wanted share of the image."""

from __future__ import annotations

import math
from typing import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

# Draws one shape (value 1) into a (H, W) uint8 canvas. Arguments: canvas, scale in (0, 1], random generator; a smaller
# scale asks for a thinner and shorter shape.
DrawShape = Callable[[NDArray[np.uint8], float, np.random.Generator], None]

# A shape may pass the drawn target by this share of the image; without a limit the shares would crowd the upper end.
OVERSHOOT = 0.02
# How much smaller the next shape becomes after one that did not fit.
SHRINK = 0.7
MAX_SHAPES = 40
_CROSS = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], np.uint8)


def grow_holes(size: tuple[int, int], *, hole_share: tuple[float, float], rng: np.random.Generator,
               draw_shape: DrawShape) -> NDArray[np.bool_]:
    """Return a hole map whose share of holes lies in a wanted range.

    A target share is drawn uniformly from the range. Shapes are added until it is reached; a shape that passes it too
    far is taken back and the following ones are smaller. What many shapes leave open (a share near 1, a very narrow
    range) is added along the border of the holes, pixel by pixel.

    Args:
        size: height and width.
        hole_share: least and largest share of holes, 0 <= least <= largest <= 1. The result keeps to it; where no
            whole number of pixels lies in the range, it has the number nearest to the lower end.
        rng: source of all randomness.
        draw_shape: draws one random shape.

    Returns:
        (H, W) bool, True = hole.
    """
    target, largest = _draw_target(size[0] * size[1], hole_share, rng)
    limit = min(largest, target + int(OVERSHOOT * size[0] * size[1]))
    canvas = np.zeros(size, np.uint8)
    covered, scale = 0, 1.0
    for _ in range(MAX_SHAPES):
        if covered >= target:
            break
        trial = canvas.copy()
        draw_shape(trial, scale, rng)
        trial_covered = cv2.countNonZero(trial)
        if trial_covered <= limit:
            canvas, covered = trial, trial_covered
        else:
            scale *= SHRINK
    if covered < target:
        _extend_border(canvas, target, rng)
    return canvas.astype(bool)


def _draw_target(pixels: int, hole_share: tuple[float, float], rng: np.random.Generator) -> tuple[int, int]:
    """Return a number of hole pixels drawn from the range, and the largest one in the range."""
    least, largest = hole_share
    # The tolerances keep products such as 0.07 * 100 = 7.000000000000001 from being rounded away from their integer.
    fewest, most = math.ceil(least * pixels - 1e-6), math.floor(largest * pixels + 1e-6)
    if fewest > most:
        fewest = most = round(least * pixels)
    return int(rng.integers(fewest, most + 1)), most


def _extend_border(canvas: NDArray[np.uint8], target: int, rng: np.random.Generator) -> None:
    """Add pixels along the border of the holes of `canvas` until there are exactly `target`."""
    covered = cv2.countNonZero(canvas)
    if covered == 0 and target > 0:
        canvas[rng.integers(canvas.shape[0]), rng.integers(canvas.shape[1])] = 1
        covered = 1
    while covered < target:
        border = np.flatnonzero(cv2.dilate(canvas, _CROSS) > canvas)
        # A run of neighbours in reading order looks like a shape's edge, a random choice like dust.
        chosen = np.roll(border, -int(rng.integers(len(border))))[:target - covered]
        canvas.reshape(-1)[chosen] = 1
        covered += len(chosen)
