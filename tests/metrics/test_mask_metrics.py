from __future__ import annotations

from typing import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from hcl_arch.metrics import (
    calculate_corrupted_iou,
    calculate_mask_accuracy,
    calculate_mask_auc,
    calculate_mask_bce,
    calculate_mask_f1,
    calculate_mask_iou,
)

Metric = Callable[..., float]
BINARY = [calculate_mask_accuracy, calculate_mask_f1, calculate_mask_iou, calculate_corrupted_iou]


def counts_oracle(soft_mask: NDArray, true_mask: NDArray, threshold: float) -> tuple[float, float, float, float]:
    """Accuracy, F1, IoU and IoU of the corrupted pixels from precision, recall and counts, pixel by pixel."""
    tp = fp = fn = tn = 0
    for soft, truth in zip(soft_mask.flat, true_mask.flat):
        if truth == 1:
            tp, fn = (tp + 1, fn) if soft >= threshold else (tp, fn + 1)
        else:
            fp, tn = (fp + 1, tn) if soft >= threshold else (fp, tn + 1)
    precision, recall = tp / (tp + fp), tp / (tp + fn)
    f1 = 2 * precision * recall / (precision + recall)
    return (tp + tn) / (tp + fp + fn + tn), f1, tp / (tp + fp + fn), tn / (tn + fp + fn)


def test_by_hand() -> None:
    # Two uncorrupted pixels found, one missed, one corrupted pixel taken for uncorrupted, two told rightly.
    soft_mask = np.array([[0.9, 0.5, 0.4], [0.6, 0.1, 0.0]])
    true_mask = np.array([[1.0, 1.0, 1.0], [0.0, 0.0, 0.0]])
    values = [metric(soft_mask, true_mask) for metric in BINARY]
    assert values == pytest.approx([4 / 6, 2 / 3, 2 / 4, 2 / 4])
    # At 0.95 nothing is called uncorrupted.
    assert [metric(soft_mask, true_mask, threshold=0.95) for metric in BINARY] == pytest.approx([0.5, 0, 0, 0.5])
    expected = -np.mean(np.log([0.9, 0.5, 0.4, 0.4, 0.9, 1.0]))
    assert calculate_mask_bce(soft_mask, true_mask) == pytest.approx(expected)


@pytest.mark.parametrize('threshold', [0.2, 0.5, 0.8])
@pytest.mark.parametrize('dtype', [np.float32, np.float64])
def test_equal_counts_oracle(threshold: float, dtype: type) -> None:
    rng = np.random.default_rng(0)
    for _ in range(5):
        soft_mask = rng.random((9, 7)).astype(dtype)
        true_mask = (rng.random((9, 7)) < 0.7).astype(dtype)
        values = [metric(soft_mask, true_mask, threshold=threshold) for metric in BINARY]
        assert values == pytest.approx(counts_oracle(soft_mask, true_mask, threshold))
        assert all(type(value) is float for value in values)


@pytest.mark.parametrize(
    ('predicted', 'truth', 'expected'),
    [
        # accuracy, F1, IoU, corrupted IoU
        (1.0, 1.0, (1, 1, 1, 1)),  # nothing is corrupted, and so it is said
        (0.0, 0.0, (1, 1, 1, 1)),  # all is
        (1.0, 0.0, (0, 0, 0, 0)),
        (0.0, 1.0, (0, 0, 0, 0)),
    ],
)
def test_masks_of_one_region(predicted: float, truth: float, expected: tuple[int, ...]) -> None:
    masks = np.full((4, 5), predicted, np.float32), np.full((4, 5), truth, np.float32)
    assert tuple(metric(*masks) for metric in BINARY) == expected
    assert calculate_mask_bce(*masks) == pytest.approx(0 if predicted == truth else 100)


def test_guess_that_nothing_is_corrupted_is_seen_through_by_corrupted_iou() -> None:
    true_mask = np.ones((10, 10), np.float32)
    true_mask[0] = 0
    guess = np.ones_like(true_mask)
    assert calculate_mask_accuracy(guess, true_mask) == pytest.approx(0.9)
    assert calculate_corrupted_iou(guess, true_mask) == 0
    # Swapping the roles of the regions swaps the two measures.
    soft_mask = np.random.default_rng(0).random((10, 10)).astype(np.float32)
    inverse = calculate_mask_iou(1 - soft_mask, 1 - true_mask)
    assert calculate_corrupted_iou(soft_mask, true_mask) == pytest.approx(inverse)


def test_bce_equals_torchs_also_at_zero_and_one() -> None:
    rng = np.random.default_rng(0)
    soft_mask, true_mask = rng.random((8, 8)).astype(np.float32), (rng.random((8, 8)) < 0.5).astype(np.float32)
    soft_mask[0], soft_mask[1] = 0, 1
    soft_mask[2] = 1e-30
    expected = F.binary_cross_entropy(torch.from_numpy(soft_mask), torch.from_numpy(true_mask)).item()
    assert calculate_mask_bce(soft_mask, true_mask) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize('metric', [*BINARY, calculate_mask_bce])
def test_shapes_must_agree(metric: Metric) -> None:
    with pytest.raises(ValueError, match=r'two masks of one shape, got \(4, 4\) and \(4, 1\)'):
        metric(np.ones((4, 4)), np.ones((4, 1)))


@pytest.mark.parametrize('metric', [*BINARY, calculate_mask_bce])
def test_arguments_are_left_as_they_are(metric: Metric) -> None:
    soft_mask, true_mask = np.full((3, 3), 0.3), np.eye(3)
    metric(soft_mask, true_mask)
    assert (soft_mask == 0.3).all()
    assert (true_mask == np.eye(3)).all()


def test_auc_equals_the_count_of_pairs() -> None:
    generator = np.random.default_rng(0)
    truth = (generator.random((6, 7)) < 0.6).astype(np.float32)
    confidence = generator.integers(0, 5, truth.shape) / 4  # with ties
    clean, corrupted = confidence[truth == 1], confidence[truth == 0]
    pairs = [1.0 if a > b else 0.5 if a == b else 0.0 for a in clean for b in corrupted]
    assert calculate_mask_auc(confidence, truth) == pytest.approx(np.mean(pairs))
    assert calculate_mask_auc(1 - confidence, truth) == pytest.approx(1 - np.mean(pairs))


def test_auc_needs_no_threshold() -> None:
    truth = np.array([[1.0, 1.0, 0.0, 0.0]])
    assert calculate_mask_auc(np.array([[0.9, 0.8, 0.7, 0.6]]), truth) == 1
    assert calculate_mask_auc(np.array([[0.3, 0.3, 0.3, 0.3]]), truth) == 0.5
    assert calculate_mask_auc(np.array([[0.3, 0.3, 0.3, 0.2]]), np.ones((1, 4))) == 0.5
