from __future__ import annotations

import math

import numpy as np
import pytest

from hcl_arch.data.corruptions.everyday.draws import log_uniform
from hcl_arch.data.corruptions.everyday.outlines import ellipse, rectangle, sized
from hcl_arch.data.corruptions.everyday.paint_colours import COLOUR_SORTS, contrasting, paint_colour
from hcl_arch.data.corruptions.everyday.paint_patterns import _SHARES, PATTERN_SORTS, grain, noisy, pattern
from hcl_arch.data.corruptions.everyday.stencils import Stencil, StencilCanvas, StencilPainting


def test_paint_is_laid_by_its_weight() -> None:
    """By hand: 0.5 * 1 + 0.5 * 0.2 and so on; two pixels of the stencil lie beyond the image."""
    painting = StencilPainting(np.full((2, 3, 3), 0.2, np.float32))
    mask = np.array([[255, 255, 51], [255, 0, 102]], np.uint8)
    painting.lay(Stencil((-1, 0), mask), np.array([1, 0, 0.2], np.float32), opacity=0.5)
    spoiled = painting.finished()
    assert spoiled.image[0, 0] == pytest.approx([0.6, 0.1, 0.2])
    assert spoiled.image[0, 1] == pytest.approx([0.28, 0.18, 0.2])
    assert spoiled.image[1, 1] == pytest.approx([0.36, 0.16, 0.2])
    assert spoiled.image[:, 2] == pytest.approx(np.full((2, 3), 0.2))
    assert spoiled.corrupted.tolist() == [[True, True, False], [False, True, False]]


def test_plane_of_paint_equals_one_colour() -> None:
    mask = np.arange(20, dtype=np.uint8).reshape(4, 5) * 13
    colour = np.array([0.9, 0.1, 0.4], np.float32)
    images = []
    for paint in (colour, np.broadcast_to(colour, (4, 5, 3)).copy()):
        painting = StencilPainting(np.random.default_rng(0).random((8, 8, 3), np.float32))
        painting.lay(Stencil((5, 6), mask), paint)
        images.append(painting.finished().image)
    assert images[0] == pytest.approx(images[1], abs=1e-6)


def test_solid_paint_counts_where_it_is_not_seen() -> None:
    for solid in (True, False):
        painting = StencilPainting(np.zeros((4, 4, 3), np.float32))
        painting.lay(Stencil((0, 0), np.full((2, 2), 255, np.uint8)), np.zeros(3, np.float32), solid=solid)
        assert painting.finished().corrupted.sum() == (4 if solid else 0)


def test_clear_ink_takes_light_away() -> None:
    painting = StencilPainting(np.full((1, 1, 3), 0.8, np.float32))
    painting.tint(Stencil((0, 0), np.full((1, 1), 255, np.uint8)), np.array([1, 0.5, 0], np.float32), opacity=0.5)
    assert painting.finished().image[0, 0] == pytest.approx([0.8, 0.6, 0.4])


def test_what_lies_outside_changes_nothing() -> None:
    truth = np.random.default_rng(0).random((8, 8, 3), np.float32)
    painting = StencilPainting(truth)
    painting.lay(Stencil((8, 0), np.full((3, 3), 255, np.uint8)), np.ones(3, np.float32))
    painting.lay(Stencil((0, -3), np.full((3, 3), 255, np.uint8)), np.ones(3, np.float32))
    assert np.array_equal(painting.finished().image, truth)
    assert not painting.finished().corrupted.any()


@pytest.mark.parametrize('radius', [5, 20, 60])
def test_stencils_keep_the_area(radius: int) -> None:
    area = math.pi * radius**2
    disc = sized(ellipse(), area, longest=1000) + (70.3, 80.8)
    canvas = StencilCanvas((160, 160), disc)
    canvas.fill(disc)
    stencil = canvas.stencil()
    assert stencil.mask.sum() / 255 == pytest.approx(area, rel=0.3 / radius + 0.01)
    # And the place: the middle of the paint is that of the disc.
    rows, columns = np.indices(stencil.mask.shape)
    middle = [(axis * stencil.mask).sum() / stencil.mask.sum() for axis in (columns, rows)]
    assert np.add(middle, stencil.corner) == pytest.approx([70.3, 80.8], abs=0.15)


