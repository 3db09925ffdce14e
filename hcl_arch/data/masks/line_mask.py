"""Line masks: every second row or column is missing, or another share of them, spread evenly."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hcl_arch.data.masks.half_mask import lines_nearest_half


def line_mask(size: tuple[int, int], *, hole_share: tuple[float, float], rng: np.random.Generator) -> NDArray[np.bool_]:
    """Return holes that are whole rows, or whole columns, spread evenly over the image.

    Line i is a hole if floor((i + 1) * s + phase) > floor(i * s + phase), s = share of holes, phase in [0, 1) random.
    With s = 1/2 that is every second line.

    Source: RePaint (Lugmayr et al. 2022, RePaint: Inpainting using Denoising Diffusion Probabilistic Models), the mask
    'Alternating Lines'. Differs from the paper, where it is every second row: columns may be missing, and shares other
    than one half are possible.

    Args:
        size: height and width.
        hole_share: least and largest share of holes in [0, 1]; the share nearest to one half is taken, in whole lines
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
