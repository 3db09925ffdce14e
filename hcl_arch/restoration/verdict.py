"""The verdict on a picture: whether anything in it is corrupted, and with what score."""

from __future__ import annotations

import math
from typing import NamedTuple, Optional

import cv2
import numpy as np

from hcl_arch.restoration.mask_array import check_confidence, grown, mask_of_confidence
from hcl_arch.utils.errors import InputError

# A score is a mean over this factor times the square root of the picture's pixel count: of a region, the length of a
# thin scratch; of a picture, the area of a small date stamp, since what is marked by mistake is mostly smaller.
_REGION_LENGTH = 0.04
_PICTURE_LENGTH = 0.64
_LEAST_SCORED = 12
# In a picture that is corrupted, regions need no higher score than this: tiled marks are rarely equally clear.
_REGION_SCORE = 0.7
# Corruptions rarely cover more of a photograph; a mask that does may well be a mistake.
_USUAL_SHARE = 0.2
_LONGEST_SHAPE = 100


class Finding(NamedTuple):
    """The finding in a picture."""

    mask: np.ndarray
    """(H, W) uint8, 255 = corrupted, 0 = uncorrupted; without what the verdict leaves out: see :func:`find_by`."""
    confidence: np.ndarray
    """(H, W) float32 in [0, 1], that a pixel is uncorrupted, as it was found, whatever the verdict."""
    score: float
    """In [0, 1], that anything is corrupted at all: see :func:`corruption_score`."""
    found: bool
    """Whether any pixel is marked."""


def corruption_score(confidence: np.ndarray) -> float:
    """Score for a picture being corrupted anywhere.

    With p = 1 - confidence, it is the mean of the k highest p, where k = max(12, 0.64 sqrt(H W)), rounded, or the
    number of all pixels: a small date stamp, a scratch or many faint marks can score high, a spot of noise cannot.

    Args:
        confidence: (H, W) floating-point in [0, 1], that a pixel is uncorrupted.

    Returns:
        In [0, 1]: 0 where every pixel is surely uncorrupted, 1 where at least k pixels are surely corrupted.

    Raises:
        ValueError: If it is not such a map.
    """
    check_confidence(confidence)
    scored = _n_scored(confidence, _PICTURE_LENGTH)
    lowest = np.partition(confidence, scored - 1, axis=None)[:scored]
    return float((1 - lowest.astype(np.float64)).mean().clip(0, 1))


def find_by(confidence: np.ndarray, *, threshold: float, grow: float, min_score: float) -> Finding:
    """The final mask of a confidence map: that of :func:`mask_of_confidence`, after the verdict.

    A picture with a score below ``min_score`` is left alone. In others those regions are left alone that score less
    than 0.7, or than ``min_score`` if that is lower. A region is a connected set of pixels below the threshold, and its
    score is the sum of its k highest p over k, where k = max(12, 0.04 sqrt(H W)), rounded.

    Args:
        confidence: (H, W) float32 in [0, 1], that a pixel is uncorrupted.
        threshold: In [0, 1]: pixels with less confidence are corrupted.
        grow: Radius in pixels by which the mask is enlarged.
        min_score: In [0, 1]: pictures with a lower score, see :func:`corruption_score`, are not marked; 0 accepts every
            picture and region.

    Raises:
        ValueError: If a number is out of its range, or the confidence has another shape or range.
    """
    mask, score = judged(confidence, threshold=threshold, min_score=min_score)
    return Finding(grown(mask, grow), confidence, score, bool(mask.any()))


def judged(confidence: np.ndarray, *, threshold: float, min_score: float) -> tuple[np.ndarray, float]:
    """The mask of :func:`find_by` before it grows, and the picture's score."""
    check_min_score(min_score)
    mask, score = mask_of_confidence(confidence, threshold=threshold), corruption_score(confidence)
    if score < min_score:
        mask[:] = 0
    elif min_score > 0:
        labels, scores = _regions(confidence, mask > 0)
        mask[(scores < min(min_score, _REGION_SCORE))[labels]] = 0
    return mask, score


def spared(finding: Finding, kept: Optional[np.ndarray]) -> Finding:
    """Return a finding without the marks on pixels that are kept, (H, W) uint8, nonzero = kept; None: none are."""
    if kept is None:
        return finding
    mask = np.where(kept > 0, np.uint8(0), finding.mask)
    return finding._replace(mask=mask, found=bool(mask.any()))


def found_by_user(given: np.ndarray, mask: np.ndarray) -> Finding:
    """The finding given by a user's mask and the final mask made from it, which are taken as true."""
    found = bool(mask.any())
    return Finding(mask, (given == 0).astype(np.float32), float(found), found)


def _regions(confidence: np.ndarray, marked: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Connected regions of marked pixels: (H, W) labels from 1 up, 0 = not marked, and the score of each label."""
    count, labels = cv2.connectedComponents(marked.view(np.uint8), connectivity=8)
    scored = _n_scored(confidence, _REGION_LENGTH)
    region, corrupted = labels[marked], 1 - confidence[marked].astype(np.float64)
    order = np.lexsort((-corrupted, region))
    region, corrupted = region[order], corrupted[order]
    rank = np.arange(region.size) - np.searchsorted(region, np.arange(count))[region]
    scores = np.bincount(region, weights=corrupted * (rank < scored), minlength=count) / scored
    return labels, scores


def _n_scored(confidence: np.ndarray, length: float) -> int:
    """How many pixels a score is a mean over."""
    return min(confidence.size, max(_LEAST_SCORED, round(length * math.sqrt(confidence.size))))


def check_min_score(min_score: float) -> None:
    """Raise ValueError if it is not a number in [0, 1]."""
    if not isinstance(min_score, (int, float, np.floating)) or not 0 <= min_score <= 1:
        raise InputError(f'min_score: expected a number in [0, 1], got {min_score}.')


def can_be_judged(height: int, width: int) -> bool:
    """Whether a picture has context enough: of a line of pixels a network would find all or nothing."""
    return max(height, width) <= _LONGEST_SHAPE * min(height, width)


def nothing_found(score: float, min_score: float, shape: tuple[int, ...]) -> str:
    """The message for a picture in which nothing is marked, such as "nothing found (score 0.62, below 0.8)".

    Args:
        score: Score of the picture.
        shape: Height and width of the picture: one that is too narrow was not judged.
        min_score: The least score of pictures that are repaired; not mentioned where the score reaches it.
    """
    if not can_be_judged(*shape[:2]):
        return f'not judged ({shape[1]:,} x {shape[0]:,} pixels, more than {_LONGEST_SHAPE} times as long as wide)'
    # Truncated, not rounded: a score below a number must never look equal to it.
    text = f'{math.floor(100 * score + 1e-9) / 100:.2f}'
    below = f', below {min_score:g}' if score < min_score else ''
    return f'nothing found (score {text}{below})'


def unusual_share(share: float) -> Optional[str]:
    """The remark on a mask that covers an unusually large share of a picture; None for all others.

    Args:
        share: Marked share of the picture, in [0, 1].
    """
    if share <= _USUAL_SHARE:
        return None
    return f'{100 * share:.0f} % of the picture marked, unusually much: check the mask'
