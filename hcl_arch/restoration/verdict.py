"""The verdict on a picture: whether anything in it is corrupted, and with what score."""

from __future__ import annotations

import math
from typing import NamedTuple, Optional

import cv2
import numpy as np

from hcl_arch.restoration.mask_array import check_confidence, grown, mask_of_confidence
from hcl_arch.utils.errors import InputError

# A score is a mean over this factor times the square root of the picture's pixel count, the length of a thin scratch,
# and over at least this many pixels.
_SCORED_LENGTH = 0.04
_LEAST_SCORED = 12
# Corruptions rarely cover more of a photograph; a mask that does may well be a mistake.
_USUAL_SHARE = 0.2
_LONGEST_SHAPE = 100


class Finding(NamedTuple):
    """The finding in a picture."""

    mask: np.ndarray
    """(H, W) uint8, 255 = corrupted, 0 = uncorrupted; without the regions whose score is below the least one."""
    confidence: np.ndarray
    """(H, W) float32 in [0, 1], that a pixel is uncorrupted, as it was found, whatever the verdict."""
    score: float
    """In [0, 1], that anything is corrupted at all: see :func:`corruption_score`."""
    found: bool
    """Whether any pixel is marked."""


def corruption_score(confidence: np.ndarray, *, threshold: float = 0.5) -> float:
    """Score for a picture being corrupted anywhere: the highest score of its regions.

    A region is a connected set of pixels below the threshold. With p = 1 - confidence, its score is the sum of its k
    highest p over k, where k = max(12, 0.04 sqrt(H W)), rounded: a small date stamp or a thin scratch can score high, a
    few noisy pixels cannot. For a picture without regions, the score is computed over all its pixels.

    Args:
        confidence: (H, W) floating-point in [0, 1], that a pixel is uncorrupted.
        threshold: In [0, 1], see above.

    Returns:
        In [0, 1]: 0 where every pixel is surely uncorrupted, 1 where at least k connected ones are surely corrupted.

    Raises:
        ValueError: If it is not such a map.
    """
    check_confidence(confidence)
    _, scores = _regions(confidence, confidence < threshold)
    return _highest(scores, confidence)


def find_by(confidence: np.ndarray, *, threshold: float, grow: float, min_score: float) -> Finding:
    """The final mask of a confidence map: that of :func:`mask_of_confidence`, without regions that score too low.

    Args:
        confidence: (H, W) float32 in [0, 1], that a pixel is uncorrupted.
        threshold: In [0, 1]: pixels with less confidence are corrupted.
        grow: Radius in pixels by which the mask is enlarged.
        min_score: In [0, 1]: regions with a lower score, see :func:`corruption_score`, are not marked; 0 accepts every
            region.

    Raises:
        ValueError: If a number is out of its range, or the confidence has another shape or range.
    """
    mask, scores = judged(confidence, threshold=threshold, min_score=min_score)
    return Finding(grown(mask, grow), confidence, _highest(scores, confidence), bool(mask.any()))


def judged(confidence: np.ndarray, *, threshold: float, min_score: float) -> tuple[np.ndarray, np.ndarray]:
    """The mask of :func:`find_by` before it grows, and the scores of its regions, after a 0 for what is in none."""
    check_min_score(min_score)
    mask = mask_of_confidence(confidence, threshold=threshold)
    labels, scores = _regions(confidence, mask > 0)
    if len(scores) > 1:
        mask[(scores < min_score)[labels]] = 0
    return mask, scores


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
    scored = _n_scored(confidence)
    region, corrupted = labels[marked], 1 - confidence[marked].astype(np.float64)
    order = np.lexsort((-corrupted, region))
    region, corrupted = region[order], corrupted[order]
    rank = np.arange(region.size) - np.searchsorted(region, np.arange(count))[region]
    scores = np.bincount(region, weights=corrupted * (rank < scored), minlength=count) / scored
    return labels, scores.clip(0, 1)


def _highest(scores: np.ndarray, confidence: np.ndarray) -> float:
    """The highest score of regions; without any, that of all pixels, of which most need not be sorted."""
    if len(scores) > 1:
        return float(scores.max())
    scored = _n_scored(confidence)
    lowest = np.sort(np.partition(confidence, scored - 1, axis=None)[:scored])
    # One after the other, as in a region: NumPy's sum adds in pairs, which rounds otherwise.
    return float((np.cumsum(1 - lowest.astype(np.float64))[-1] / scored).clip(0, 1))


def _n_scored(confidence: np.ndarray) -> int:
    """How many pixels a score is a mean over."""
    return min(confidence.size, max(_LEAST_SCORED, round(_SCORED_LENGTH * math.sqrt(confidence.size))))


def check_min_score(min_score: float) -> None:
    """Raise ValueError if it is not a number in [0, 1]."""
    if not isinstance(min_score, (int, float, np.floating)) or not 0 <= min_score <= 1:
        raise InputError(f'min_score: expected a number in [0, 1], got {min_score}.')


def can_be_judged(height: int, width: int) -> bool:
    """Whether a picture has context enough: of a line of pixels a network would find all or nothing."""
    return max(height, width) <= _LONGEST_SHAPE * min(height, width)


def nothing_found(score: float, min_score: float, shape: tuple[int, ...]) -> str:
    """The message for a picture in which nothing is marked, such as "nothing found (score 0.12, below 0.35)".

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
