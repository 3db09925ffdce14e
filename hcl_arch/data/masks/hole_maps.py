"""Hole maps (True = hole): resize them, grow them, and bring them to a wanted share of holes, exact to the pixel."""

from __future__ import annotations

import math
from typing import Callable

import cv2
import numpy as np
from numpy.typing import NDArray


def fit_share(holes: NDArray[np.bool_], hole_share: tuple[float, float], rng: np.random.Generator) -> NDArray[np.bool_]:
    """Return the hole map with the least change that brings its share of holes into a range.

    A map in the range is returned as it is. Otherwise the holes grow or shrink to the nearest end of the range: ring
    by ring along their border, and of the last ring a run of neighbours in reading order, from a random start. Holes
    shrink only where they border on uncorrupted pixels, not from the edge of the image. A map without holes grows them,
    and a map that is all hole loses them, around one random pixel.

    Args:
        holes: (H, W) bool, True = hole; is not changed.
        hole_share: least and largest share of holes, 0 <= least <= largest <= 1; see `hole_counts`.
        rng: decides where the last ring is taken, and the pixel to start from.

    Returns:
        (H, W) bool. Grown holes contain the given ones; shrunk holes are contained in them.
    """
    fewest, most = hole_counts(holes.size, hole_share)
    count = int(np.count_nonzero(holes))
    return set_hole_count(holes, min(max(count, fewest), most), rng)


def set_hole_count(holes: NDArray[np.bool_], count: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Return the hole map grown or shrunk along the border to exactly `count` hole pixels; see `fit_share`."""
    missing = count - int(np.count_nonzero(holes))
    if missing > 0:
        return _grow(holes, missing, rng)
    return ~_grow(~holes, -missing, rng) if missing < 0 else holes


def hole_counts(pixels: int, hole_share: tuple[float, float]) -> tuple[int, int]:
    """Return the fewest and the most of `pixels` pixels, or rows, whose share lies in the range.

    If no whole number does, both are the number closest to the lower end.
    """
    least, largest = hole_share
    # The tolerances keep products such as 0.07 * 100 = 7.000000000000001 from being rounded away from their integer.
    fewest, most = math.ceil(least * pixels - 1e-6), math.floor(largest * pixels + 1e-6)
    if fewest > most:
        fewest = most = round(least * pixels)
    return fewest, most


def _grow(holes: NDArray[np.bool_], missing: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Return the holes with `missing` more pixels along their border; that many pixels must be free."""
    grown = holes.copy()
    if not grown.any():
        grown[rng.integers(grown.shape[0]), rng.integers(grown.shape[1])] = True
        missing -= 1
    # The city-block distance numbers the rings; each ring's pixels touch the previous ring.
    rings = cv2.distanceTransform(1 - grown.view(np.uint8), cv2.DIST_L1, 3).astype(np.int32)
    added = np.cumsum(np.bincount(rings.reshape(-1))[1:])
    last = 1 + int(np.searchsorted(added, missing))  # the ring in which the wanted number is reached
    grown |= rings < last
    if last > 1:
        missing -= int(added[last - 2])
    ring = np.flatnonzero(rings == last)
    # A run of neighbours in reading order looks like a shape's edge, a random choice like dust.
    grown.reshape(-1)[np.roll(ring, -int(rng.integers(len(ring) or 1)))[:missing]] = True
    return grown


# Area resizing sums float32 weights: an exact half may come out slightly below.
_HALF = 0.5 - 1e-4


def resize_holes(holes: NDArray[np.bool_], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Return a hole map at another size: a pixel is a hole if at least half of what it covers is.

    It is resized as a float, like the image it belongs to: by area when it shrinks, so a pixel of both covers the same
    pixels of the originals; linearly when it grows. Then it is thresholded at 0.5. Nearest neighbour would pick one of
    the covered pixels, at random places of a jagged edge, and OpenCV's is off by half a pixel.

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


# Draws one shape (value 1) into a (H, W) uint8 canvas. Arguments: canvas, scale in (0, 1], random generator; a smaller
# scale asks for a thinner and shorter shape.
DrawShape = Callable[[NDArray[np.uint8], float, np.random.Generator], None]

# A shape may exceed the target by this share of the image; without a limit the shares would cluster at the upper end.
OVERSHOOT = 0.02
# Factor by which the next shape shrinks after one that did not fit.
SHRINK = 0.6
MAX_SHAPES = 40
# The target counts as reached within this share of the image: further shapes would be mere specks.
TOLERANCE = 0.01


def grow_holes(
    size: tuple[int, int], *, hole_share: tuple[float, float], rng: np.random.Generator, draw_shape: DrawShape
) -> NDArray[np.bool_]:
    """Return a hole map whose share of holes lies in a wanted range.

    A target share is drawn uniformly from the range. Shapes are added until it is reached; a shape that exceeds it by
    too much is removed and the following ones are smaller. If the share is still too small (in a very narrow range, or
    near 1), pixels are added along the border of the holes.

    Args:
        size: height and width.
        hole_share: least and largest share of holes, 0 <= least <= largest <= 1. The result keeps to it; if no whole
            number of pixels lies in the range, it has the number closest to the lower end.
        rng: source of all randomness.
        draw_shape: draws one random shape.

    Returns:
        (H, W) bool, True = hole.
    """
    fewest, most = hole_counts(size[0] * size[1], hole_share)
    target = int(rng.integers(fewest, most + 1))
    close = target - int(TOLERANCE * size[0] * size[1])
    limit = min(most, target + int(OVERSHOOT * size[0] * size[1]))
    canvas = np.zeros(size, np.uint8)
    covered, scale = 0, 1.0
    for _ in range(MAX_SHAPES):
        if covered >= close:
            break
        trial = canvas.copy()
        draw_shape(trial, scale, rng)
        trial_covered = cv2.countNonZero(trial)
        if trial_covered <= limit:
            canvas, covered = trial, trial_covered
        else:
            scale *= SHRINK
    return set_hole_count(canvas.astype(bool), max(covered, close, fewest), rng)
