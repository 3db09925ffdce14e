"""Half masks: one side of the image is missing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hcl_arch.data.masks.hole_maps import hole_counts


def half_mask(size: tuple[int, int], *, hole_share: tuple[float, float], rng: np.random.Generator) -> NDArray[np.bool_]:
    """Return holes that cover one side of the image: the left, right, upper or lower one, each as likely.

    Source: RePaint (Lugmayr et al. 2022, RePaint: Inpainting using Denoising Diffusion Probabilistic Models), the mask
    'Half'. Differs from the paper, where the left half is always the one given: any side may be missing here.

    Args:
        size: height and width.
        hole_share: least and largest share of holes in [0, 1]. The holes are whole rows or columns, as many as come
            nearest to one half, so that a range around 0.5 gives exactly half. Where the range is so narrow that it
            holds no whole number of them, the share is off by at most half a row or column.
        rng: source of all randomness.

    Returns:
        (H, W) bool, True = hole.
    """
    holes = np.zeros(size, bool)
    by_columns, at_end = rng.random(2) < 0.5
    lines = holes.T if by_columns else holes
    count = lines_nearest_half(len(lines), hole_share)
    if at_end:
        lines[len(lines) - count:] = True
    else:
        lines[:count] = True
    return holes


def lines_nearest_half(lines: int, hole_share: tuple[float, float]) -> int:
    """Return how many of `lines` rows or columns to make holes: in the range, and as near as possible to half."""
    fewest, most = hole_counts(lines, hole_share)
    return min(max(lines // 2, fewest), most)
