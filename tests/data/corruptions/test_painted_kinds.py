from __future__ import annotations

import cv2
import numpy as np
import pytest

from hcl_arch.data.corruptions.everyday.bars import spoil_bars
from hcl_arch.data.corruptions.everyday.scribbles import spoil_scribbles
from hcl_arch.data.corruptions.everyday.spoiled import Spoil
from hcl_arch.data.corruptions.everyday.stickers import spoil_stickers
from tests.data.corruptions.painted import MATERIALS, truth_of

# Each kind, and the side in pixels of the square around a corrupted pixel that it may touch without being seen.
REACHES: dict[Spoil, int] = {spoil_bars: 9, spoil_scribbles: 15, spoil_stickers: 41}
EACH = pytest.mark.parametrize('spoil', REACHES)


@pytest.mark.parametrize(('spoil', 'reach'), REACHES.items())
@pytest.mark.parametrize('size', [(96, 96), (16, 16), (40, 300), (201, 57)])
def test_only_corrupted_pixels_differ_visibly(spoil: Spoil, reach: int, size: tuple[int, int]) -> None:
    for seed in range(15):
        truth = truth_of(size, seed, gray=seed % 5 == 0)
        before = truth.image.copy()
        spoiled = spoil(truth, MATERIALS, np.random.default_rng(seed))
        assert spoiled.image.shape == truth.image.shape
        assert spoiled.image.dtype == np.float32
        assert spoiled.corrupted.shape == size
        assert spoiled.corrupted.dtype == bool
        assert 0 <= spoiled.image.min() <= spoiled.image.max() <= 1
        assert np.array_equal(truth.image, before)
        change = np.abs(spoiled.image - truth.image).max(2)
        assert change[~spoiled.corrupted].max(initial=0) < 4 / 255
        # Away from what was put on, not even rounding touches the image.
        far = cv2.dilate(spoiled.corrupted.astype(np.uint8), np.ones((reach, reach), np.uint8)) == 0
        assert not change[far].any()


@EACH
def test_follows_the_seed(spoil: Spoil) -> None:
    truth = truth_of((64, 80), 0)
    for seed in range(10):
        first, again, other = (
            spoil(truth, MATERIALS, np.random.default_rng(start)) for start in (seed, seed, seed + 1000)
        )
        assert np.array_equal(first.image, again.image)
        assert np.array_equal(first.corrupted, again.corrupted)
        assert not np.array_equal(first.image, other.image)


@EACH
def test_small_shares_are_as_frequent_as_large_ones(spoil: Spoil) -> None:
    truths = [truth_of((128, 128), 1, gray=gray) for gray in (False, True)]
    shares = np.array(
        [spoil(truths[seed % 2], MATERIALS, np.random.default_rng(seed)).corrupted.mean() for seed in range(200)]
    )
    assert np.count_nonzero(shares == 0) < 2
    assert shares.max() < 0.6
    assert 0.0015 < np.quantile(shares, 0.02) < 0.01
    assert 0.015 < np.median(shares) < 0.06
    assert 0.1 < np.quantile(shares, 0.95) < 0.4
