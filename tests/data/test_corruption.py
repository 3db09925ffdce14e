from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from hcl_arch.data.corruption import FILLS, FloatArray, blend


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


def never(rng: np.random.Generator) -> FloatArray:
    raise AssertionError('this fill must not draw a photograph')


@pytest.mark.parametrize('kind', ['constant', 'noise'])
def test_fill_is_an_image_and_follows_the_seed(pictures: tuple[FloatArray, FloatArray], kind: str) -> None:
    first, again, other = (FILLS[kind].draw(pictures[0], never, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert first.shape == (64, 64, 3)
    assert first.dtype == np.float32
    assert first.min() >= 0
    assert first.max() <= 1
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_constant_is_flat_and_uniform_in_the_cube(pictures: tuple[FloatArray, FloatArray]) -> None:
    colours = []
    for seed in range(400):
        fill = FILLS['constant'].draw(pictures[0], never, np.random.default_rng(seed))
        assert (fill == fill[0, 0]).all()
        colours.append(fill[0, 0])
    # Uniform: mean 0.5, standard deviation 0.289, channels independent.
    assert np.mean(colours, 0) == pytest.approx([0.5] * 3, abs=0.06)
    assert np.std(colours, 0) == pytest.approx([0.289] * 3, abs=0.03)
    assert np.abs(np.corrcoef(np.transpose(colours)) - np.eye(3)).max() < 0.2


def test_noise_is_uniform_and_independent(pictures: tuple[FloatArray, FloatArray]) -> None:
    noise = FILLS['noise'].draw(pictures[0], never, np.random.default_rng(0))
    assert noise.mean() == pytest.approx(0.5, abs=0.02)
    assert noise.std() == pytest.approx(0.2887, abs=0.01)
    assert abs(np.corrcoef(noise[:, 1:].ravel(), noise[:, :-1].ravel())[0, 1]) < 0.04
    assert abs(np.corrcoef(noise[..., 0].ravel(), noise[..., 1].ravel())[0, 1]) < 0.06


def test_patch_is_the_photograph(pictures: tuple[FloatArray, FloatArray]) -> None:
    truth, photo = pictures
    assert FILLS['patch'].draw(truth, lambda rng: photo, np.random.default_rng(0)) is photo
    assert [kind for kind, fill in FILLS.items() if fill.needs_photo] == ['patch']
