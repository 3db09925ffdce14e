"""Random-walk masks: angular bands along wandering lines, with splinters beside them."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from hcl_arch.data.masks.hole_maps import grow_holes

# Lengths are in pixels of a 256 px image. The values are ours, chosen by eye beside masks of Liu et al. (2018).
REFERENCE_SIDE = 256
# Walks drawn together, with one width.
WALKS = (3, 6)
STEPS = (15, 55)
STEP_LENGTH = (4.0, 14.0)
# Mean turn per step in radians. Turns have a Laplace distribution: mostly slight bends, and occasionally a corner.
TURN = 0.3
# Drawn evenly on a logarithmic scale.
BRUSH_WIDTH = (6.0, 28.0)
# How much the widths of rows and columns differ, as a logarithm.
ASYMMETRY = 0.2
# Share of steps that leave a splinter beside the walk, at a normally distributed distance.
SPLINTER_SHARE = 0.15
SPLINTER_DISTANCE = 12.0


def random_walk_mask(
    size: tuple[int, int], *, hole_share: tuple[float, float], rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Return holes left by random walks: long bands with corners and angular ends, and splinters beside them.

    Modelled on the irregular masks of Liu et al. (2018), Image Inpainting for Irregular Holes Using Partial
    Convolutions, Section 4.1. Differs from the paper: those masks were taken from the occlusions between two frames of
    a video and then cropped and dilated; these are drawn, so no data set is needed.

    Args:
        size: height and width.
        hole_share: least and largest share of holes in [0, 1]; see `grow_holes`.
        rng: source of all randomness.

    Returns:
        (H, W) bool, True = hole.
    """
    return grow_holes(size, hole_share=hole_share, rng=rng, draw_shape=_draw_walks)


def _draw_walks(canvas: NDArray[np.uint8], scale: float, rng: np.random.Generator) -> None:
    """Draw some walks; `scale` multiplies their lengths and the largest width."""
    unit = min(canvas.shape) / REFERENCE_SIDE
    # Thin lines are drawn and then dilated, as the masks of Liu et al. were: it gives their angular ends and corners.
    lines = np.zeros_like(canvas)
    points = _walk(canvas.shape, unit * scale, rng)
    cv2.polylines(lines, list(np.rint(points).astype(np.int32)), False, 1)
    splinters = points[rng.random(points.shape[:2]) < SPLINTER_SHARE]
    splinters += rng.normal(0, unit * scale * SPLINTER_DISTANCE, splinters.shape)
    columns, rows = np.rint(splinters).astype(int).T
    inside = (rows >= 0) & (rows < canvas.shape[0]) & (columns >= 0) & (columns < canvas.shape[1])
    lines[rows[inside], columns[inside]] = 1
    brush = unit * BRUSH_WIDTH[0] * max(1.0, scale * BRUSH_WIDTH[1] / BRUSH_WIDTH[0]) ** rng.random()
    height, width = (max(1, round(brush * math.exp(change))) for change in rng.uniform(-ASYMMETRY, ASYMMETRY, 2))
    cv2.bitwise_or(canvas, cv2.dilate(lines, np.ones((height, width), np.uint8)), dst=canvas)


def _walk(size: tuple[int, ...], unit: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return the points (x, y) of N walks of equal length, which may leave the image: (N, steps, 2)."""
    shape = (int(rng.integers(WALKS[0], WALKS[1] + 1)), int(rng.integers(STEPS[0], STEPS[1] + 1)))
    headings = rng.laplace(0, TURN, shape)
    headings[:, 0] = rng.uniform(0, 2 * math.pi, shape[0])
    # In the complex plane, x + iy.
    steps = unit * rng.uniform(*STEP_LENGTH, shape) * np.exp(1j * np.cumsum(headings, 1))
    steps[:, 0] += rng.uniform(0, size[1], shape[0]) + 1j * rng.uniform(0, size[0], shape[0])
    return np.cumsum(steps, 1).view(np.float64).reshape(*shape, 2)
