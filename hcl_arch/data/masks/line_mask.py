"""Line and half masks: rows or columns are missing, spread evenly or on one side."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hcl_arch.data.masks.hole_maps import hole_counts


def line_mask(size: tuple[int, int], *, hole_share: tuple[float, float], rng: np.random.Generator) -> NDArray[np.bool_]:
    """Return holes that are whole rows, or whole columns, spread evenly over the image.

    Line i is a hole if floor((i + 1) * s + phase) > floor(i * s + phase), s = share of holes, phase in [0, 1) random.
    With s = 1/2 that is every second line.

    Source: RePaint (Lugmayr et al. 2022, RePaint: Inpainting using Denoising Diffusion Probabilistic Models), the mask
    'Alternating Lines'. Differs from the paper, where it is every second row: here columns may be missing too, and
    other shares than one half are possible.

    Args:
        size: height and width.
        hole_share: least and largest share of holes in [0, 1]; the share closest to one half is taken, in whole lines
            as in `half_mask`.
        rng: source of all randomness.

    Returns:
        (H, W) bool, True = hole.
    """
    holes = np.zeros(size, bool)
    lines = holes.T if rng.random() < 0.5 else holes
    count = lines_nearest_half(len(lines), hole_share)
    # In whole numbers, all multiplied by the number of lines: exactly `count` lines are holes, whatever the phase.
    steps = (np.arange(len(lines) + 1) * count + int(rng.integers(len(lines)))) // len(lines)
    lines[np.diff(steps) > 0] = True
    return holes


def half_mask(size: tuple[int, int], *, hole_share: tuple[float, float], rng: np.random.Generator) -> NDArray[np.bool_]:
    """Return holes that cover one side of the image: the left, right, upper or lower one, with equal probability.

    Source: RePaint (Lugmayr et al. 2022, RePaint: Inpainting using Denoising Diffusion Probabilistic Models), the mask
    'Half'. Differs from the paper, where the left half is always the known one: here any side may be missing.

    Args:
        size: height and width.
        hole_share: least and largest share of holes in [0, 1]. The holes are whole rows or columns, with the share
            closest to one half, so a range around 0.5 gives exactly half. If the range is too narrow for a whole number
            of them, the share is off by at most half a row or column.
        rng: source of all randomness.

    Returns:
        (H, W) bool, True = hole.
    """
    holes = np.zeros(size, bool)
    by_columns, at_end = rng.random(2) < 0.5
    lines = holes.T if by_columns else holes
    count = lines_nearest_half(len(lines), hole_share)
    if at_end:
        lines[len(lines) - count :] = True
    else:
        lines[:count] = True
    return holes


def lines_nearest_half(lines: int, hole_share: tuple[float, float]) -> int:
    """Return how many of `lines` rows or columns to make holes: in the range, and as near as possible to half."""
    fewest, most = hole_counts(lines, hole_share)
    return min(max(lines // 2, fewest), most)
