from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from hcl_arch.data.corruptions.corruption import FloatArray
from hcl_arch.data.corruptions.hole_contents import BRIGHTNESS, TINT, VARIATION, fill_shadow


def flat(value: float = 0.8, size: tuple[int, int] = (48, 64)) -> FloatArray:
    return np.full((*size, 3), value, np.float32)


def test_shadow_is_an_image_and_never_brighter() -> None:
    truth = np.random.default_rng(0).random((48, 64, 3), np.float32)
    for seed in range(20):
        shadow = fill_shadow(truth, np.random.default_rng(seed), brightness=(0.1, 1.0))
        assert shadow.shape == truth.shape
        assert shadow.dtype == np.float32
        assert shadow.min() >= 0
        assert (shadow <= truth).all()


def test_shadow_follows_the_seed() -> None:
    first, again, other = (fill_shadow(flat(), np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_what_is_left_is_a_factor_that_does_not_depend_on_the_truth() -> None:
    """The truth is multiplied in sRGB: dark and bright pixels keep the same share."""
    bright, dark = (fill_shadow(flat(value), np.random.default_rng(3)) / value for value in (0.9, 0.1))
    np.testing.assert_allclose(bright, dark, rtol=1e-5)


@pytest.mark.parametrize('brightness', [(0.3, 0.3), (0.5, 0.6)])
def test_brightness_keeps_to_its_range(brightness: tuple[float, float]) -> None:
    for seed in range(30):
        left = fill_shadow(flat(1.0), np.random.default_rng(seed), brightness=brightness)
        # The middle value over the channels: exp(+-0.25) times the drawn one, the tint moves it by at most 3 %.
        assert brightness[0] * np.exp(-VARIATION) * 0.97 <= left.mean(2).min()
        assert left.mean(2).max() <= brightness[1] * np.exp(VARIATION) * 1.001


def test_shadow_is_bluish_within_the_range_of_real_ones() -> None:
    ratios = []
    for seed in range(100):
        left = fill_shadow(flat(1.0), np.random.default_rng(seed)).mean((0, 1))
        assert left[0] < left[1] < left[2]
        ratios.append(left[0] / left[2])
    lightest, strongest = ((1 - tint / 2) / (1 + tint / 2) for tint in TINT)
    assert strongest - 1e-3 <= min(ratios)
    assert max(ratios) <= lightest + 1e-3
    assert np.median(ratios) == pytest.approx(0.86, abs=0.04)


def test_variation_is_slow() -> None:
    left = np.log(fill_shadow(flat(1.0, (256, 256)), np.random.default_rng(0))[..., 0])
    assert np.ptp(left) > 0.1
    # Four knots a side: from one to the next are 64 pixels, so that neighbours differ by a few thousandths.
    assert max(np.abs(np.diff(left, axis=axis)).max() for axis in (0, 1)) < 0.02


@pytest.mark.parametrize('size', [(1, 1), (1, 50), (7, 3)])
def test_small_images(size: tuple[int, int]) -> None:
    shadow = fill_shadow(flat(0.8, size), np.random.default_rng(0))
    assert shadow.shape == (*size, 3)
    assert np.isfinite(shadow).all()


def test_default_range_holds_most_real_shadows(shared_dir: Path) -> None:
    """Median ratio of shadow to lit, over pairs of faces with and without a shadow."""
    lefts = []
    for path in sorted((shared_dir / 'data' / 'shadow' / 'ucb_face_pairs').glob('*_shadow.jpg'))[::5]:
        shadow, lit = (
            cv2.imread(str(file)).astype(np.float32).mean(2) / 255
            for file in (path, path.with_name(path.name.replace('_shadow', '_gt')))
        )
        ratio = cv2.GaussianBlur(shadow, (0, 0), 2) / np.maximum(cv2.GaussianBlur(lit, (0, 0), 2), 0.01)
        inside = cv2.erode((ratio < 0.8).astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
        inside &= (lit > 0.1) & (lit < 0.97)
        if inside.sum() > 500:
            lefts.append(np.median(ratio[inside]))
    if not lefts:
        pytest.skip('the face pairs are not here')
    assert np.mean([BRIGHTNESS[0] <= left <= BRIGHTNESS[1] for left in lefts]) >= 0.8
