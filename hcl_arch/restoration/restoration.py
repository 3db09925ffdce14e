"""What a restored photograph consists of."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Restoration(NamedTuple):
    """A restored image with the mask that it was restored by."""

    image: np.ndarray
    """The restored image: shape, dtype and channels of the input (gray stays gray, alpha is the input's)."""
    mask: np.ndarray
    """(H, W) uint8, 255 = corrupted, 0 = uncorrupted, as in mask files; also where `reverse` repainted the rest."""
    confidence: np.ndarray
    """(H, W) float32 in [0, 1], that a pixel is uncorrupted; the mask is where it is below the threshold, grown."""
