"""Bring a hole map to a wanted share of holes, exact to the pixel, by moving the border of the holes."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray


def fit_share(holes: NDArray[np.bool_], hole_share: tuple[float, float], rng: np.random.Generator) -> NDArray[np.bool_]:
    """Return the hole map with the least change that brings its share of holes into a range.

    A map in the range is returned as it is. Otherwise the holes grow or shrink to the nearest end of the range: ring
    by ring along their border, and of the last ring a run of neighbours in reading order, from a random start. Holes
    do not shrink from the edge of the image, only from the pixels that are none. A map without holes grows them, and a
    map that is all hole loses them, around one random pixel.

    Args:
        holes: (H, W) bool, True = hole; is not changed.
        hole_share: least and largest share of holes, 0 <= least <= largest <= 1; see `hole_counts`.
        rng: says where the last ring is taken, and the pixel to start from.

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

    Where no whole number does, both are the number nearest to the lower end.
    """
    least, largest = hole_share
    # The tolerances keep products such as 0.07 * 100 = 7.000000000000001 from being rounded away from their integer.
    fewest, most = math.ceil(least * pixels - 1e-6), math.floor(largest * pixels + 1e-6)
    if fewest > most:
        fewest = most = round(least * pixels)
    return fewest, most


def _grow(holes: NDArray[np.bool_], missing: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Return the holes with `missing` more pixels along their border; there must be as many without a hole."""
    grown = holes.copy()
    if not grown.any():
        grown[rng.integers(grown.shape[0]), rng.integers(grown.shape[1])] = True
        missing -= 1
    # The city-block distance numbers the rings; a ring's pixels touch the ring before it.
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
