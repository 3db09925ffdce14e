"""True images sharpened and toned before they are corrupted."""

from __future__ import annotations

import cv2
import numpy as np

from hcl_arch.data import truth_variety
from hcl_arch.data.truth_variety import varied


def picture():
    return np.random.default_rng(0).random((32, 48, 3), np.float32)


def test_nothing_is_drawn_or_changed_without_a_chance():
    rng, image = np.random.default_rng(1), picture()
    assert varied(image, rng, sharpen_prob=0, tone_prob=0) is image
    assert rng.random() == np.random.default_rng(1).random()


def test_sharpening_is_an_unsharp_mask(monkeypatch):
    monkeypatch.setattr(truth_variety, 'SIGMA', (1.5, 1.5))
    monkeypatch.setattr(truth_variety, 'AMOUNT', (0.5, 0.5))
    image = picture()
    expected = np.clip(1.5 * image - 0.5 * cv2.GaussianBlur(image, (0, 0), 1.5), 0, 1)
    found = varied(image, np.random.default_rng(0), sharpen_prob=1, tone_prob=0)
    np.testing.assert_allclose(found, expected, atol=0.5 / 255 + 1e-6)
    np.testing.assert_allclose(found * 255, np.rint(found * 255), atol=1e-4)
    assert found.dtype == np.float32


def test_shares_follow_the_chances():
    image = picture()
    rng = np.random.default_rng(0)
    changed = [varied(image, rng, sharpen_prob=0.3, tone_prob=0) is not image for _ in range(400)]
    assert 0.22 < np.mean(changed) < 0.38
    toned = [varied(image, rng, sharpen_prob=0, tone_prob=1) for _ in range(40)]
    assert all(each.min() >= 0 and each.max() <= 1 for each in toned)
    grays = [np.abs(each - each.mean(axis=2, keepdims=True)).max() < 0.01 for each in toned]
    assert 0 < sum(grays) < 40
