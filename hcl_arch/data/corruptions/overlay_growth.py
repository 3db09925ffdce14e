"""Stack random drawings until they cover a wanted share of the photograph."""

from __future__ import annotations

import math
from typing import Callable

import numpy as np

from hcl_arch.data.corruptions.overlay import Overlay, stack, transparent

# Draws one layer. Arguments: size (height and width), scale in (0, 1], random generator; a smaller scale asks for a
# smaller or sparser drawing. For equal random numbers the covered area should follow the scale without large jumps.
DrawLayer = Callable[[tuple[int, int], float, np.random.Generator], Overlay]

# The share may miss the target by this share of the image, within the range.
TOLERANCE = 0.025
# Assumed share covered by a layer of scale 1, before any was drawn.
USUAL_GAIN = 0.1
# How often one layer is drawn again at another scale before the next one is tried.
MAX_FITS = 6
MAX_DRAWINGS = 40
LEAST_SCALE = 0.02


def grow_overlay(
    size: tuple[int, int],
    *,
    hole_share: tuple[float, float],
    rng: np.random.Generator,
    draw_layer: DrawLayer,
    count_covered: Callable[[Overlay], int],
) -> Overlay:
    """Return a drawing that covers a share of the photograph within a wanted range.

    A target share is drawn uniformly from the range, and layers are stacked until the covered share lies within
    `TOLERANCE` of it and within the range. A layer that exceeds it is removed and drawn again smaller, with the same
    random numbers: the covered area grows about with the square of the scale.

    If the drawings do not allow it (empty pictures, colours equal to the photograph's), it gives up after
    `MAX_DRAWINGS` drawings and returns the stack closest to the target, with a share outside the range.

    Args:
        size: height and width.
        hole_share: least and largest covered share, 0 <= least <= largest <= 1. A target of less than half a pixel
            gives an empty overlay.
        rng: source of all randomness.
        draw_layer: draws one layer.
        count_covered: number of pixels that a stack of layers covers; the caller decides what counts, for instance
            `overlay_changes` with the photograph at hand.

    Returns:
        The stacked layers.
    """
    pixels = size[0] * size[1]
    target = rng.uniform(*hole_share) * pixels
    fewest = max(target - TOLERANCE * pixels, hole_share[0] * pixels)
    most = min(target + TOLERANCE * pixels, hole_share[1] * pixels)
    grown, covered = transparent(size), 0
    nearest, nearest_distance = grown, target
    gain = USUAL_GAIN * pixels
    scale, fits, seed = _fitting_scale(target, gain), 0, _new_seed(rng)
    for _ in range(MAX_DRAWINGS):
        # If no whole number of pixels lies in the range, half a pixel is the best possible distance.
        if nearest_distance < 0.5:
            return nearest
        trial = stack(grown, draw_layer(size, scale, np.random.default_rng(seed)))
        count = count_covered(trial)
        if abs(count - target) < nearest_distance:
            nearest, nearest_distance = trial, abs(count - target)
        if count > 0 and fewest <= count <= most:
            return trial
        gain = max((count - covered) / scale**2, 1)
        if count <= most:
            grown, covered = trial, count
        fits += 1
        if count <= most or fits > MAX_FITS:
            fits, seed = 0, _new_seed(rng)
        scale = _fitting_scale(target - covered, gain)
    return nearest


def _fitting_scale(wanted: float, gain: float) -> float:
    """Return the scale of a layer that should cover `wanted` more pixels, if one of scale 1 covers `gain`."""
    return min(max(math.sqrt(max(wanted, 0) / gain), LEAST_SCALE), 1)


def _new_seed(rng: np.random.Generator) -> int:
    """Return the seed of a layer: redrawing it at another scale needs the same random numbers."""
    return int(rng.integers(2**63))
