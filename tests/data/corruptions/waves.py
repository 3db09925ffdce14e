"""A true image that no kind of corruption could mistake for its own content, and what it has to leave of it."""

from __future__ import annotations

import cv2
import numpy as np

from hcl_arch.data.corruptions.everyday.spoiled import Materials, Spoil, Spoiled
from hcl_arch.data.corruptions.hole_contents import Truth

SEEDS = range(200)
SIZES = [(16, 16), (40, 300), (64, 96)]


def make_truth(height: int, width: int) -> Truth:
    """Return waves of colour with some grain: nowhere plain, between 0.1 and 0.9."""
    noise = np.random.default_rng(0).random((height, width, 3), np.float32)
    waves = cv2.GaussianBlur(noise, (0, 0), 4) * 4 - 1.5
    return Truth(np.clip(waves + 0.2 * noise, 0.1, 0.9), 'truth')


def spoil_twice(spoil: Spoil, truth: Truth, seed: int, materials: Materials | None = None) -> Spoiled:
    """Spoil a truth with the same seed two times: form, range, equality, and the truth as it was."""
    before = truth.image.copy()
    first, second = (spoil(truth, materials or Materials(), np.random.default_rng(seed)) for _ in range(2))
    assert (first.image == second.image).all()
    assert (first.corrupted == second.corrupted).all()
    assert (first.image.shape, first.image.dtype) == (truth.image.shape, np.float32)
    assert (first.corrupted.shape, first.corrupted.dtype) == (truth.image.shape[:2], bool)
    assert first.image.min() >= 0
    assert first.image.max() <= 1
    assert (truth.image == before).all()
    return first
