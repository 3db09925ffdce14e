"""Masks as arrays: from users or from confidences, and their growth. 255 = corrupted, as in mask files."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Union

import cv2
import numpy as np
from PIL import Image

from hcl_arch.restoration.image_input import image_array

MaskInput = Union[np.ndarray, Image.Image, str, Path]

CORRUPTED = 255


def user_mask(mask: MaskInput, height: int, width: int) -> np.ndarray:
    """Convert a user's mask for an image of the given size.

    Args:
        mask: (H, W) or (H, W, 1), a PIL image or a file's path; bool, or unsigned or floating-point numbers, where
            values from half of the range on (128, 32768, 0.5) are corrupted. Integers that are only 0 and 1 are taken
            as bool.
        height: H of the image.
        width: W of the image.

    Returns:
        (H, W) uint8, 255 = corrupted, 0 = uncorrupted.

    Raises:
        ValueError: If it has another size, shape or dtype, or holds values that are not finite.
    """
    array = _mask_pixels(mask)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    if array.ndim != 2:
        raise ValueError(f'mask: expected one channel, (H, W) or (H, W, 1), got shape {array.shape}.')
    if array.shape != (height, width):
        got = f'{array.shape[0]} x {array.shape[1]}'
        raise ValueError(f'mask: expected the size of the image, {height} x {width} (H x W), got {got}.')
    return as_mask(_is_corrupted(array))


def _mask_pixels(mask: MaskInput) -> np.ndarray:
    if isinstance(mask, Image.Image):
        return np.asarray(mask.convert('L'))
    if isinstance(mask, (str, os.PathLike)):
        pixels = image_array(mask)
        if pixels.ndim == 2 or pixels.shape[2] == 1:
            return pixels
        return cv2.cvtColor(np.ascontiguousarray(pixels[..., :3]), cv2.COLOR_RGB2GRAY)
    if not isinstance(mask, np.ndarray):
        raise ValueError(f'mask: expected a numpy array, a PIL image or a path, got {type(mask).__name__}.')
    return mask


def _is_corrupted(array: np.ndarray) -> np.ndarray:
    if array.dtype == bool:
        return array
    if array.dtype in (np.uint8, np.uint16):
        is_boolean = array.max(initial=0) <= 1
        return array >= (1 if is_boolean else np.iinfo(array.dtype).max // 2 + 1)
    if np.issubdtype(array.dtype, np.floating):
        if not np.isfinite(array).all():
            raise ValueError('mask: holds values that are not finite (NaN or infinite).')
        if array.min(initial=0) < 0 or array.max(initial=0) > 1:
            raise ValueError(f'mask: float values must be in [0, 1], found {array.min():g} to {array.max():g}.')
        return array >= 0.5
    raise ValueError(f'mask: expected bool, uint8, uint16 or float, got {array.dtype}.')


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
        raise ValueError(f'threshold: expected a number in [0, 1], got {threshold}.')


def check_grow(grow: float) -> None:
    """Raise ValueError if it is not a finite number of at least 0."""
    if not 0 <= grow < math.inf:
        raise ValueError(f'grow: expected a radius in pixels of at least 0, got {grow}.')


def check_confidence(confidence: np.ndarray, height: int | None = None, width: int | None = None) -> None:
    """Raise ValueError if it is not (H, W), floating-point and in [0, 1], or differs in size from an image."""
    if not isinstance(confidence, np.ndarray) or confidence.ndim != 2 or confidence.size == 0:
        got = getattr(confidence, 'shape', type(confidence).__name__)
        raise ValueError(f'confidence: expected an array (H, W), got {got}.')
    if height is not None and confidence.shape != (height, width):
        raise ValueError(f'confidence: expected the size of the image, {height} x {width}, got {confidence.shape}.')
    in_range = np.issubdtype(confidence.dtype, np.floating) and confidence.min() >= 0 and confidence.max() <= 1
    if not in_range:
        raise ValueError('confidence: expected floating-point numbers in [0, 1].')


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
