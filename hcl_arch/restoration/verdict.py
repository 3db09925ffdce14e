"""The verdict on a picture: whether anything in it is corrupted at all, and how sure that is."""

from __future__ import annotations

import math
from typing import NamedTuple, Optional

import numpy as np

from hcl_arch.restoration.mask_array import check_confidence, mask_of_confidence

# The score is a mean over this share of the picture, and over no fewer pixels than these.
_SCORED_SHARE = 0.0005
_LEAST_SCORED = 16
# Corruptions rarely cover more of a photograph; a mask that does is more likely a mistake.
_USUAL_SHARE = 0.4


class Finding(NamedTuple):
    """What was found in a picture."""

    mask: np.ndarray
    """(H, W) uint8, 255 = corrupted, 0 = uncorrupted; all 0 where the score is below the least one."""
    confidence: np.ndarray
    """(H, W) float32 in [0, 1], that a pixel is uncorrupted, as it was found, whatever the verdict."""
    score: float
    """In [0, 1], that anything is corrupted at all: see :func:`corruption_score`."""
    found: bool
    """Whether any pixel is marked."""


def corruption_score(confidence: np.ndarray) -> float:
    """How sure it is that anything of a picture is corrupted.

    With p = 1 - confidence of each of the N pixels, the mean of the k highest p, where k = max(16, 0.0005 N), rounded
    (all pixels where there are fewer): a small date stamp counts, single noisy pixels hardly do.

    Args:
        confidence: (H, W) floating-point in [0, 1], that a pixel is uncorrupted.

    Returns:
        In [0, 1]: 0 where every pixel is surely uncorrupted, 1 where at least k are surely corrupted.

    Raises:
        ValueError: If it is no such map.
    """
    check_confidence(confidence)
    count = min(confidence.size, max(_LEAST_SCORED, round(_SCORED_SHARE * confidence.size)))
    lowest = np.partition(confidence, count - 1, axis=None)[:count]
    return float(1 - lowest.mean(dtype=np.float64))


def find_by(confidence: np.ndarray, *, threshold: float, grow: float, min_score: float) -> Finding:
    """The final mask of a confidence map: that of :func:`mask_of_confidence`, or none if the score is too low.

    Args:
        confidence: (H, W) float32 in [0, 1], that a pixel is uncorrupted.
        threshold: In [0, 1]: pixels with less confidence are corrupted.
        grow: Radius in pixels by which the mask is enlarged.
        min_score: In [0, 1]: of a picture with a lower score nothing is marked; 0 never prevents anything.

    Raises:
        ValueError: If a number is out of its range, or the confidence has another shape or range.
    """
    check_min_score(min_score)
    score = corruption_score(confidence)
    mask = mask_of_confidence(confidence, threshold=threshold, grow=grow)
    if score < min_score:
        mask = np.zeros_like(mask)
    return Finding(mask, confidence, score, bool(mask.any()))


def check_min_score(min_score: float) -> None:
    """Raise ValueError if it is no number in [0, 1]."""
    if not isinstance(min_score, (int, float, np.floating)) or not 0 <= min_score <= 1:
        raise ValueError(f'min_score: expected a number in [0, 1], got {min_score}.')


def nothing_found(score: float, min_score: float) -> str:
    """What is said of a picture in which nothing is marked, such as "nothing found (score 0.12, below 0.35)".

    Args:
        score: Of the picture.
        min_score: The least score of pictures that are repaired; not mentioned where the score reaches it.
    """
    # Cut and not rounded, so that a score never looks like the number that it is below.
    text = f'{math.floor(100 * score + 1e-9) / 100:.2f}'
    below = f', below {min_score:g}' if score < min_score else ''
    return f'nothing found (score {text}{below})'


def unusual_share(share: float) -> Optional[str]:
    """What is remarked on a mask that marks unusually much of a picture; None for all others.

    Args:
        share: Of the picture that is marked, in [0, 1].
    """
    if share <= _USUAL_SHARE:
        return None
    return f'{100 * share:.0f} % of the picture marked, unusually much: check the mask'
