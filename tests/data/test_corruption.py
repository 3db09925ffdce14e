from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from hcl_arch.data.corruptions.corruption import FloatArray, blend, changed_pixels, mix, round_to_8_bit


@pytest.fixture
def pictures() -> tuple[FloatArray, FloatArray]:
    rng = np.random.default_rng(0)
    return rng.random((64, 64, 3), np.float32), rng.random((64, 64, 3), np.float32)


def test_blend_by_hand_without_blur() -> None:
    truth = np.full((2, 2, 3), 0.25, np.float32)
    noise = np.full((2, 2, 3), 0.75, np.float32)
    mask = np.array([[1, 0], [0, 1]], np.float32)
    blended = blend(truth, noise, mask, sigma=0)
    assert blended[..., 0].tolist() == [[0.25, 0.75], [0.75, 0.25]]


def test_blend_of_straight_edge_is_the_error_function() -> None:
    """Across a straight edge the blurred mask is the normal distribution function of the distance."""
    mask = np.zeros((64, 64), np.float32)
    mask[:, 32:] = 1
    blended = blend(np.ones((64, 64, 3), np.float32), np.zeros((64, 64, 3), np.float32), mask, sigma=3)
    # Pixel 32 is half a pixel beyond the edge: Phi(0.5 / 3) = 0.5662.
    assert blended[30, 32] == pytest.approx([0.5662] * 3, abs=1e-3)
    assert blended[30, 31] == pytest.approx([1 - 0.5662] * 3, abs=1e-3)


@pytest.mark.parametrize('sigma', [1.0, 3.0])
def test_blend_agrees_with_scipy(pictures: tuple[FloatArray, FloatArray], sigma: float) -> None:
    truth, noise = pictures
    mask = (np.random.default_rng(1).random((8, 8)) > 0.5).repeat(8, 0).repeat(8, 1).astype(np.float32)
    soft = gaussian_filter(mask.astype(np.float64), sigma, mode='mirror')[..., None]
    expected = soft * truth + (1 - soft) * noise
    np.testing.assert_allclose(blend(truth, noise, mask, sigma=sigma), expected, atol=2e-4)


@pytest.mark.parametrize('value', [0.0, 1.0])
def test_uniform_masks(pictures: tuple[FloatArray, FloatArray], value: float) -> None:
    truth, noise = pictures
    blended = blend(truth, noise, np.full((64, 64), value, np.float32), sigma=3)
    assert blended.dtype == np.float32
    np.testing.assert_allclose(blended, truth if value else noise, atol=1e-6)


def test_rounding_to_8_bit() -> None:
    image = np.array([[[0.0, 1.0, 100.4 / 255]], [[100.6 / 255, 0.1 / 255, 254.9 / 255]]], np.float32)
    rounded = round_to_8_bit(image)
    assert rounded is image
    assert np.array_equal(rounded, np.array([[[0, 255, 100]], [[101, 0, 255]]], np.float32) / np.float32(255))


def test_mix_is_the_weighted_mean(pictures: tuple[FloatArray, FloatArray]) -> None:
    truth, noise = pictures
    np.testing.assert_allclose(mix(truth, noise, 0.3), 0.7 * truth + 0.3 * noise, atol=1e-6)
    assert mix(truth, noise, 1) is noise
    assert mix(truth, noise, 0.3).dtype == np.float32


def test_changed_pixels_by_hand() -> None:
    """Four gray levels in one channel count, three in each do not; the sign does not matter."""
    truth = np.full((1, 5, 3), 100 / 255, np.float32)
    noise = truth.copy()
    noise[0, 1] += np.float32(3 / 255)
    noise[0, 2, 2] += np.float32(4 / 255)
    noise[0, 3, 0] -= np.float32(4 / 255)
    noise[0, 4] = 1
    assert changed_pixels(truth, noise).tolist() == [[False, False, True, True, True]]
    assert changed_pixels(truth, noise, threshold=5 / 255).tolist() == [[False, False, False, False, True]]


def test_changed_pixels_agrees_with_a_loop(pictures: tuple[FloatArray, FloatArray]) -> None:
    truth, noise = pictures
    near = truth + (noise - truth) * np.float32(0.025)
    expected = [
        [max(abs(a - b) for a, b in zip(*pixels)) >= 4 / 255 for pixels in zip(*rows)]
        for rows in zip(truth.tolist(), near.tolist())
    ]
    changed = changed_pixels(truth, near)
    assert changed.tolist() == expected
    assert 0.1 < changed.mean() < 0.9
