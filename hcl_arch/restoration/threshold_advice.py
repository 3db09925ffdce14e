"""What other thresholds would mark, for whoever has found nothing or too much."""

from __future__ import annotations

import math

import numpy as np

from hcl_arch.restoration.verdict import judged

THRESHOLDS = (0.1, 0.3, 0.5, 0.7, 0.9)
# Of larger pictures every n-th row and column is counted: the shares are advice.
_MOST_PIXELS = 1e6


def marked_shares(confidence: np.ndarray, *, min_score: float = 0.0) -> dict[float, float]:
    """Return for some thresholds which share of a picture each would mark, about.

    Args:
        confidence: (H, W) float32 in [0, 1], that a pixel is uncorrupted.
        min_score: As for :func:`hcl_arch.restoration.verdict.find_by`.
    """
    step = math.ceil(math.sqrt(confidence.size / _MOST_PIXELS))
    sample = np.ascontiguousarray(confidence[::step, ::step])
    masks = {value: judged(sample, threshold=value, min_score=min_score)[0] for value in THRESHOLDS}
    return {value: float((mask > 0).mean()) for value, mask in masks.items()}


def threshold_advice(confidence: np.ndarray, *, min_score: float) -> str:
    """Say what other thresholds, or a least score of 0, would mark; '' if none of them would mark anything.

    Args:
        confidence: See :func:`marked_shares`.
        min_score: The least score with which too little or too much was found.
    """
    option = '--threshold'
    shares = marked_shares(confidence, min_score=min_score)
    if not any(shares.values()) and min_score > 0:
        option, shares = '--min-score 0 --threshold', marked_shares(confidence)
    if not any(shares.values()):
        return ''
    return f'{option} would mark: ' + ', '.join(f'{value:g}: {_percent(share)}' for value, share in shares.items())


def _percent(share: float) -> str:
    return f'{100 * share:.1f} %' if share >= 0.0005 or share == 0 else 'below 0.1 %'
