from __future__ import annotations

from typing import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from hcl_arch.data.free_form_mask import free_form_mask
from hcl_arch.data.hole_growth import grow_holes
from hcl_arch.data.random_walk_mask import random_walk_mask

GENERATORS = [free_form_mask, random_walk_mask]
RANGES = [(0.0, 0.0), (0.01, 0.03), (0.1, 0.5), (0.3, 0.32), (0.9, 0.95), (1.0, 1.0)]


@pytest.mark.parametrize('generator', GENERATORS)
@pytest.mark.parametrize('hole_share', RANGES)
@pytest.mark.parametrize(('size', 'seeds'), [((16, 16), 60), ((24, 40), 40), ((64, 64), 40), ((256, 256), 8)])
def test_share_lies_in_range(generator: Callable[..., NDArray[np.bool_]], hole_share: tuple[float, float],
                             size: tuple[int, int], seeds: int) -> None:
    for seed in range(seeds):
        holes = generator(size, hole_share=hole_share, rng=np.random.default_rng(seed))
        assert holes.dtype == bool
        assert holes.shape == size
        assert hole_share[0] <= holes.mean() <= hole_share[1], seed


@pytest.mark.parametrize('generator', GENERATORS)
def test_no_whole_number_of_pixels_in_range_gives_nearest(generator: Callable[..., NDArray[np.bool_]]) -> None:
    holes = generator((16, 16), hole_share=(0.3, 0.3), rng=np.random.default_rng(0))
    assert holes.sum() == 77  # 0.3 * 256 = 76.8


@pytest.mark.parametrize('generator', GENERATORS)
def test_shares_fill_the_range_evenly(generator: Callable[..., NDArray[np.bool_]]) -> None:
    shares = [generator((64, 64), hole_share=(0.1, 0.5), rng=np.random.default_rng(seed)).mean() for seed in range(300)]
    counts, _ = np.histogram(shares, bins=4, range=(0.1, 0.5))
    # 75 expected in each; the standard deviation of a count is 7.5.
    assert counts.min() > 45
    assert counts.max() < 110


@pytest.mark.parametrize('generator', GENERATORS)
def test_seed_decides_the_mask(generator: Callable[..., NDArray[np.bool_]]) -> None:
    first, again, other = (
        generator((64, 64), hole_share=(0.1, 0.5), rng=np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize('generator', GENERATORS)
def test_holes_are_shapes_and_not_dust(generator: Callable[..., NDArray[np.bool_]]) -> None:
    for seed in range(20):
        holes = generator((128, 128), hole_share=(0.2, 0.4), rng=np.random.default_rng(seed)).astype(np.uint8)
        opened = cv2.morphologyEx(holes, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
        assert opened.sum() > 0.85 * holes.sum(), seed
        assert cv2.connectedComponents(holes)[0] < 20


def test_shape_that_never_fits_still_ends_in_range() -> None:
    def flood(canvas: NDArray[np.uint8], scale: float, rng: np.random.Generator) -> None:
        canvas[:] = 1

    holes = grow_holes((32, 32), hole_share=(0.2, 0.25), rng=np.random.default_rng(0), draw_shape=flood)
    assert 0.2 <= holes.mean() <= 0.25
    assert cv2.connectedComponents(holes.astype(np.uint8))[0] == 2  # background and one hole


def test_shape_that_draws_nothing_still_ends_in_range() -> None:
    holes = grow_holes((32, 32), hole_share=(0.2, 0.25), rng=np.random.default_rng(0), draw_shape=lambda *_: None)
    assert 0.2 <= holes.mean() <= 0.25
