"""Soft edges of what is repainted."""

from __future__ import annotations

import numpy as np

from hcl_arch.restoration.mask_array import check_grow, distance_to
from hcl_arch.restoration.tiles import smooth_step
from hcl_arch.utils.pixel_values import full_scale, linear_to_srgb, srgb_to_linear


def check_feather(feather: float) -> None:
    """Raise ValueError if it is not a finite number of at least 0."""
    check_grow(feather, 'feather')


def feather_weights(hole: np.ndarray, feather: float) -> np.ndarray:
    """Share of the repainted picture: 1 in the hole, then less and less, 0 more than ``feather`` pixels from it.

    Args:
        hole: (H, W) bool, True = repainted, for at least one pixel.
        feather: In pixels, between the pixels' centres.

    Returns:
        (H, W) float32 in [0, 1].
    """
    distance = distance_to(hole)
    return np.where(distance > feather, np.float32(0), 1 - smooth_step(distance / (feather + 1)))


def feathered(picture: np.ndarray, painted: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Fade from a repainted picture to the picture itself, in linear light, as a camera would see both.

    Args:
        picture: (H, W), (H, W, 1), (H, W, 3) RGB or (H, W, 4) RGBA, sRGB, uint8, uint16 or float in [0, 1].
        painted: Likewise, of the same dtype; the same alpha.
        weights: (H, W) float32 in [0, 1]: the share of ``painted``.

    Returns:
        A new array like both: ``painted`` where the weight is 1, ``picture`` where it is 0, to the last bit.
    """
    result = np.where((weights == 1).reshape(*weights.shape, *[1] * (picture.ndim - 2)), painted, picture)
    ring = (weights > 0) & (weights < 1)
    colours = slice(0, 3)  # of one channel, this one
    scale = full_scale(picture)
    before, after = (image[ring].reshape(int(ring.sum()), -1)[:, colours] / np.float32(scale)
                     for image in (picture, painted))  # fmt: skip
    before, after = srgb_to_linear(before), srgb_to_linear(after)
    blended = linear_to_srgb(before + weights[ring][:, None] * (after - before)) * scale
    if scale > 1:
        blended = np.rint(blended)
    inside = result[ring].reshape(len(blended), -1)
    inside[:, colours] = blended.astype(picture.dtype)
    result[ring] = inside.reshape(result[ring].shape)
    return result
