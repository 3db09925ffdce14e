from __future__ import annotations

import cv2
import numpy as np
import pytest

from hcl_arch.data.corruptions.bars import _LAYOUTS, spoil_bars
from hcl_arch.data.corruptions.spoiled import Materials
from hcl_arch.data.corruptions.stencils import StencilCanvas
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
        spoiled = spoil_bars(truth, MATERIALS, np.random.default_rng(seed))
        assert spoiled.image.shape == truth.image.shape
        assert spoiled.image.dtype == np.float32
        assert spoiled.corrupted.shape == size
        assert spoiled.corrupted.dtype == bool
        assert 0 <= spoiled.image.min() <= spoiled.image.max() <= 1
        assert np.array_equal(truth.image, before)
        change = np.abs(spoiled.image - truth.image).max(2)
        assert change[~spoiled.corrupted].max(initial=0) < 4 / 255
        # Away from what was put on, not even rounding touches the image.
        far = cv2.dilate(spoiled.corrupted.astype(np.uint8), np.ones((9, 9), np.uint8)) == 0
        assert not change[far].any()


def test_follows_the_seed() -> None:
    truth = truth_of((64, 80), 0)
    for seed in range(10):
        first, again, other = (spoil_bars(truth, MATERIALS, np.random.default_rng(start))
                               for start in (seed, seed, seed + 1000))
        assert np.array_equal(first.image, again.image)
        assert np.array_equal(first.corrupted, again.corrupted)
        assert not np.array_equal(first.image, other.image)


def test_small_shares_are_as_frequent_as_large_ones() -> None:
    truths = [truth_of((128, 128), 1, gray=gray) for gray in (False, True)]
    shares = np.array([spoil_bars(truths[seed % 2], MATERIALS, np.random.default_rng(seed)).corrupted.mean()
                       for seed in range(200)])
    assert np.count_nonzero(shares == 0) < 2
    assert shares.max() < 0.6
    assert 0.0015 < np.quantile(shares, 0.02) < 0.01
    assert 0.015 < np.median(shares) < 0.06
    assert 0.1 < np.quantile(shares, 0.95) < 0.4


@pytest.mark.parametrize('layout', list(_LAYOUTS))
def test_layouts_cover_the_wanted_area(layout: str) -> None:
    """In the median over draws; overlaps and the border take some off, whole pixels add some."""
    size = (200, 260)
    for wanted in (500.0, 3000.0, 12000.0):
        covered = []
        for seed in range(30):
            whole = np.zeros(size, bool)
            for contours, width in _LAYOUTS[layout](size, wanted, np.random.default_rng(seed)):
                canvas = StencilCanvas(size, np.array([[0, 0], [259, 199]], np.float64))
                if width:
                    canvas.stroke(contours[0], width)
                else:
                    canvas.fill(*contours)
                whole |= canvas.stencil().mask > 127
            covered.append(np.count_nonzero(whole))
        assert 0.6 * wanted < np.median(covered) < 1.6 * wanted


def test_opaque_bars_count_where_they_equal_the_truth() -> None:
    """A black image under black bars: the bars are holes all the same."""
    truth = Truth(np.zeros((64, 64, 3), np.float32), 'black')
    spoiled = [spoil_bars(truth, MATERIALS, np.random.default_rng(seed)) for seed in range(100)]
    unseen = [each for each in spoiled if not each.image.any()]
    assert unseen
    assert all(each.corrupted.any() for each in unseen)


def test_most_bars_hide_the_truth() -> None:
    """Where a bar is, two images under it become the same one; at least 0.85 of it."""
    dark, light = (Truth(np.full((96, 96, 3), level, np.float32), 'level') for level in (0.2, 0.8))
    whole = 0
    for seed in range(60):
        first, second = (spoil_bars(truth, MATERIALS, np.random.default_rng(seed)) for truth in (dark, light))
        inner = first.corrupted & second.corrupted
        left = np.abs(first.image - second.image).max(2)[inner] / 0.6
        # Edges let more of it through.
        assert np.quantile(left, 0.1) < 0.16
        whole += np.median(left) < 1e-3
    assert whole > 35
