"""Give a pasted part the colours of its surroundings."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hcl_arch.data.corruptions.corruption import BoolArray, FloatArray
from hcl_arch.data.corruptions.everyday.draws import scale_channels
from hcl_arch.utils.pixel_values import LUMA

# Limits of the change in contrast; more would turn a plain part into noise.
GAIN = (0.3, 2.0)
PLAIN = 1e-4


def match_colours(
    part: FloatArray,
    counted: BoolArray,
    surroundings: NDArray[np.float32],
    *,
    strength: float = 1.0,
    luma_only: bool = False,
) -> FloatArray:
    """Move mean and deviation of a part's colours to those of its surroundings.

    out = part + s * (g * (part - m) + m' - part), for each channel, with the means m and m', the strength s, and g the
    quotient of the standard deviations, limited to `GAIN`; clipped to [0, 1]. For the luma the same correction is
    computed once, on 0.299 R + 0.587 G + 0.114 B, and added to all channels.

    Args:
        part: (h, w, 3), RGB in [0, 1].
        counted: (h, w) bool, the pixels whose mean and deviation are matched; at least one.
        surroundings: (N, 3), the pixels of the surroundings, N > 0.
        strength: 1 = fully, 0 = not at all.
        luma_only: keep the hues: match the luma alone.

    Returns:
        (h, w, 3) float32 in [0, 1].
    """
    inner = part[counted]
    source, target = (inner @ LUMA[:, None], surroundings @ LUMA[:, None]) if luma_only else (inner, surroundings)
    mean, deviation = source.mean(0), source.std(0)
    gain = np.clip(target.std(0) / np.maximum(deviation, PLAIN), *GAIN)
    matched = scale_channels(part, 1 - strength + strength * gain, strength * (target.mean(0) - gain * mean))
    return np.clip(matched, 0, 1)
