"""Values of pixels: full scale, 8 bits from 16, luma."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

# BT.601 weights of R, G and B, with which gray levels survive conversion to RGB and back unchanged.
LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def full_scale(pixels: NDArray[Any]) -> int:
    """Return the value of white: 255, 65535, or 1 for floating-point numbers and bool."""
    return int(np.iinfo(pixels.dtype).max) if np.issubdtype(pixels.dtype, np.integer) else 1


def as_8_bit(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    """Scale 16 bits to 8 bits, rounded; 8-bit pixels are returned unchanged."""
    if pixels.dtype == np.uint8:
        return pixels
    return ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)


def srgb_to_linear(values: NDArray[Any]) -> NDArray[Any]:
    """Light of sRGB values, both in [0, 1] (IEC 61966-2-1)."""
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055).clip(0) ** 2.4)


def linear_to_srgb(light: NDArray[Any]) -> NDArray[Any]:
    """SRGB values of light, both in [0, 1] (IEC 61966-2-1)."""
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light.clip(0) ** (1 / 2.4) - 0.055)
