from __future__ import annotations

import numpy as np
import pytest

from hcl_arch.data.square_crop import centre_square, random_square, resize_square

# Every pixel holds its row and column.
IMAGE = np.stack(np.broadcast_arrays(np.arange(30)[:, None], np.arange(50), 0), -1).astype(np.uint8)


def test_centre_square_is_the_largest_in_the_middle() -> None:
    square = centre_square(IMAGE)
    assert square.shape == (30, 30, 3)
    assert square[0, 0].tolist() == [0, 10, 0]
    assert centre_square(np.zeros((1, 9, 3), np.uint8)).shape == (1, 1, 3)


@pytest.mark.parametrize(('scale', 'sides'), [((1.0, 1.0), {30}), ((0.5, 0.6), {15, 16, 17, 18}), ((0.01, 0.01), {1})])
def test_random_square_sides(scale: tuple[float, float], sides: set[int]) -> None:
    squares = [random_square(IMAGE, scale=scale, rng=np.random.default_rng(seed)) for seed in range(60)]
    assert {square.shape[0] for square in squares} == sides
    assert all(square.shape[0] == square.shape[1] for square in squares)


def test_random_square_reaches_every_place() -> None:
    corners = {
        tuple(random_square(IMAGE, scale=(0.9, 0.9), rng=np.random.default_rng(seed))[0, 0, :2].tolist())
        for seed in range(2000)
    }
    assert corners == {(top, left) for top in range(4) for left in range(24)}


def test_resizing_by_area_is_a_mean() -> None:
    square = np.random.default_rng(0).integers(0, 256, (32, 32, 3)).astype(np.uint8)
    expected = square.reshape(16, 2, 16, 2, 3).mean((1, 3))
    assert np.abs(resize_square(square, 16) - expected).max() <= 0.5
    assert resize_square(square, 32) is square
    assert resize_square(square, 48).shape == (48, 48, 3)
