"""Free-form masks: zigzag strokes with a round brush."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from hcl_arch.data.masks.hole_maps import grow_holes

# The values of DeepFill v2's published program, for images of 256 px.
REFERENCE_SIDE = 256
VERTICES = (4, 12)
BRUSH_WIDTH = (12.0, 40.0)
# A stroke turns by 72 degrees on average; each stroke varies around it by up to 24 degrees to either side.
MEAN_ANGLE = 2 * math.pi / 5
ANGLE_RANGE = 2 * math.pi / 15


def free_form_mask(
    size: tuple[int, int], *, hole_share: tuple[float, float], rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Return holes drawn as strokes with round joints and random vertices, angles, lengths and brush widths.

    Source: DeepFill v2 (Yu et al. 2019, Free-Form Image Inpainting with Gated Convolution), Algorithm 1.
    Differs from the paper: strokes are added until a target share is reached instead of one to four strokes, and each
    stroke has a random orientation instead of one random flip for all.

    Args:
        size: height and width.
        hole_share: least and largest share of holes in [0, 1]; see `grow_holes`.
        rng: source of all randomness.

    Returns:
        (H, W) bool, True = hole.
    """
    return grow_holes(size, hole_share=hole_share, rng=rng, draw_shape=_draw_stroke)


def _draw_stroke(canvas: NDArray[np.uint8], scale: float, rng: np.random.Generator) -> None:
    """Draw one stroke; `scale` multiplies its width and its lengths."""
    height, width = canvas.shape
    count = int(rng.integers(VERTICES[0], VERTICES[1] + 1))
    mean_length = scale * math.hypot(height, width) / 8
    lengths = np.clip(rng.normal(mean_length, mean_length / 2, count), 0, 2 * mean_length)
    spread = rng.uniform(0, ANGLE_RANGE, 2)
    angles = rng.uniform(MEAN_ANGLE - spread[0], MEAN_ANGLE + spread[1], count)
    angles[::2] *= -1
    angles += rng.uniform(0, 2 * math.pi)
    points = np.empty((count + 1, 2))
    points[0] = rng.uniform(0, (width, height))
    points[1:, 0] = points[0, 0] + np.cumsum(lengths * np.cos(angles))
    points[1:, 1] = points[0, 1] + np.cumsum(lengths * np.sin(angles))
    points = np.clip(points, 0, (width - 1, height - 1))
    thickness = scale * rng.uniform(*BRUSH_WIDTH) * min(height, width) / REFERENCE_SIDE
    # OpenCV rounds the joints and ends of thick lines.
    cv2.polylines(canvas, [np.rint(points).astype(np.int32)], False, 1, max(1, round(thickness)))
