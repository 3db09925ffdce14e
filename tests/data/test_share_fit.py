from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from hcl_arch.data.masks.hole_maps import fit_share, hole_counts, set_hole_count


def blobs(seed: int, side: int = 24) -> NDArray[np.bool_]:
    """Smooth random holes of 40 per cent."""
    noise = np.random.default_rng(seed).random((side, side)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 2)
    return smooth > np.quantile(smooth, 0.6)


def ring_numbers(holes: NDArray[np.bool_]) -> NDArray[np.int_]:
    """City-block distance of each pixel to the nearest hole, by comparing all pairs."""
    rows, columns = np.nonzero(holes)
    distances = np.empty(holes.shape, int)
    for row, column in np.ndindex(holes.shape):
        distances[row, column] = (abs(rows - row) + abs(columns - column)).min()
    return distances


@pytest.mark.parametrize('seed', range(8))
@pytest.mark.parametrize('hole_share', [(0.6, 0.7), (0.9, 1.0), (1.0, 1.0)])
def test_grown_holes_are_whole_rings_and_a_part_of_the_next(seed: int, hole_share: tuple[float, float]) -> None:
    holes = blobs(seed)
    before = holes.copy()
    grown = fit_share(holes, hole_share, np.random.default_rng(seed))
    assert np.array_equal(holes, before)
    assert grown.sum() == np.ceil(hole_share[0] * holes.size)  # the nearest end of the range
    assert (grown | ~holes).all()
    rings = ring_numbers(holes)
    assert rings[grown].max() <= rings[~grown].min() if not grown.all() else True


@pytest.mark.parametrize('seed', range(8))
@pytest.mark.parametrize('hole_share', [(0.1, 0.2), (0.0, 0.05), (0.0, 0.0)])
def test_shrunk_holes_lose_rings_from_their_border(seed: int, hole_share: tuple[float, float]) -> None:
    holes = blobs(seed)
    shrunk = fit_share(holes, hole_share, np.random.default_rng(seed))
    assert shrunk.sum() == np.floor(hole_share[1] * holes.size)
    assert (holes | ~shrunk).all()
    depths = ring_numbers(~holes)
    assert depths[~shrunk].max() <= depths[shrunk].min() if shrunk.any() else True


def test_map_in_the_range_is_left_untouched() -> None:
    holes = blobs(0)
    share = float(holes.mean())
    rng = np.random.default_rng(0)
    for hole_share in ((share, share), (0.0, share), (share, 1.0)):
        assert np.array_equal(fit_share(holes, hole_share, rng), holes)


def test_last_ring_is_taken_as_a_run_from_a_random_start() -> None:
    holes = np.zeros((20, 20), bool)
    holes[:10] = True  # the first ring is the whole of row 10
    starts = set()
    for seed in range(40):
        grown = set_hole_count(holes, 205, np.random.default_rng(seed))
        assert np.array_equal(grown[:10], holes[:10])
        assert not grown[11:].any()
        assert (np.diff(np.append(grown[10], grown[10, 0]).astype(int)) == 1).sum() == 1  # one run, around the end
        starts.add(grown[10].tobytes())
    assert len(starts) > 10


@pytest.mark.parametrize('size', [(1, 1), (1, 7), (9, 16)])
@pytest.mark.parametrize('filled', [False, True])
def test_empty_and_full_maps_change_around_one_pixel(size: tuple[int, int], filled: bool) -> None:
    for count in range(size[0] * size[1] + 1):
        changed = set_hole_count(np.full(size, filled), count, np.random.default_rng(count))
        assert changed.sum() == count
        part = changed != filled
        if part.any():
            assert cv2.connectedComponents(part.astype(np.uint8), connectivity=4)[0] == 2


def test_random_generator_decides() -> None:
    first, again, other = (
        set_hole_count(np.zeros((30, 30), bool), 40, np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize(
    ('pixels', 'hole_share', 'counts'),
    [
        (100, (0.07, 0.29), (7, 29)),
        (10, (0.11, 0.39), (2, 3)),
        (10, (0.31, 0.33), (3, 3)),
        (10, (0.37, 0.39), (4, 4)),
        (64, (0.0, 1.0), (0, 64)),
    ],
)
def test_counts_in_the_range(pixels: int, hole_share: tuple[float, float], counts: tuple[int, int]) -> None:
    assert hole_counts(pixels, hole_share) == counts
