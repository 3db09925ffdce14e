"""Random-walk masks: irregular shapes left by a wandering brush of changing width and form."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from hcl_arch.data.hole_growth import grow_holes

# For images of 256 px. The shapes are ours, chosen by eye to be as ragged as the masks of Liu et al. (2018).
REFERENCE_SIDE = 256
STEPS = (6, 24)
STEP_LENGTH = (6.0, 22.0)
BRUSH_WIDTH = (8.0, 34.0)
# Standard deviations per step: of the turn in radians, and of the logarithm of the width.
TURN = 0.7
WIDTH_CHANGE = 0.3
# The share of steps that leave a blob besides the line, and the share of ellipses (not circles) among the blobs.
BLOB_SHARE = 0.3
ELLIPSE_SHARE = 0.6


def random_walk_mask(size: tuple[int, int], *, hole_share: tuple[float, float],
                     rng: np.random.Generator) -> NDArray[np.bool_]:
    """Return holes left by random walks of thick lines, ellipses and circles.

    In the manner of the irregular masks of Liu et al. (2018), Image Inpainting for Irregular Holes Using Partial
    Convolutions, Section 4.1. Differs from the paper: those masks were taken from the occlusions between two frames of
    a video and then cropped and dilated; these are drawn, so that no data set is needed.

    Args:
        size: height and width.
        hole_share: least and largest share of holes in [0, 1]; see `grow_holes`.
        rng: source of all randomness.

    Returns:
        (H, W) bool, True = hole.
    """
    return grow_holes(size, hole_share=hole_share, rng=rng, draw_shape=_draw_walk)


def _draw_walk(canvas: NDArray[np.uint8], scale: float, rng: np.random.Generator) -> None:
    """Draw one walk; `scale` multiplies its widths and its lengths."""
    height, width = canvas.shape
    unit = scale * min(height, width) / REFERENCE_SIDE
    count = int(rng.integers(STEPS[0], STEPS[1] + 1))
    headings = rng.uniform(0, 2 * math.pi) + np.cumsum(rng.normal(0, TURN, count))
    lengths = unit * rng.uniform(*STEP_LENGTH, count)
    start = rng.uniform(0, (width, height))
    points = np.rint(start + np.cumsum(np.stack([np.cos(headings), np.sin(headings)], 1) * lengths[:, None], 0))
    points = np.clip(points, 0, (width - 1, height - 1)).astype(int)
    widths = rng.uniform(*BRUSH_WIDTH) * np.exp(np.cumsum(rng.normal(0, WIDTH_CHANGE, count)))
    widths = np.maximum(1, np.rint(unit * np.clip(widths, *BRUSH_WIDTH))).astype(int)
    corners, brushes = points.tolist(), widths.tolist()
    for first, second, brush in zip(corners, corners[1:], brushes):
        cv2.line(canvas, first, second, 1, brush)
    for step in np.flatnonzero(rng.random(count) < BLOB_SHARE).tolist():
        _draw_blob(canvas, corners[step], brushes[step], rng)


def _draw_blob(canvas: NDArray[np.uint8], centre: tuple[int, int], brush: int, rng: np.random.Generator) -> None:
    """Draw a filled ellipse or circle of about the brush's width."""
    radius, other = (max(1, round(brush * factor)) for factor in rng.uniform(0.4, 1.2, 2))
    if rng.random() < ELLIPSE_SHARE:
        cv2.ellipse(canvas, centre, (radius, other), rng.uniform(0, 180), 0, 360, 1, cv2.FILLED)
    else:
        cv2.circle(canvas, centre, radius, 1, cv2.FILLED)
