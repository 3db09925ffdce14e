from __future__ import annotations

import numpy as np
import pytest

from hcl_arch.restoration.painting import tile_side
from hcl_arch.restoration.tiles import needed_part, spans


@pytest.mark.parametrize('size', [1, 63, 64, 65, 80, 81, 97, 200, 1000])
@pytest.mark.parametrize(('side', 'multiple'), [(64, 16), (128, 16), (96, 8)])
def test_weights_sum_to_one_everywhere(size: int, side: int, multiple: int) -> None:
    total = np.zeros(size, np.float64)
    found = spans(size, side, multiple)
    for span in found:
        assert span.start % multiple == 0
        assert span.stop - span.start == len(span.weights) <= side
        assert (span.weights >= 0).all()
        total[span.extent] += span.weights
    np.testing.assert_allclose(total, 1, atol=1e-6)
    assert (found[0].start, found[-1].stop) == (0, size)


def test_tiles_say_nothing_at_inner_edges_and_change_slowly() -> None:
    first, second, *_ = spans(300, 96, 16)
    assert (first.weights[-16:] == 0).all()
    assert (second.weights[:16] == 0).all()
    assert (first.weights[:48] == 1).all()
    assert np.abs(np.diff(second.weights)).max() < 0.1
    assert second.weighted.start == second.start + 16


def test_a_picture_that_fits_is_one_tile() -> None:
    (span,) = spans(50, 64, 16)
    assert (span.weights == 1).all()


@pytest.mark.parametrize(('pixels', 'multiple', 'expected'), [
    (1, 32, 128), (500**2, 32, 480), (1e12, 32, 512), (1e12, 48, 768), (1e12, 24, 504),
])  # fmt: skip
def test_the_largest_tile_that_fits(pixels: float, multiple: int, expected: int) -> None:
    assert tile_side(pixels, multiple) == expected


def test_part_that_wanted_pixels_need() -> None:
    """Around those with a weight in the tile, aligned, and not beyond it."""
    wanted = np.zeros((300, 400), bool)
    wanted[100:110, 150:170] = True
    row, column = spans(300, 512, 16)[0], spans(400, 512, 16)[0]
    assert needed_part(row, column, wanted, context=32, multiple=16) == (slice(64, 144), slice(112, 208))
    assert needed_part(row, column, wanted, context=400, multiple=16) == (slice(0, 300), slice(0, 400))
    first, second = spans(300, 192, 16)
    assert needed_part(second, column, wanted, context=0, multiple=16) is None  # it lies where the second has no weight
    assert needed_part(first, column, wanted, context=16, multiple=16) == (slice(80, 128), slice(128, 192))
