"""The result of a restoration."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Restoration(NamedTuple):
    """A restored image with the mask that was used."""

    image: np.ndarray
    """The restored image: shape, dtype and channels of the input (gray stays gray, alpha is the input's)."""
    mask: np.ndarray
    """(H, W) uint8, 255 = corrupted, 0 = uncorrupted, as in mask files; also where `reverse` repainted the rest."""
    confidence: np.ndarray
    """(H, W) float32 in [0, 1], that a pixel is uncorrupted; the mask is where it is below the threshold, grown."""
    score: float
    """In [0, 1], how sure it is that anything is corrupted: :func:`hcl_arch.restoration.verdict.corruption_score`; of a
    mask of the user's 1 if it marks anything, else 0."""
    found: bool
    """Whether any pixel is marked. Where the score is too low none is, whatever the confidence."""
