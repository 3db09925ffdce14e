"""Otsu's threshold against the definition, border by border, and as an option of the metrics."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from hcl_arch.metrics import (
    calculate_corrupted_iou,
    calculate_mask_accuracy,
    calculate_mask_f1,
    calculate_mask_iou,
)
from hcl_arch.metrics.otsu import called_clean, otsu_threshold


def upper_group(soft_mask: NDArray) -> NDArray:
    """The upper of the two groups with the least variance inside, of all divisions between neighbouring values."""
    values = np.unique(soft_mask)
    spreads = []
    for border in values[1:]:
        groups = soft_mask[soft_mask < border], soft_mask[soft_mask >= border]
        spreads.append(sum(group.size * group.var() for group in groups))
    return soft_mask >= values[1:][int(np.argmin(spreads))]


@pytest.mark.parametrize('dtype', [np.float32, np.float64])
@pytest.mark.parametrize('seed', range(8))
def test_equals_the_definition(seed: int, dtype: type) -> None:
    """Every value has a bin of its own, so that the bins take nothing from the result."""
    rng = np.random.default_rng(seed)
    levels = np.concatenate([rng.integers(0, 120, 200), rng.integers(60 + 10 * seed, 256, 90), [0, 255]])
    soft_mask = (levels / 255).astype(dtype).reshape(-1, 4)
    assert np.array_equal(called_clean(soft_mask, 'otsu'), upper_group(soft_mask.astype(np.float64)))


def test_finds_what_a_fixed_threshold_misses() -> None:
    """A timid detector that has seen all, and never goes below 0.9."""
    truth = np.ones((8, 8), np.float32)
    truth[:3] = 0
    soft_mask = np.where(truth > 0, 0.98, 0.92).astype(np.float32)
    soft_mask += np.random.default_rng(0).uniform(-0.01, 0.01, soft_mask.shape).astype(np.float32)
    assert soft_mask[:3].max() < otsu_threshold(soft_mask) <= soft_mask[3:].min()
    assert calculate_corrupted_iou(soft_mask, truth) == 0
    for metric in (calculate_corrupted_iou, calculate_mask_iou, calculate_mask_accuracy, calculate_mask_f1):
        assert metric(soft_mask, truth, threshold='otsu') == 1


def test_by_hand() -> None:
    """0.2, 0.3 | 0.7, 0.9: of the three divisions this one has the least variance inside."""
    soft_mask, truth = np.array([[0.2, 0.3, 0.7, 0.9]]), np.array([[0.0, 1.0, 1.0, 0.0]])
    assert 0.3 < otsu_threshold(soft_mask) < 0.7
    assert calculate_mask_accuracy(soft_mask, truth, threshold='otsu') == 0.5
    assert calculate_corrupted_iou(soft_mask, truth, threshold='otsu') == pytest.approx(1 / 3)
    assert calculate_mask_iou(soft_mask, truth, threshold='otsu') == pytest.approx(1 / 3)
    assert calculate_mask_f1(soft_mask, truth, threshold='otsu') == 0.5


@pytest.mark.parametrize(('value', 'share'), [(0.3, 0.0), (0.5, 1.0), (0.9, 1.0)])
def test_one_confidence_alone_is_not_divided(value: float, share: float) -> None:
    soft_mask = np.full((3, 3), value, np.float32)
    assert otsu_threshold(soft_mask) == 0.5
    assert called_clean(soft_mask, 'otsu').mean() == share


def test_edges() -> None:
    assert called_clean(np.array([[0.25, 0.75]]), 'otsu').tolist() == [[False, True]]
    neighbours = np.array([[0.5, np.nextafter(np.float32(0.5), np.float32(1))]], np.float32)
    assert called_clean(neighbours, 'otsu').tolist() == [[False, True]]
    assert not called_clean(np.array([[np.nan, 0.2]]), 'otsu').any()
    with pytest.raises(ValueError, match="must be a number or 'otsu', got 'otso'"):
        called_clean(neighbours, 'otso')
