from __future__ import annotations

import re

import numpy as np
import pytest
from writing_check import a_font, a_truth, check_draws, check_repeatable

from hcl_arch.data.corruptions.everyday.date_stamps import random_date, spoil_date_stamps
from hcl_arch.data.corruptions.everyday.painting import drawn_visibly
from hcl_arch.data.corruptions.everyday.rubber_stamps import draw_rubber_stamp
from hcl_arch.data.corruptions.everyday.segment_digits import bar_digits, dot_digits
from hcl_arch.data.corruptions.everyday.spoiled import Materials, Spoiled
from hcl_arch.data.corruptions.hole_contents import Truth


def materials(with_font: bool) -> Materials:
    return Materials(fonts=[a_font()] if with_font else ())


@pytest.mark.parametrize('with_font', [False, True])
def test_draws(with_font: bool) -> None:
    check_draws(spoil_date_stamps, materials(with_font), (72, 72), 200 if with_font else 60)


@pytest.mark.parametrize('size', [(16, 16), (40, 300), (300, 40), (17, 16)])
def test_odd_sizes(size: tuple[int, int]) -> None:
    check_draws(spoil_date_stamps, materials(True), size, 40)


@pytest.mark.parametrize('with_font', [False, True])
def test_repeatable(with_font: bool) -> None:
    check_repeatable(spoil_date_stamps, materials(with_font))


def rubber_stamp(truth: Truth, given: Materials, rng: np.random.Generator) -> Spoiled:
    return drawn_visibly(truth, given, rng, draw_rubber_stamp)


@pytest.mark.parametrize('size', [(16, 16), (40, 150), (96, 96)])
def test_rubber_stamps(size: tuple[int, int]) -> None:
    check_draws(rubber_stamp, materials(True), size, 40)


def test_most_are_small_and_near_a_border() -> None:
    shares, near = [], []
    for seed in range(100):
        corrupted = spoil_date_stamps(a_truth((128, 128), seed), Materials(), np.random.default_rng(seed)).corrupted
        shares.append(corrupted.mean())
        near.append(corrupted[32:-32].sum() < 0.1 * corrupted.sum())
    assert np.median(shares) < 0.08
    assert np.mean(near) > 0.5


def test_dates_hold_digits_and_only_what_bars_can_show() -> None:
    for seed in range(200):
        lines = random_date(np.random.default_rng(seed), written=False)
        assert 1 <= len(lines) <= 2
        assert all(re.fullmatch(r"[0-9 .:/'AP-]+", line) for line in lines)
        assert any(
            any(sign.isdigit() for sign in line) for line in random_date(np.random.default_rng(seed), written=True)
        )


def test_bars_of_digits() -> None:
    # An 8 lights all the bars, a 1 two of them; the height is the wanted one.
    ink = {digit: int(bar_digits(digit, 60, np.random.default_rng(2)).sum()) for digit in '8017'}
    assert ink['8'] / ink['0'] == pytest.approx(7 / 6, rel=0.08)
    assert ink['8'] / ink['7'] == pytest.approx(7 / 3, rel=0.12)
    assert ink['8'] / ink['1'] == pytest.approx(7 / 2, rel=0.15)
    assert bar_digits('8', 60, np.random.default_rng(2)).shape[0] == pytest.approx(60, abs=6)


def test_dots_of_digits() -> None:
    one = dot_digits('1', 14, np.random.default_rng(3))
    assert one.shape == (14, 6)  # three dots wide, of two pixels
    assert one[4:6, 2:4].mean() > 100
    assert one[4:12, :2].max() == 0
