from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from hcl_arch.data.corruptions.scribbles import spoil_scribbles
from hcl_arch.data.corruptions.spoiled import Materials
from hcl_arch.data.corruptions.stroke_paths import PATHS, STEPS, length_of, smoothed
from hcl_arch.data.hole_contents import Truth

MATERIALS = Materials()


def truth_of(size: tuple[int, int], seed: int, *, gray: bool = False) -> Truth:
    """Return a mid-gray image, or a random one that is smooth in parts and noisy in others."""
    if gray:
        return Truth(np.full((*size, 3), 0.5, np.float32), 'gray')
    rng = np.random.default_rng(seed)
    coarse = cv2.resize(rng.random((5, 5, 3), np.float32), size[::-1], interpolation=cv2.INTER_LINEAR)
    noise = np.linspace(0, 0.2, size[1], dtype=np.float32)[:, None] * rng.normal(0, 1, (*size, 3)).astype(np.float32)
    return Truth(np.clip(coarse + noise, 0, 1).astype(np.float32), 'random')


@pytest.mark.parametrize('size', [(96, 96), (16, 16), (40, 300), (201, 57)])
def test_only_corrupted_pixels_differ_visibly(size: tuple[int, int]) -> None:
    for seed in range(15):
        truth = truth_of(size, seed, gray=seed % 5 == 0)
        before = truth.image.copy()
        spoiled = spoil_scribbles(truth, MATERIALS, np.random.default_rng(seed))
        assert spoiled.image.shape == truth.image.shape
        assert spoiled.image.dtype == np.float32
        assert spoiled.corrupted.shape == size
        assert spoiled.corrupted.dtype == bool
        assert 0 <= spoiled.image.min() <= spoiled.image.max() <= 1
        assert np.array_equal(truth.image, before)
        change = np.abs(spoiled.image - truth.image).max(2)
        assert change[~spoiled.corrupted].max(initial=0) < 4 / 255
        # Away from what was put on, not even rounding touches the image.
        far = cv2.dilate(spoiled.corrupted.astype(np.uint8), np.ones((15, 15), np.uint8)) == 0
        assert not change[far].any()


def test_follows_the_seed() -> None:
    truth = truth_of((64, 80), 0)
    for seed in range(10):
        first, again, other = (spoil_scribbles(truth, MATERIALS, np.random.default_rng(start))
                               for start in (seed, seed, seed + 1000))
        assert np.array_equal(first.image, again.image)
        assert np.array_equal(first.corrupted, again.corrupted)
        assert not np.array_equal(first.image, other.image)


def test_small_shares_are_as_frequent_as_large_ones() -> None:
    truths = [truth_of((128, 128), 1, gray=gray) for gray in (False, True)]
    shares = np.array([spoil_scribbles(truths[seed % 2], MATERIALS, np.random.default_rng(seed)).corrupted.mean()
                       for seed in range(200)])
    assert np.count_nonzero(shares == 0) < 2
    assert shares.max() < 0.6
    assert 0.0015 < np.quantile(shares, 0.02) < 0.01
    assert 0.015 < np.median(shares) < 0.06
    assert 0.1 < np.quantile(shares, 0.95) < 0.4


def test_thin_black_strokes_are_common() -> None:
    truth = Truth(np.full((160, 160, 3), 0.6, np.float32), 'light')
    thin_and_black = 0
    for seed in range(80):
        spoiled = spoil_scribbles(truth, MATERIALS, np.random.default_rng(seed))
        darkest = spoiled.image[spoiled.corrupted].max(1) < 0.2
        # Strokes of up to five pixels vanish under an opening of this width.
        opened = cv2.morphologyEx(spoiled.corrupted.astype(np.uint8), cv2.MORPH_OPEN, np.ones((7, 7), np.uint8))
        thin_and_black += bool(darkest.mean() > 0.3 and opened.sum() < 0.3 * spoiled.corrupted.sum())
    assert 12 < thin_and_black < 50


def test_clear_ink_only_darkens() -> None:
    """On white paper a highlighter is seen, whatever its colour; nothing becomes brighter than white."""
    truth = Truth(np.ones((64, 64, 3), np.float32), 'white')
    seen = sum(spoil_scribbles(truth, MATERIALS, np.random.default_rng(seed)).corrupted.any() for seed in range(80))
    assert seen >= 79


def test_smoothed_runs_through_its_points() -> None:
    points = np.array([[0, 0], [1, 2], [4, 1], [5, 5]], np.float64)
    curve = smoothed(points)
    assert len(curve) == 3 * STEPS + 1
    assert curve[::STEPS] == pytest.approx(points)
    # On a straight line with even steps the inner spans stay straight and even.
    line = smoothed(np.stack([np.arange(5.0), 2 * np.arange(5.0)], 1))
    assert line[STEPS:3 * STEPS, 0] == pytest.approx(np.arange(1, 3, 1 / STEPS))
    assert line[:, 1] == pytest.approx(2 * line[:, 0])


@pytest.mark.parametrize('path', list(PATHS))
def test_paths_are_finite_and_long(path: str) -> None:
    for seed in range(20):
        drawing = PATHS[path](np.random.default_rng(seed))
        points: Any = np.concatenate(drawing)
        assert points.shape[1] == 2
        assert np.isfinite(points).all()
        assert all(len(stroke) >= 2 for stroke in drawing)
        assert length_of(drawing) >= 0.99 * np.ptp(points, 0).max() * (len(drawing) == 1)
