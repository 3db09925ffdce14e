"""Random numbers shared by several kinds of corruption."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import ArrayLike

from hcl_arch.data.corruptions.corruption import FloatArray, Span

# Lengths are given in pixels of an image with this short side, and scale with it.
REFERENCE_SIDE = 256


def log_uniform(span: Span, rng: np.random.Generator) -> float:
    """Return a number between two positive ones, uniform in its logarithm: small ones as often as large ones."""
    return math.exp(rng.uniform(math.log(span[0]), math.log(span[1])))


def unit_of(size: tuple[int, ...]) -> float:
    """Return how many pixels of an image of this height and width correspond to one of the reference image."""
    return min(size[:2]) / REFERENCE_SIDE


def share_out(total: float, count: int, rng: np.random.Generator) -> list[float]:
    """Return `count` random positive numbers with the sum `total`, none below a third of the mean."""
    parts = rng.dirichlet(np.ones(count)) * 2 / 3 + 1 / (3 * count)
    return [float(part) for part in total * parts]


def scale_channels(image: FloatArray, gains: ArrayLike, shifts: ArrayLike) -> FloatArray:
    """Return gain * image + shift, both with one number per channel; not clipped.

    Done in OpenCV, because NumPy takes several times as long.
    """
    matrix = np.zeros((3, 4))
    matrix[[0, 1, 2], [0, 1, 2]] = gains
    matrix[:, 3] = shifts
    return cv2.transform(image, matrix)  # type: ignore[return-value]


def smooth_noise(size: tuple[int, int], cells: int, rng: np.random.Generator) -> FloatArray:
    """Return a smooth random field.

    Args:
        size: height and width.
        cells: how many random values lie along the longer side; more make it finer.
        rng: source of all randomness.

    Returns:
        (H, W) float32, about uniform in [0, 1]; the interpolation may overshoot the ends slightly.
    """
    longest = max(size)
    shape = [max(2, round(cells * side / longest)) for side in size]
    knots = rng.random(shape, np.float32)
    return cv2.resize(knots, (size[1], size[0]), interpolation=cv2.INTER_CUBIC)  # type: ignore[return-value]
