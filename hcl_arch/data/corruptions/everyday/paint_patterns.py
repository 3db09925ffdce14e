"""Patterns of things that cover photographs: gradients, stripes, checks, dots, noise."""

from __future__ import annotations

import math
from typing import Any, Callable

import cv2
import numpy as np

from hcl_arch.data.corruptions.corruption import FloatArray
from hcl_arch.data.corruptions.everyday.draws import log_uniform
from hcl_arch.data.corruptions.everyday.paint_colours import contrasting, near, paint_colour
from hcl_arch.data.corruptions.everyday.stencils import chance
from hcl_arch.data.weighted_choice import choose_by_weight

PATTERN_SORTS = {
    'linear': 0.3,
    'radial': 0.1,
    'stripes': 0.2,
    'checker': 0.1,
    'dots': 0.1,
    'clouds': 0.1,
    'speckle': 0.1,
}


def pattern(size: tuple[int, int], rng: np.random.Generator, *, side: int) -> FloatArray:
    """Return a random pattern, (height, width, 3) float32, RGB in [0, 1].

    Args:
        size: height and width.
        rng: source of all randomness.
        side: the short side of the photograph, to which stripes and dots are scaled.
    """
    first = paint_colour(rng)
    second = near(first, rng, by=0.4) if chance(rng, 0.3) else contrasting(first, rng)
    share = _SHARES[choose_by_weight(PATTERN_SORTS, rng)](size, rng, side)
    mixed = [share * np.float32(end - start) + np.float32(start) for start, end in zip(first, second)]
    return np.clip(cv2.merge(mixed), 0, 1)


def grain(size: tuple[int, int], rng: np.random.Generator, *, coarse: float = 0.0) -> FloatArray:
    """Return noise of mean 0 and standard deviation 1, (height, width) float32.

    Args:
        size: height and width.
        rng: source of all randomness.
        coarse: 0 = independent pixels; else the width of its grains in pixels.
    """
    step = max(1.0, coarse)
    height, width = (math.ceil(length / step) + 1 for length in size)
    # The sum of three uniform bytes is nearly normal, and much faster to draw.
    raw = np.frombuffer(rng.bytes(3 * height * width), np.uint8).reshape(3, height, width)
    noise: Any = (raw.sum(0, dtype=np.float32) - np.float32(382.5)) * np.float32(1 / 128)
    if step > 1:
        noise = cv2.resize(noise, size[::-1], interpolation=cv2.INTER_CUBIC)
    return noise[: size[0], : size[1]]


def noisy(plane: FloatArray, rng: np.random.Generator, *, amount: float) -> FloatArray:
    """Return a plane of colour (h, w, 3) with gray or coloured noise of this standard deviation."""
    size = plane.shape[:2]
    planes = [grain(size, rng) for _ in range(1 if chance(rng, 0.5) else 3)]
    noise = cv2.merge(planes if len(planes) == 3 else planes * 3)
    return np.clip(cv2.scaleAdd(noise, amount, plane), 0, 1)


def _ramp(size: tuple[int, int], angle: float) -> FloatArray:
    """Return the distance in pixels along a direction, (h, w)."""
    x = np.arange(size[1], dtype=np.float32) * np.float32(math.cos(angle))
    y = np.arange(size[0], dtype=np.float32) * np.float32(math.sin(angle))
    return y[:, None] + x


def _linear(size: tuple[int, int], rng: np.random.Generator, side: int) -> FloatArray:
    ramp = _ramp(size, rng.choice([0, 0.5 * math.pi, rng.uniform(0, 2 * math.pi)]))
    return cv2.normalize(ramp, None, 0, 1, cv2.NORM_MINMAX)  # type: ignore[call-overload]


def _radial(size: tuple[int, int], rng: np.random.Generator, side: int) -> FloatArray:
    x = (np.arange(size[1], dtype=np.float32) - size[1] * rng.uniform(0.2, 0.8)) / size[1]
    y = (np.arange(size[0], dtype=np.float32) - size[0] * rng.uniform(0.2, 0.8)) / size[0]
    far = cv2.sqrt(np.square(y)[:, None] + np.square(x)) * np.float32(rng.uniform(1, 2))
    return np.minimum(far, 1, out=far)


def _wave(size: tuple[int, int], rng: np.random.Generator, angle: float, period: float) -> FloatArray:
    """Return a square wave with edges of one pixel, in [-1, 1]."""
    phase = np.mod(_ramp(size, angle) * np.float32(1 / period) + np.float32(rng.random()), 1)
    sharpness = np.float32(2 * period)
    return np.clip((np.abs(phase - np.float32(0.5)) - np.float32(rng.uniform(0.15, 0.35))) * sharpness, -1, 1)


def _stripes(size: tuple[int, int], rng: np.random.Generator, side: int) -> FloatArray:
    angle = rng.choice([0, 0.5 * math.pi, 0.25 * math.pi, rng.uniform(0, math.pi)])
    return 0.5 + 0.5 * _wave(size, rng, angle, max(2.5, log_uniform((0.012, 0.12), rng) * side))


def _checker(size: tuple[int, int], rng: np.random.Generator, side: int) -> FloatArray:
    angle = rng.choice([0, 0, rng.uniform(0, math.pi)])
    period = max(4.0, log_uniform((0.02, 0.15), rng) * side)
    first, second = (_wave(size, rng, angle + turn, period) for turn in (0, 0.5 * math.pi))
    return 0.5 + 0.5 * first * second


def _dots(size: tuple[int, int], rng: np.random.Generator, side: int) -> FloatArray:
    angle, period = rng.uniform(0, math.pi), max(4.0, log_uniform((0.02, 0.12), rng) * side)
    waves = [np.cos(_ramp(size, angle + turn) * np.float32(2 * math.pi / period)) for turn in (0, 0.5 * math.pi)]
    return np.clip((waves[0] + waves[1] - np.float32(rng.uniform(0.2, 1.2))) * np.float32(period / 4), 0, 1)


def _clouds(size: tuple[int, int], rng: np.random.Generator, side: int) -> FloatArray:
    return np.clip(0.5 + 0.3 * grain(size, rng, coarse=max(2.0, log_uniform((0.01, 0.2), rng) * side)), 0, 1)


def _speckle(size: tuple[int, int], rng: np.random.Generator, side: int) -> FloatArray:
    return np.clip(0.5 + np.float32(rng.uniform(0.05, 0.6)) * grain(size, rng), 0, 1)


# Share of the second colour in [0, 1], (h, w).
_SHARES: dict[str, Callable[[tuple[int, int], np.random.Generator, int], FloatArray]] = {
    'linear': _linear,
    'radial': _radial,
    'stripes': _stripes,
    'checker': _checker,
    'dots': _dots,
    'clouds': _clouds,
    'speckle': _speckle,
}
