"""Metrics of a predicted mask against the true mask (Section 4.2); positive = uncorrupted unless stated otherwise."""

from __future__ import annotations

import numpy as np
from basicsr.utils.registry import METRIC_REGISTRY
from numpy.typing import NDArray
from scipy.stats import rankdata

from hcl_arch.metrics.otsu import Threshold, called_clean

# As torch's binary_cross_entropy: a certain error costs 100, not infinity.
_LOWEST_LOG = -100.0


@METRIC_REGISTRY.register()
def calculate_mask_accuracy(soft_mask: NDArray, true_mask: NDArray, *, threshold: Threshold = 0.5) -> float:
    """Share of pixels that are told rightly.

    Args:
        soft_mask: (H, W) in [0, 1], confidence that a pixel is uncorrupted.
        true_mask: (H, W), 1 = uncorrupted, 0 = corrupted.
        threshold: Confidence from which on a pixel is called uncorrupted; ``otsu`` looks for one in each image, see
            :func:`hcl_arch.metrics.otsu.otsu_threshold`.

    Returns:
        In [0, 1]; NaN if a confidence is.

    Raises:
        ValueError: If the shapes differ, or the threshold is another text.
    """
    predicted, truth = _binary(soft_mask, true_mask, threshold)
    return _unless_unknown(soft_mask, float((predicted == truth).mean()))


@METRIC_REGISTRY.register()
def calculate_mask_f1(soft_mask: NDArray, true_mask: NDArray, *, threshold: Threshold = 0.5) -> float:
    """F1 of the uncorrupted pixels, 2 TP / (2 TP + FP + FN); 1 where there are none and none are predicted.

    Arguments and errors as of :func:`calculate_mask_accuracy`.
    """
    predicted, truth = _binary(soft_mask, true_mask, threshold)
    return _unless_unknown(soft_mask, _ratio(2 * (predicted & truth).sum(), predicted.sum() + truth.sum()))


@METRIC_REGISTRY.register()
def calculate_mask_iou(soft_mask: NDArray, true_mask: NDArray, *, threshold: Threshold = 0.5) -> float:
    """Intersection over union of the uncorrupted pixels; 1 where there are none and none are predicted.

    Arguments and errors as of :func:`calculate_mask_accuracy`.
    """
    predicted, truth = _binary(soft_mask, true_mask, threshold)
    return _unless_unknown(soft_mask, _ratio((predicted & truth).sum(), (predicted | truth).sum()))


@METRIC_REGISTRY.register()
def calculate_corrupted_iou(soft_mask: NDArray, true_mask: NDArray, *, threshold: Threshold = 0.5) -> float:
    """Intersection over union of the *corrupted* pixels; 1 where there are none and none are predicted.

    Beside the paper's measures: an all-clean guess, which is good by those on small holes, has 0 here.
    Arguments and errors as of :func:`calculate_mask_accuracy`.

    >>> calculate_corrupted_iou(np.array([[0.1, 0.4, 0.9]]), np.array([[0, 1, 1]]))  # two found, one of them rightly
    0.5
    """
    predicted, truth = _binary(soft_mask, true_mask, threshold)
    return _unless_unknown(soft_mask, _ratio((~predicted & ~truth).sum(), (~predicted | ~truth).sum()))


@METRIC_REGISTRY.register()
def calculate_mask_bce(soft_mask: NDArray, true_mask: NDArray) -> float:
    """Mean binary cross-entropy of the confidences, in nats.

    Arguments and errors as of :func:`calculate_mask_accuracy`.
    """
    _, truth = _binary(soft_mask, true_mask, 0.5)
    with np.errstate(divide='ignore'):
        log_clean = np.maximum(np.log(soft_mask.astype(np.float64)), _LOWEST_LOG)
        log_corrupted = np.maximum(np.log1p(-soft_mask.astype(np.float64)), _LOWEST_LOG)
    return float(-np.where(truth, log_clean, log_corrupted).mean())


@METRIC_REGISTRY.register()
def calculate_mask_auc(soft_mask: NDArray, true_mask: NDArray) -> float:
    """Area under the ROC curve: how often an uncorrupted pixel has more confidence than a corrupted one, ties half.

    Needs no threshold, so it tells what a detector knows even where it is too timid or too bold; 0.5 is a guess, and
    what an image of one region alone gets. Arguments and errors as of :func:`calculate_mask_accuracy`.
    """
    _, truth = _binary(soft_mask, true_mask, 0.5)
    clean, corrupted = int(truth.sum()), int((~truth).sum())
    if not clean or not corrupted:
        return 0.5
    ranks = rankdata(soft_mask.reshape(-1))[truth.reshape(-1)]
    return float((ranks.sum() - clean * (clean + 1) / 2) / (clean * corrupted))


def _binary(soft_mask: NDArray, true_mask: NDArray, threshold: Threshold) -> tuple[NDArray, NDArray]:
    if soft_mask.shape != true_mask.shape:
        raise ValueError(f'Expected two masks of one shape, got {soft_mask.shape} and {true_mask.shape}.')
    return called_clean(soft_mask, threshold), true_mask >= 0.5


def _unless_unknown(soft_mask: NDArray, score: float) -> float:
    """The score, or NaN if a confidence is no number: such a pixel is called neither."""
    return float('nan') if np.isnan(soft_mask).any() else score


def _ratio(part: np.integer, whole: np.integer) -> float:
    return float(part / whole) if whole > 0 else 1.0
