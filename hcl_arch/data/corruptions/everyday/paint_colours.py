"""Colours of things that cover photographs."""

from __future__ import annotations

import cv2
import numpy as np

from hcl_arch.data.corruptions.corruption import FloatArray
from hcl_arch.data.corruptions.everyday.stencils import chance
from hcl_arch.data.weighted_choice import choose_by_weight

COLOUR_SORTS = {'black': 0.2, 'white': 0.16, 'gray': 0.12, 'vivid': 0.27, 'dull': 0.17, 'any': 0.08}


def paint_colour(rng: np.random.Generator, sorts: dict[str, float] = COLOUR_SORTS) -> FloatArray:
    """Return a colour of a random sort: RGB in [0, 1], (3,).

    Args:
        rng: source of all randomness.
        sorts: relative frequencies of the sorts; the sorts are those of `COLOUR_SORTS`.
    """
    sort = choose_by_weight(sorts, rng)
    if sort == 'vivid':
        return from_hsv(rng.uniform(0, 360), rng.uniform(0.65, 1), rng.uniform(0.55, 1))
    if sort == 'dull':
        return from_hsv(rng.uniform(0, 360), rng.uniform(0.1, 0.6), rng.uniform(0.15, 0.95))
    if sort == 'any':
        return rng.random(3, np.float32)
    # Pure black and white are the most common; similar ones come from scans and faded ink.
    off = 0.0 if chance(rng, 0.6) else rng.uniform(0, 0.12)
    level = {'black': off, 'white': 1 - off, 'gray': rng.uniform(0.15, 0.85)}[sort]
    cast = rng.uniform(-0.03, 0.03, 3) if off else np.zeros(3)
    return np.clip(level + cast, 0, 1).astype(np.float32)


def from_hsv(hue: float, saturation: float, value: float) -> FloatArray:
    """Return the RGB colour, (3,), of a hue in degrees and a saturation and value in [0, 1]."""
    return cv2.cvtColor(np.array([[[hue, saturation, value]]], np.float32), cv2.COLOR_HSV2RGB)[0, 0]


def contrasting(colour: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Return a colour that stands out from the given one: a channel differs by at least 0.25."""
    for _ in range(8):
        other = paint_colour(rng)
        if float(np.abs(other - colour).max()) >= 0.25:
            return other
    return np.full(3, 0.0 if colour.mean() > 0.5 else 1.0, np.float32)


def near(colour: FloatArray, rng: np.random.Generator, *, by: float) -> FloatArray:
    """Return a colour up to `by` away in each channel."""
    return np.clip(colour + rng.uniform(-by, by, 3), 0, 1).astype(np.float32)


def spread(colour: FloatArray, size: tuple[int, int]) -> FloatArray:
    """Return a plane (height, width, 3) of one colour."""
    plane = np.empty((*size, 3), np.float32)
    plane[:] = colour
    return plane