def test_hard_stencils_have_no_grey() -> None:
    contour = rectangle(1.7) @ np.array([[0.8, 0.6], [-0.6, 0.8]]) * 20 + 30
    for smooth in (True, False):
        canvas = StencilCanvas((64, 64), contour, smooth=smooth)
        canvas.fill(contour)
        assert (len(np.unique(canvas.stencil().mask)) > 2) == smooth


def test_a_contour_in_another_is_its_hole() -> None:
    outer, inner = rectangle(1) * 20 + 15, rectangle(1) * 10 + 15
    canvas = StencilCanvas((31, 31), outer)
    canvas.fill(outer, inner)
    assert canvas.stencil().mask.sum() / 255 == pytest.approx(300, rel=0.06)


@pytest.mark.parametrize('width', [1.0, 2.5, 6.0])
def test_strokes_have_their_width(width: float) -> None:
    line = np.array([[10, 20], [50, 20]], np.float64)
    for varying in (True, False):
        canvas = StencilCanvas((40, 64), line, margin=width)
        if varying:
            canvas.stroke_varying(line, np.full(2, width))
        else:
            canvas.stroke(line, width)
        column = canvas.stencil().mask[:, 20] / 255
        assert column.sum() == pytest.approx(width, abs=0.3)


def test_numbers_are_uniform_in_their_logarithm() -> None:
    rng = np.random.default_rng(0)
    drawn = np.array([log_uniform((0.01, 1), rng) for _ in range(2000)])
    assert 0.01 <= drawn.min() <= drawn.max() <= 1
    assert np.mean(drawn < 0.1) == pytest.approx(0.5, abs=0.04)


def test_colours_are_in_range_and_contrasting_ones_differ() -> None:
    rng = np.random.default_rng(0)
    for sort in COLOUR_SORTS:
        for _ in range(30):
            colour = paint_colour(rng, {sort: 1.0})
            assert colour.shape == (3,)
            assert colour.dtype == np.float32
            assert 0 <= colour.min() <= colour.max() <= 1
            assert np.abs(contrasting(colour, rng) - colour).max() >= 0.25
            if sort in ('black', 'white', 'gray'):
                assert np.ptp(colour) < 0.07


@pytest.mark.parametrize('sort', list(PATTERN_SORTS))
@pytest.mark.parametrize('size', [(1, 1), (3, 50), (64, 48)])
def test_patterns_mix_two_colours(sort: str, size: tuple[int, int]) -> None:
    for seed in range(8):
        share = _SHARES[sort](size, np.random.default_rng(seed), 64)
        assert share.shape == size
        assert share.dtype == np.float32
        assert -1e-6 <= share.min() <= share.max() <= 1 + 1e-6
        assert size != (64, 48) or np.ptp(share) > 0.05


def test_patterns_are_pictures() -> None:
    for seed in range(30):
        plane = noisy(pattern((20, 31), np.random.default_rng(seed), side=64), np.random.default_rng(seed), amount=0.2)
        assert plane.shape == (20, 31, 3)
        assert plane.dtype == np.float32
        assert 0 <= plane.min() <= plane.max() <= 1


def test_grain_is_of_mean_0_and_deviation_1() -> None:
    noise = grain((200, 200), np.random.default_rng(0))
    assert noise.mean() == pytest.approx(0, abs=0.02)
    assert noise.std() == pytest.approx(1, abs=0.02)
    neighbours = [
        np.corrcoef(field[:, :-1].ravel(), field[:, 1:].ravel())[0, 1]
        for field in (noise, grain((200, 200), np.random.default_rng(0), coarse=6))
    ]
    assert abs(neighbours[0]) < 0.03
    assert neighbours[1] > 0.8
