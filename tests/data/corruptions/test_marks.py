from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from writing_check import a_font, a_truth, check_draws, check_repeatable

from hcl_arch.data.corruptions.everyday.letter_styles import grey
from hcl_arch.data.corruptions.everyday.logos import FORMS, logo_mask
from hcl_arch.data.corruptions.everyday.marks import mark_mask, mark_opacity
from hcl_arch.data.corruptions.everyday.painting import Coat, drawn_visibly, paint
from hcl_arch.data.corruptions.everyday.single_marks import spoil_single_mark
from hcl_arch.data.corruptions.everyday.spoiled import Materials, Spoil
from hcl_arch.data.corruptions.everyday.tiled_marks import _repeated, spoil_tiled_marks
from hcl_arch.data.corruptions.hole_contents import Truth
from hcl_arch.data.corruptions.placement import OverlayPictures

KINDS: list[Spoil] = [spoil_single_mark, spoil_tiled_marks]


def materials(with_font: bool) -> Materials:
    return Materials(fonts=[a_font()] if with_font else ())


def a_picture(number: int) -> NDArray[np.uint8]:
    pixels = np.full((30, 60, 4), 255, np.uint8)
    pixels[..., 3] = np.linspace(0, 255, 60).astype(np.uint8)
    return pixels


@pytest.mark.parametrize('spoil', KINDS)
@pytest.mark.parametrize('with_font', [False, True])
def test_draws(spoil: Spoil, with_font: bool) -> None:
    check_draws(spoil, materials(with_font), (72, 72), 200 if with_font else 60)


@pytest.mark.parametrize('spoil', KINDS)
@pytest.mark.parametrize('size', [(16, 16), (40, 300), (300, 40), (17, 16)])
def test_odd_sizes(spoil: Spoil, size: tuple[int, int]) -> None:
    check_draws(spoil, materials(True), size, 20)


@pytest.mark.parametrize('spoil', KINDS)
@pytest.mark.parametrize('with_font', [False, True])
def test_repeatable(spoil: Spoil, with_font: bool) -> None:
    check_repeatable(spoil, materials(with_font))


def test_single_marks_from_pictures() -> None:
    check_draws(spoil_single_mark, Materials(pictures=OverlayPictures(a_picture, 1)), (64, 64), 60)


@pytest.mark.parametrize('value', [0.0, 1.0])
@pytest.mark.parametrize('spoil', KINDS)
def test_marks_are_seen_on_black_and_on_white(spoil: Spoil, value: float) -> None:
    truth = Truth(np.full((64, 64, 3), value, np.float32), '')
    empty = [not spoil(truth, Materials(), np.random.default_rng(seed)).corrupted.any() for seed in range(60)]
    assert np.mean(empty) < 0.05


def test_tiled_marks_are_all_over() -> None:
    quarters = []
    for seed in range(40):
        corrupted = spoil_tiled_marks(a_truth((128, 128), seed), Materials(), np.random.default_rng(seed)).corrupted
        quarters.append(all(part.any() for half in np.split(corrupted, 2) for part in np.split(half, 2, 1)))
    assert np.mean(quarters) > 0.9


@pytest.mark.parametrize('turn', [0.0, 0.5, -1.2, 3.0])
def test_repeated_covers_the_sheet_evenly(turn: float) -> None:
    cell = np.zeros((10, 14), np.uint8)
    cell[2:7, 3:10] = 255
    sheet = _repeated(cell, (200, 280), turn, 0.7, 0.2)
    assert sheet.shape == (200, 280)
    share = cell.mean()
    for part in (sheet[:100, :140], sheet[100:, :140], sheet[:100, 140:], sheet[100:, 140:]):
        assert part.mean() == pytest.approx(share, rel=0.06)


def test_logos_of_all_forms() -> None:
    shapes = [form(np.random.default_rng(seed)) for form in FORMS for seed in range(8)]
    for curves in shapes:
        points = np.concatenate(curves)
        assert np.isfinite(points).all()
        assert np.abs(points).max() < 1.2
    for seed in range(60):
        logo = logo_mask(40, np.random.default_rng(seed))
        assert 10 < max(logo.shape) <= 46
        assert logo.max() > 100


def test_marks_have_about_the_wanted_width() -> None:
    widths = [mark_mask(120, Materials(), np.random.default_rng(seed)).shape[1] for seed in range(60)]
    assert 70 < np.median(widths) < 150
    assert max(widths) < 260


def test_opacity_stays_in_its_span_and_grows_with_boldness() -> None:
    first, second = (
        [mark_opacity((0.1, 0.5), boldness, np.random.default_rng(seed)) for seed in range(50)]
        for boldness in (1.0, 1.8)
    )
    assert all(0.1 <= value <= 0.5 for value in first)
    assert second == pytest.approx([1.8 * value for value in first])


def test_hardly_visible_drawings_are_drawn_more_boldly() -> None:
    boldnesses = []

    def draw(image: NDArray[np.float32], given: Materials, rng: np.random.Generator, boldness: float) -> None:
        boldnesses.append(boldness)
        paint(image, [Coat(np.full((8, 8), 255, np.uint8), grey(1.0), 0.02 * boldness)], (4, 4))

    truth = Truth(np.zeros((32, 32, 3), np.float32), '')
    spoiled = drawn_visibly(truth, Materials(), np.random.default_rng(0), draw)
    # 12 / 255 is 0.047: reached with 2.6 times 0.02, not with 1.8 times, although 4 / 255 count as corrupted.
    assert boldnesses == pytest.approx([1, 1.8, 2.6])
    assert spoiled.corrupted.sum() == 64
