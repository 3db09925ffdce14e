from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from writing_check import a_font, a_truth, check_draws, check_repeatable

from hcl_arch.data.corruptions.everyday.captions import spoil_captions
from hcl_arch.data.corruptions.everyday.spoiled import Materials


def materials(with_font: bool) -> Materials:
    return Materials(fonts=[a_font()] if with_font else ())


@pytest.mark.parametrize('with_font', [False, True])
def test_draws(with_font: bool) -> None:
    check_draws(spoil_captions, materials(with_font), (72, 72), 200 if with_font else 60)


@pytest.mark.parametrize('size', [(16, 16), (40, 300), (300, 40), (17, 16)])
@pytest.mark.parametrize('with_font', [False, True])
def test_odd_sizes(size: tuple[int, int], with_font: bool) -> None:
    check_draws(spoil_captions, materials(with_font), size, 25)


@pytest.mark.parametrize('with_font', [False, True])
def test_repeatable(with_font: bool) -> None:
    check_repeatable(spoil_captions, materials(with_font))


def test_shares_vary() -> None:
    shares = [
        spoil_captions(a_truth((128, 128), 0), Materials(), np.random.default_rng(seed)).corrupted.mean()
        for seed in range(60)
    ]
    assert np.percentile(shares, 10) < 0.06
    assert np.percentile(shares, 90) > 0.15


def test_damaged_font_is_named(tmp_path: Path) -> None:
    damaged = tmp_path / 'damaged.otf'
    damaged.write_bytes(bytes(100))
    with pytest.raises(ValueError, match=r'damaged\.otf'):
        check_draws(spoil_captions, Materials(fonts=[damaged]), (64, 64), 5)
