from __future__ import annotations

import cv2
import numpy as np
import pytest

from hcl_arch.data.corruptions.everyday.block_means import block_colours
from hcl_arch.data.corruptions.everyday.mosaics import CENSORS, spoil_mosaic
from hcl_arch.data.corruptions.everyday.regions import Region
from hcl_arch.data.corruptions.everyday.spoiled import Materials
from tests.data.corruptions.waves import SEEDS, SIZES, make_truth, spoil_twice


def test_block_means_by_hand() -> None:
    """Rows 0-1 make the first row of blocks; columns start with half a block, since the grid starts at column 1."""
    gray = np.array([[1, 2, 4, 0], [3, 6, 0, 2], [5, 1, 1, 8]], np.float32)
    expected = [[2, 3, 3, 1], [2, 3, 3, 1], [5, 1, 1, 8]]
    image = np.repeat(gray[..., None], 3, 2)
    assert block_colours(image, (2, 2), offset=(0, 1))[..., 1].tolist() == expected
    assert block_colours(image, (2, 2), offset=(0, 1), value='middle')[..., 0].tolist() == [
        [3, 0, 0, 2],
        [3, 0, 0, 2],
        [5, 1, 1, 8],
    ]


def test_one_block_for_a_part_smaller_than_a_block() -> None:
    image = np.arange(12, dtype=np.float32).reshape(2, 2, 3)
    assert (block_colours(image, (9, 9)) == image.mean((0, 1))).all()


@pytest.mark.parametrize('kind', list(CENSORS))
def test_every_kind_keeps_the_form_and_hides_detail(kind: str) -> None:
    image = make_truth(60, 80).image
    region = Region(slice(10, 45), slice(20, 73), np.ones((35, 53), np.float32))
    for seed in range(5):
        part = CENSORS[kind](image, region, np.random.default_rng(seed))
        assert (part.shape, part.dtype) == ((35, 53, 3), np.float32)
        assert part.min() >= 0
        assert part.max() <= 1
        assert np.abs(part - image[region.box]).mean() > 0.01


@pytest.mark.parametrize('size', SIZES)
def test_form_range_and_determinism(size: tuple[int, int]) -> None:
    truth = make_truth(*size)
    for seed in range(25):
        spoiled = spoil_twice(spoil_mosaic, truth, seed)
        assert spoiled.corrupted.any()


def test_shares_and_untouched_rest() -> None:
    truth = make_truth(80, 112)
    shares, far_changes = [], []
    for seed in SEEDS:
        spoiled = spoil_mosaic(truth, Materials(), np.random.default_rng(seed))
        shares.append(spoiled.corrupted.mean())
        # Beyond the widest feather, of 6 px at 256: three deviations, and one pixel for the interpolated border.
        near = cv2.dilate(spoiled.corrupted.view(np.uint8), np.ones((15, 15), np.uint8)) > 0
        far_changes.append(np.abs(spoiled.image - truth.image)[~near].max(initial=0))
    assert max(far_changes) < 4 / 255
    assert min(shares) > 0.003
    assert max(shares) < 0.32
    assert np.mean(np.array(shares) < 0.05) == pytest.approx(0.55, abs=0.2)
