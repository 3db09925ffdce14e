from __future__ import annotations

import re

import numpy as np
import pytest

from hcl_arch.data.corruptions import text_overlay
from hcl_arch.data.corruptions.placement import place
from hcl_arch.data.corruptions.text_overlay import FONTS, draw_text, text_picture

WHITE = np.ones(3, np.float32)


@pytest.mark.parametrize('size', [(64, 64), (40, 90), (1, 1), (256, 256)])
@pytest.mark.parametrize('scale', [1.0, 0.3, 0.02])
def test_text_is_an_overlay(size: tuple[int, int], scale: float) -> None:
    for seed in range(20):
        overlay = draw_text(size, scale, np.random.default_rng(seed))
        assert overlay.colour.shape == (*size, 3)
        assert overlay.colour.dtype == overlay.alpha.dtype == np.float32
        for values in (overlay.colour, overlay.alpha):
            assert 0 <= values.min() <= values.max() <= 1


def test_text_follows_the_seed() -> None:
    first, again, other = (draw_text((64, 64), 0.7, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(first.alpha, again.alpha)
    assert np.array_equal(first.colour, again.colour)
    assert not np.array_equal(first.alpha, other.alpha)


@pytest.mark.parametrize('letter_height', [24, 60])
def test_letters_have_the_wanted_height_in_every_font(letter_height: int) -> None:
    seen = set()
    for seed in range(60):
        picture = text_picture(['HH'], letter_height=letter_height, colour=WHITE, rng=np.random.default_rng(seed))
        if picture.planes.shape[2] == 1:
            rows = np.flatnonzero(picture.planes.max((1, 2)) > 127)
            height = rows[-1] - rows[0] + 1
            assert 0.75 * letter_height <= height <= 1.5 * letter_height, seed
            seen.add(height)
    assert len(seen) > 1  # several fonts and thicknesses


@pytest.mark.parametrize('font', FONTS)
def test_no_ink_is_cut_off(font: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_overlay, 'FONTS', (font,))
    for seed in range(12):
        picture = text_picture(['jgQ Wf', "W'y"], letter_height=30, colour=WHITE, rng=np.random.default_rng(seed))
        coats = picture.planes.max(2)
        # The letters themselves (the last coat) keep a margin all around.
        letters = picture.planes[..., -1]
        assert letters[[0, -1]].max() == 0
        assert letters[:, [0, -1]].max() == 0
        assert coats.max() == 255


def test_more_lines_are_higher() -> None:
    heights = [
        text_picture(['Word'] * lines, letter_height=30, colour=WHITE, rng=np.random.default_rng(3)).size[0]
        for lines in (1, 2, 3)
    ]
    assert heights[1] - heights[0] == pytest.approx(heights[2] - heights[1], abs=1)
    assert heights[1] - heights[0] >= 40


def test_some_are_outlined_or_shadowed_in_a_contrasting_colour() -> None:
    styled = 0
    for seed in range(100):
        picture = text_picture(['Word'], letter_height=30, colour=WHITE, rng=np.random.default_rng(seed))
        assert picture.colours is not None
        if len(picture.colours) == 2:
            styled += 1
            assert picture.colours[1] == pytest.approx(WHITE)
            assert picture.colours[0].max() < 0.1
            overlay = place(picture, picture.size, centre=(picture.size[1] / 2, picture.size[0] / 2), scale=1.0)
            darkest = overlay.colour[overlay.alpha > 0.9].min()
            assert darkest < 0.1
    assert 35 < styled < 65


def test_lines_are_of_the_kinds_that_are_named() -> None:
    rng = np.random.default_rng(0)
    forms = {'digits': r'\d{1,8}', 'letters': r'[A-Za-z]{1,7}', 'words': r'[A-Za-z ]+', 'date': r"[\d./: '\-]{5,16}"}
    for content, form in forms.items():
        for _ in range(50):
            assert re.fullmatch(form, text_overlay._line(content, rng)), content


def test_repeated_text_lies_all_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_overlay, 'REPEATED_SHARE', 1.0)
    for seed in range(10):
        alpha = draw_text((256, 256), 1.0, np.random.default_rng(seed)).alpha
        quarters = (alpha[:128, :128], alpha[128:, :128], alpha[:128, 128:], alpha[128:, 128:])
        assert min(quarter.mean() for quarter in quarters) > 0.01, seed


def test_smaller_scale_covers_less() -> None:
    for seed in range(30):
        large, small = (draw_text((256, 256), scale, np.random.default_rng(seed)).alpha.sum() for scale in (0.6, 0.15))
        assert small < 0.5 * large, seed
