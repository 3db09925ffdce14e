"""BasicSR's PSNR and SSIM, which the option files use, against scikit-image's."""

from __future__ import annotations

import numpy as np
import pytest
from basicsr.metrics import calculate_psnr, calculate_ssim
from numpy.typing import NDArray
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from tests.conftest import smooth_image


def random_pair(rng: np.random.Generator) -> tuple[NDArray, NDArray]:
    return rng.integers(0, 256, (40, 52, 3), dtype=np.uint8), rng.integers(0, 256, (40, 52, 3), dtype=np.uint8)


def smooth_pair(rng: np.random.Generator) -> tuple[NDArray, NDArray]:
    image = smooth_image(64, rng)
    return image, (image * 0.8 + 20).astype(np.uint8)


def noisy_pair(rng: np.random.Generator) -> tuple[NDArray, NDArray]:
    image = smooth_image(64, rng)
    return image, (image + rng.normal(0, 15, image.shape)).clip(0, 255).astype(np.uint8)


def holed_pair(rng: np.random.Generator) -> tuple[NDArray, NDArray]:
    image = smooth_image(64, rng)
    holed = image.copy()
    holed[10:30, 5:50] = 255
    return image, holed


PAIRS = [random_pair, smooth_pair, noisy_pair, holed_pair]


def skimage_ssim(img: NDArray, img2: NDArray) -> float:
    """Mean over the pixels whose 11 x 11 window lies in the image, and over the channels."""
    options = {'gaussian_weights': True, 'sigma': 1.5, 'win_size': 11, 'use_sample_covariance': False}
    _, ssim_map = structural_similarity(img, img2, data_range=255, channel_axis=2, full=True, **options)
    return float(ssim_map[5:-5, 5:-5].mean())


@pytest.mark.parametrize('pair', PAIRS)
@pytest.mark.parametrize('seed', [0, 1])
def test_psnr(pair: object, seed: int) -> None:
    img, img2 = pair(np.random.default_rng(seed))  # type: ignore[operator]
    assert calculate_psnr(img, img2, crop_border=0) == pytest.approx(peak_signal_noise_ratio(img, img2))


@pytest.mark.parametrize('pair', PAIRS)
@pytest.mark.parametrize('seed', [0, 1])
def test_ssim(pair: object, seed: int) -> None:
    img, img2 = pair(np.random.default_rng(seed))  # type: ignore[operator]
    value = calculate_ssim(img, img2, crop_border=0)
    assert value == pytest.approx(skimage_ssim(img, img2), abs=1e-6)
    # The agreement is one of definitions: skimage's default window of 7 equal pixels is another measure.
    if pair is not smooth_pair:
        assert value != pytest.approx(structural_similarity(img, img2, channel_axis=2), abs=1e-3)


def test_equal_images() -> None:
    image = smooth_image(32, np.random.default_rng(0))
    assert calculate_psnr(image, image, crop_border=0) == np.inf
    assert calculate_ssim(image, image, crop_border=0) == pytest.approx(1)
    # One level off everywhere: 20 log10(255).
    assert calculate_psnr(np.minimum(image, 254), np.minimum(image, 254) + 1, crop_border=0) == pytest.approx(48.1308)
