"""Otsu's threshold: splits the confidences of one image best into two classes."""

from __future__ import annotations

from typing import Literal, Union

import numpy as np
from numpy.typing import NDArray
from skimage.filters import threshold_otsu

Threshold = Union[float, Literal['otsu']]

_BINS = 256
_WITHOUT_CHOICE = 0.5


def otsu_threshold(soft_mask: NDArray) -> float:
    """Threshold between the two groups of confidences whose means lie farthest apart, by Otsu's method.

    It maximises ``n_0 n_1 (m_0 - m_1)^2`` with numbers n and means m of the confidences below and above, over the 255
    borders between 256 equal bins from the lowest to the highest confidence. A detector that is too timid or too bold
    for a fixed threshold is so measured by how it divides the image.

    Args:
        soft_mask: (H, W) in [0, 1].

    Returns:
        Confidence from which on a pixel is in the upper group; 0.5 where all confidences are equal or some
            are no numbers.

    >>> bool(0.2 < otsu_threshold(np.array([[0.1, 0.2, 0.7, 0.8]])) <= 0.7)
    True

    Source: Otsu, "A Threshold Selection Method from Gray-Level Histograms", 1979; computed by scikit-image.
    """
    confidence = soft_mask.astype(np.float64)
    lowest, highest = float(confidence.min()), float(confidence.max())
    if not lowest < highest:
        return _WITHOUT_CHOICE
    # scikit-image gives the centre of the last bin of the lower group; the groups part at that bin's end.
    centre = float(threshold_otsu((confidence - lowest) / (highest - lowest), nbins=_BINS))
    return lowest + (centre + 0.5 / _BINS) * (highest - lowest)


def called_clean(soft_mask: NDArray, threshold: Union[float, str]) -> NDArray:
    """Say which pixels are called uncorrupted.

    Args:
        soft_mask: (H, W) in [0, 1], confidence that a pixel is uncorrupted.
        threshold: Confidence from which on it is called so, or ``otsu`` for one of the image's own.

    Returns:
        (H, W) bool.

    Raises:
        ValueError: If the threshold is another text.
    """
    if threshold == 'otsu':
        return soft_mask.astype(np.float64) >= otsu_threshold(soft_mask)
    if isinstance(threshold, str):
        raise ValueError(f"Option `threshold` must be a number or 'otsu', got {threshold!r}.")
    return np.asarray(soft_mask >= threshold)
