from __future__ import annotations

import numpy as np
import pytest

from hcl_arch.data.corruptions.everyday.bars import _LAYOUTS, spoil_bars
from hcl_arch.data.corruptions.everyday.spoiled import Materials
from hcl_arch.data.corruptions.everyday.stencils import StencilCanvas
from hcl_arch.data.corruptions.hole_contents import Truth

MATERIALS = Materials()


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
