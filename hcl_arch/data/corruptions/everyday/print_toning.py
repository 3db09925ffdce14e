"""Toning of a whole photograph as an old print: gray, sepia, faded, with a colour cast, grainy."""

from __future__ import annotations

import cv2
import numpy as np

from hcl_arch.data.corruptions.corruption import FloatArray
from hcl_arch.data.corruptions.everyday.draws import log_uniform, scale_channels


def tone(image: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Return a photograph as an old print.

    Args:
        image: (H, W, 3) float32, RGB in [0, 1].
        rng: source of all randomness.

    Returns:
        (H, W, 3) float32 in [0, 1], a new image.
    """
    choice = rng.random()
    if choice < 0.35:
        toned = _gray(image)
    elif choice < 0.66:
        toned = _sepia(image, rng)
    elif choice < 0.7:
        toned = _blue(image, rng)
    else:
        toned = image.copy()
    if choice >= 0.7 or rng.random() < 0.5:
        toned = _fade(toned, rng, cast=choice >= 0.7)
    if rng.random() < 0.3:
        grain = rng.standard_normal(image.shape[:2], np.float32) * np.float32(log_uniform((0.01, 0.05), rng))
        toned = toned + cv2.merge((grain, grain, grain))
    return np.clip(toned, 0, 1)


def _gray(image: FloatArray) -> FloatArray:
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    return cv2.merge((gray, gray, gray))  # type: ignore[return-value]


def _sepia(image: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Return the luma as a ramp from a dark brown over a warm middle to a light cream."""
    gamma = [rng.uniform(0.75, 1.0), rng.uniform(1.05, 1.35), rng.uniform(1.2, 1.9)]
    gain = [1.0, rng.uniform(0.93, 1), rng.uniform(0.78, 0.95)]
    toned = _ramp(image, gamma, gain)
    if rng.random() < 0.6:
        return toned
    kept = rng.uniform(0, 0.3)
    return cv2.addWeighted(image, kept, toned, 1 - kept, 0)  # type: ignore[return-value]


def _blue(image: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Return the luma as a ramp of blues, as of iron or selenium."""
    strength = rng.uniform(0.2, 1)
    return _ramp(image, [1 + 0.9 * strength, 1 + 0.25 * strength, 1 - 0.4 * strength], [1.0, 1.0, 1.0])


def _ramp(image: FloatArray, gamma: list[float], gain: list[float]) -> FloatArray:
    """Return gain * luma**gamma for each channel."""
    ramp = (np.array(gain) * np.linspace(0, 1, 256)[:, None] ** np.array(gamma)).astype(np.float32)
    levels = cv2.convertScaleAbs(_gray(image), alpha=255)
    return cv2.LUT(levels, ramp[None])  # type: ignore[return-value]


def _fade(image: FloatArray, rng: np.random.Generator, *, cast: bool) -> FloatArray:
    """Return it with less contrast and lifted black; with a cast, each channel fades separately."""
    spread = 1.0 if cast else 0.15
    black = rng.uniform(0.0, 0.22) + spread * rng.uniform(-0.08, 0.08, 3)
    white = rng.uniform(0.75, 1.0) + spread * rng.uniform(-0.12, 0.08, 3)
    faded = scale_channels(image, white - black, black)
    if cast and rng.random() < 0.6:
        gray = _gray(faded)
        kept = rng.uniform(0.3, 0.95)
        faded = cv2.addWeighted(faded, kept, gray, 1 - kept, 0)  # type: ignore[assignment]
    return faded
