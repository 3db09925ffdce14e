"""What every everyday kind of corruption has to keep to."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from hcl_arch.data.corruptions.corruption import FloatArray
from hcl_arch.data.corruptions.everyday.spoiled import Materials, Spoil
from hcl_arch.data.corruptions.hole_contents import Truth


def a_font() -> Path:
    """A font with many scripts; without one the test is skipped."""
    matplotlib = pytest.importorskip('matplotlib')
    return Path(matplotlib.get_data_path()) / 'fonts' / 'ttf' / 'DejaVuSans.ttf'


def a_truth(size: tuple[int, int], seed: int) -> Truth:
    """A smooth image in many colours."""
    coarse = np.random.default_rng(seed).random((4, 5, 3), np.float32)
    image: FloatArray = np.clip(cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_LINEAR), 0, 1)  # type: ignore[assignment]
    return Truth(image, str(seed))


def check_draws(spoil: Spoil, materials: Materials, size: tuple[int, int], draws: int) -> None:
    """Draw often: form, range, corrupted exactly where it is seen, hardly ever nothing."""
    empty = 0
    for seed in range(draws):
        truth = a_truth(size, seed % 10)
        before = truth.image.copy()
        spoiled = spoil(truth, materials, np.random.default_rng(seed))
        np.testing.assert_array_equal(truth.image, before)
        assert spoiled.image.shape == truth.image.shape
        assert spoiled.image.dtype == np.float32
        assert spoiled.corrupted.shape == size
        assert spoiled.corrupted.dtype == bool
        assert np.isfinite(spoiled.image).all()
        assert spoiled.image.min() >= 0
        assert spoiled.image.max() <= 1
        seen = np.abs(spoiled.image - truth.image).max(2) >= 4 / 255 - 1e-6
        np.testing.assert_array_equal(seen, spoiled.corrupted)
        empty += not spoiled.corrupted.any()
    assert empty < max(1, 0.01 * draws)


def check_repeatable(spoil: Spoil, materials: Materials) -> None:
    """The same seed gives the same image; another one another."""
    truth = a_truth((64, 80), 3)
    images = [spoil(truth, materials, np.random.default_rng(seed)).image for seed in (1, 1, 2)]
    np.testing.assert_array_equal(images[0], images[1])
    assert (images[0] != images[2]).any()
