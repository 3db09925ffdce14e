from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hcl_arch.data.corruptions.corruption import changed_pixels
from hcl_arch.data.corruptions.hole_contents import Truth
from hcl_arch.data.corruptions.hole_corruption import DrawnOver
from hcl_arch.data.corruptions.overlay import Overlay
from hcl_arch.data.corruptions.overlay_growth import DrawLayer

SIZE = 64


def ramp(side: int) -> Truth:
    """Return a truth whose columns go from black to white."""
    columns = np.linspace(0, 1, side, dtype=np.float32)
    return Truth(np.repeat(np.repeat(columns[None, :, None], side, 0), 3, 2), 'ramp')


def draw_white_bar(size: tuple[int, int], scale: float, rng: np.random.Generator) -> Overlay:
    """Draw white rows, half transparent, in a random place."""
    alpha = np.zeros(size, np.float32)
    height = max(1, round(size[0] * scale**2 / 2))
    top = int(rng.integers(size[0] - height + 1))
    alpha[top : top + height] = 0.5
    return Overlay(np.ones((*size, 3), np.float32), alpha)


def draw_nothing(size: tuple[int, int], scale: float, rng: np.random.Generator) -> Overlay:
    return Overlay(np.ones((*size, 3), np.float32), np.zeros(size, np.float32))


def always(draw_layer: Any) -> Any:
    return lambda rng, hole_share: draw_layer


@pytest.mark.parametrize('opacity', [1.0, 0.4])
def test_white_on_white_is_no_corruption(opacity: float) -> None:
    """The bar spans all columns, but where the truth is nearly white it changes nothing."""
    truth = ramp(SIZE)
    noise, holes, corrupted, _ = DrawnOver(always(draw_white_bar))(truth, opacity, (0.2, 0.3), np.random.default_rng(0))
    assert np.array_equal(corrupted, changed_pixels(truth.image, noise))
    assert holes[:, -1].any()
    assert not corrupted[:, -1].any()
    assert np.array_equal(holes[:, 0], corrupted[:, 0])
    np.testing.assert_array_equal(noise[~holes], truth.image[~holes])
    assert 0.19 <= corrupted.mean() <= 0.31


def test_drawing_is_chosen_by_a_share_out_of_the_range() -> None:
    """What starts a drawing is told a narrow part of the range, and the result keeps to it."""
    asked = []

    def start(rng: np.random.Generator, hole_share: tuple[float, float]) -> DrawLayer:
        asked.append(hole_share)
        return draw_white_bar

    for seed in range(30):
        corrupted = DrawnOver(start)(ramp(SIZE), 1.0, (0.1, 0.5), np.random.default_rng(seed)).corrupted
        least, most = asked[-1]
        assert 0.1 <= least <= most <= 0.5
        assert most - least <= 0.0401
        assert least - 0.01 <= corrupted.mean() <= most + 0.01
    assert min(asked)[0] < 0.17
    assert max(asked)[1] > 0.43


def test_drawings_that_change_nothing_end() -> None:
    noise, holes, corrupted, _ = DrawnOver(always(draw_nothing))(ramp(16), 1.0, (0.2, 0.3), np.random.default_rng(0))
    assert not holes.any()
    assert not corrupted.any()
    assert np.array_equal(noise, ramp(16).image)
