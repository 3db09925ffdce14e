"""True images and materials for the kinds that are painted upon an image."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from hcl_arch.data.corruptions.everyday.spoiled import Materials
from hcl_arch.data.corruptions.hole_contents import Truth
from hcl_arch.data.corruptions.placement import OverlayPictures


def photo(truth: Truth, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return a photograph in bright green and red stripes, which is in no truth."""
    striped = np.zeros(truth.image.shape, np.float32)
    striped[..., 1], striped[:, ::4] = 1, (1, 0, 0)
    return striped


def disc(number: int) -> NDArray[np.uint8]:
    """Return a magenta disc with alpha."""
    pixels = np.zeros((60, 60, 4), np.uint8)
    cv2.circle(pixels, (30, 30), 25, (255, 0, 255, 255), cv2.FILLED)
    return pixels


MATERIALS = Materials(photo=photo, pictures=OverlayPictures(disc, 1))


def truth_of(size: tuple[int, int], seed: int, *, gray: bool = False) -> Truth:
    """Return a mid-gray image, or a random one that is smooth in parts and noisy in others."""
    if gray:
        return Truth(np.full((*size, 3), 0.5, np.float32), 'gray')
    rng = np.random.default_rng(seed)
    coarse = cv2.resize(rng.random((5, 5, 3), np.float32), size[::-1], interpolation=cv2.INTER_LINEAR)
    noise = np.linspace(0, 0.2, size[1], dtype=np.float32)[:, None] * rng.normal(0, 1, (*size, 3)).astype(np.float32)
    return Truth(np.clip(coarse + noise, 0, 1).astype(np.float32), 'random')
