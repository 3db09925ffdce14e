"""Masks as arrays: from confidences, and their growth. 255 = corrupted, as in mask files."""

from __future__ import annotations

import math

import cv2
import numpy as np

from hcl_arch.utils.errors import InputError

CORRUPTED = 255


def mask_of_confidence(confidence: np.ndarray, *, threshold: float = 0.5, grow: float = 0) -> np.ndarray:
    """The mask of the pixels whose confidence is below a threshold, grown.

    Args:
        confidence: (H, W) in [0, 1], that a pixel is uncorrupted.
        threshold: In [0, 1]: 0 marks nothing as corrupted, 1 everything below full confidence.
        grow: Radius in pixels, see :func:`grown`.

    Returns:
        (H, W) uint8, 255 = corrupted, 0 = uncorrupted.

    Raises:
        ValueError: If a number is out of its range, or the confidence has another shape or range.
    """
    check_threshold(threshold)
    check_confidence(confidence)
    return grown(as_mask(confidence < threshold), grow)


def check_threshold(threshold: float) -> None:
    """Raise ValueError if it is not a number in [0, 1]."""
    if not 0 <= threshold <= 1:
        raise InputError(f'threshold: expected a number in [0, 1], got {threshold}.')


def check_grow(grow: float, name: str = 'grow') -> None:
    """Raise ValueError, which names the option, if it is not a finite number of at least 0."""
    if not 0 <= grow < math.inf:
        raise InputError(f'{name}: expected a radius in pixels of at least 0, got {grow}.')


def check_confidence(confidence: np.ndarray, height: int | None = None, width: int | None = None) -> None:
    """Raise ValueError if it is not (H, W), floating-point and in [0, 1], or differs in size from an image."""
    if not isinstance(confidence, np.ndarray) or confidence.ndim != 2 or confidence.size == 0:
        got = getattr(confidence, 'shape', type(confidence).__name__)
        raise InputError(f'confidence: expected an array (H, W), got {got}.')
    if height is not None and confidence.shape != (height, width):
        raise InputError(f'confidence: expected the size of the image, {height} x {width}, got {confidence.shape}.')
    in_range = np.issubdtype(confidence.dtype, np.floating) and confidence.min() >= 0 and confidence.max() <= 1
    if not in_range:
        raise InputError('confidence: expected floating-point numbers in [0, 1].')


def as_mask(corrupted: np.ndarray) -> np.ndarray:
    """Convert bool, True = corrupted, to uint8, 255 = corrupted."""
    return corrupted.astype(np.uint8) * np.uint8(CORRUPTED)


def grown(mask: np.ndarray, radius: float) -> np.ndarray:
    """The mask and all pixels at most ``radius`` pixels from it; the time does not depend on the radius.

    Args:
        mask: (H, W) uint8, 255 = corrupted.
        radius: In pixels, between the pixels' centres; at least 0.

    Raises:
        ValueError: If the radius is below 0 or not finite.
    """
    check_grow(radius)
    if radius < 1 or not mask.any():
        return mask
    return as_mask(distance_to(mask > 0) <= radius)


def distance_to(region: np.ndarray) -> np.ndarray:
    """Distance in pixels of every pixel's centre to the nearest one in a region, 0 inside: (H, W) float32.

    Args:
        region: (H, W) bool, True for at least one pixel.
    """
    outside = (~region).view(np.uint8)
    return cv2.distanceTransform(outside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
