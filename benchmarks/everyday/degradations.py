"""What happens to a picture on its way, before anyone looks for its corruption."""

from __future__ import annotations

import io

import cv2
import numpy as np
from PIL import Image

from .canvas import Mask, Picture, Spoiled, rounded

DEGRADATIONS = ('none', 'jpeg75', 'jpeg50', 'noise5', 'half')

_NOISE = 5.0  # gray levels of 255


def degraded(name: str, sample: Spoiled, rng: np.random.Generator) -> Spoiled:
    """Degrade a spoiled picture.

    Args:
        name: ``none``; ``jpeg75`` and ``jpeg50``, saved with that quality; ``noise5``, Gaussian noise of 5 gray levels
            in every channel; ``half``, reduced to half of its size by area, and so is the mask: what is at least half
            corrupted is corrupted.
        sample: Picture and mask.
        rng: For the noise.

    Raises:
        ValueError: If there is no such degradation.
    """
    if name == 'none':
        return sample
    if name.startswith('jpeg') and name in DEGRADATIONS:
        return Spoiled(_jpeg(sample.picture, int(name[4:])), sample.mask)
    if name == 'noise5':
        return Spoiled(rounded(sample.picture + rng.normal(0, _NOISE, sample.picture.shape)), sample.mask)
    if name == 'half':
        return Spoiled(rounded(_half(sample.picture)), _half_mask(sample.mask))
    raise ValueError(f'degradation: expected one of {", ".join(DEGRADATIONS)}, got {name!r}.')


def _jpeg(picture: Picture, quality: int) -> Picture:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, 'JPEG', quality=quality)
    return np.array(Image.open(buffer))


def _half(values: np.ndarray) -> np.ndarray:
    size = (max(1, values.shape[1] // 2), max(1, values.shape[0] // 2))
    return cv2.resize(values.astype(np.float32), size, interpolation=cv2.INTER_AREA)


def _half_mask(mask: Mask) -> Mask:
    return _half(mask) >= 0.5 - 1e-4  # the weights of an odd side do not add up to 1 exactly
