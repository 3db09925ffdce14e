from __future__ import annotations

import numpy as np
import pytest

from hcl_arch.data.corruptions.everyday.block_maps import PATTERNS, Grid, draw_lost
from hcl_arch.data.corruptions.everyday.lost_blocks import FAULTS, MOST, spoil_lost_blocks
from hcl_arch.data.corruptions.everyday.spoiled import Materials
from tests.data.corruptions.waves import SEEDS, SIZES, make_truth, spoil_twice


def test_grid_by_hand() -> None:
    grid = Grid((5, 6), (2, 4), (1, 0))
    assert grid.shape == (3, 2)
    assert grid.spread(np.array([[0, 1], [2, 3], [4, 5]])).tolist() == [
        [0, 0, 0, 0, 1, 1],
        [2, 2, 2, 2, 3, 3],
        [2, 2, 2, 2, 3, 3],
        [4, 4, 4, 4, 5, 5],
        [4, 4, 4, 4, 5, 5],
    ]


@pytest.mark.parametrize('pattern', list(PATTERNS))
@pytest.mark.parametrize('share', [0.0, 0.2, 1.0])
def test_patterns_lose_some_blocks_and_not_all(pattern: str, share: float) -> None:
    grid = Grid((40, 48), (8, 8))
    for seed in range(20):
        lost = draw_lost(grid, share, np.random.default_rng(seed), patterns={pattern: 1.0})
        assert lost.shape == (5, 6)
        assert 1 <= lost.sum() <= 29 if pattern != 'cluster' else lost.any()


def test_the_rest_of_the_file_is_lost() -> None:
    lost = draw_lost(Grid((32, 40), (8, 8)), 0.35, np.random.default_rng(0), patterns={'rest': 1.0})
    assert lost.reshape(-1).tolist() == [False] * 13 + [True] * 7


@pytest.mark.parametrize('fault', list(FAULTS))
def test_faults_change_most_of_what_is_broken(fault: str) -> None:
    image = make_truth(64, 96).image
    grid = Grid((64, 96), (8, 8), (3, 5))
    lost = np.zeros((64, 96), bool)
    lost[19:43, 29:69] = True
    changes = []
    for seed in range(8):
        content = FAULTS[fault](image, lost, grid, np.random.default_rng(seed))
        assert content.shape == image.shape
        changes.append((np.abs(np.clip(content, 0, 1) - image)[lost].max(1) >= 4 / 255).mean())
    assert np.mean(changes) > 0.8


def test_a_row_or_the_block_before_is_repeated() -> None:
    image = make_truth(32, 40).image
    lost = np.zeros((32, 40), bool)
    lost[16:, 8:] = True
    grid = Grid((32, 40), (8, 8))
    block = FAULTS['block'](image, lost, grid, np.random.default_rng(0))
    assert (block[16:24, 32:40] == image[16:24, :8]).all()
    rows = [FAULTS['row'](image, lost, grid, np.random.default_rng(seed)) for seed in range(12)]
    single = [(content[16:] == image[15]).all() for content in rows]
    block_row = [(content[16:24] == image[8:16]).all() and (content[24:] == image[8:16]).all() for content in rows]
    assert all(one or other for one, other in zip(single, block_row))
    assert any(single)
    assert any(block_row)


@pytest.mark.parametrize('size', SIZES)
def test_form_range_and_determinism(size: tuple[int, int]) -> None:
    truth = make_truth(*size)
    for seed in range(40):
        spoiled = spoil_twice(spoil_lost_blocks, truth, seed)
        assert spoiled.corrupted.any()
        assert (spoiled.image == truth.image)[~spoiled.corrupted].all()


def test_shares() -> None:
    truth = make_truth(128, 160)
    spoiled = [spoil_lost_blocks(truth, Materials(), np.random.default_rng(seed)) for seed in SEEDS]
    shares = np.array([one.corrupted.mean() for one in spoiled])
    assert shares.min() > 0.0005
    assert shares.max() <= MOST
    assert (shares < 0.003).mean() < 0.03
    assert 0.02 < np.median(shares) < 0.1
