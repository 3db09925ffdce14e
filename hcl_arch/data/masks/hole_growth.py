"""Grow a hole map out of random shapes until it covers a wanted share of the image."""

from __future__ import annotations

from typing import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from hcl_arch.data.masks.hole_maps import hole_counts, set_hole_count

# Draws one shape (value 1) into a (H, W) uint8 canvas. Arguments: canvas, scale in (0, 1], random generator; a smaller
# scale asks for a thinner and shorter shape.
DrawShape = Callable[[NDArray[np.uint8], float, np.random.Generator], None]

# A shape may pass the drawn target by this share of the image; without a limit the shares would crowd the upper end.
OVERSHOOT = 0.02
# How much smaller the next shape becomes after one that did not fit.
SHRINK = 0.6
MAX_SHAPES = 40
# As close to the drawn target, as a share of the image, counts as reached: the last shapes would be dust.
TOLERANCE = 0.01


def grow_holes(size: tuple[int, int], *, hole_share: tuple[float, float], rng: np.random.Generator,
               draw_shape: DrawShape) -> NDArray[np.bool_]:
    """Return a hole map whose share of holes lies in a wanted range.

    A target share is drawn uniformly from the range. Shapes are added until it is reached; a shape that passes it too
    far is taken back and the following ones are smaller. What is then still missing (in a very narrow range, or at a
    share near 1) is added along the border of the holes, pixel by pixel.

    Args:
        size: height and width.
        hole_share: least and largest share of holes, 0 <= least <= largest <= 1. The result keeps to it; where no
            whole number of pixels lies in the range, it has the number nearest to the lower end.
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
