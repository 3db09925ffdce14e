"""Layers of damage on a paper print: how they are drawn, broken up and laid on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Callable, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from hcl_arch.data.corruptions.corruption import FloatArray
from hcl_arch.data.corruptions.everyday.draws import smooth_noise

Points = NDArray[np.float64]
# Lines are drawn on a canvas enlarged by this factor, so they can be thinner than a pixel.
FINENESS = 2
FRACTION_BITS = 3
# Width of OpenCV's anti-aliased line of thickness 1.
FINEST = 1.4


class Layer(NamedTuple):
    """A colour laid over an image.

    Attributes:
        alpha: (H, W) float32 in [0, 1], 1 = opaque.
        colour: (3,) float32, RGB in [0, 1].
    """

    alpha: FloatArray
    colour: FloatArray


# Height and width of the image -> layers, the lowest one first.
Damage = Callable[[tuple[int, int], np.random.Generator], list[Layer]]


class Stroke(NamedTuple):
    """A line.

    Attributes:
        points: (N, 2), x and y in pixels.
        width: in pixels; 0 fills the outline instead.
        strength: alpha in [0, 1].
    """

    points: Points
    width: float
    strength: float


def lay_on(image: FloatArray, layers: Sequence[Layer]) -> FloatArray:
    """Return alpha * colour + (1 - alpha) * image for each layer in turn, as a new image."""
    image = image.copy()
    for layer in layers:
        left, top, width, height = cv2.boundingRect((layer.alpha > 0).view(np.uint8))
        if not width:
            continue
        box = slice(top, top + height), slice(left, left + width)
        alpha = layer.alpha[box]
        # Done in OpenCV, because NumPy is slow to broadcast (H, W) over three channels.
        left_over = np.subtract(1, alpha)
        below = cv2.multiply(image[box], cv2.merge((left_over, left_over, left_over)))
        cv2.add(below, cv2.merge([alpha * np.float32(channel) for channel in layer.colour]), dst=below)
        image[box] = np.clip(below, 0, 1, out=below)
    return image


def draw_strokes(size: tuple[int, int], strokes: Sequence[Stroke]) -> FloatArray:
    """Return the alpha of some lines and filled outlines, (H, W) float32 in [0, 1]."""
    canvas = np.zeros((size[0] * FINENESS, size[1] * FINENESS), np.uint8)
    for stroke in strokes:
        fixed = np.rint(stroke.points * (FINENESS * 2**FRACTION_BITS)).astype(np.int32)
        if stroke.width:
            _draw_line(canvas, fixed, FINENESS * stroke.width, stroke.strength)
        else:
            cv2.fillPoly(canvas, [fixed], round(255 * stroke.strength), cv2.LINE_AA, FRACTION_BITS)
    small = cv2.resize(canvas, (size[1], size[0]), interpolation=cv2.INTER_AREA)
    return small.astype(np.float32) / np.float32(255)


def _draw_line(canvas: NDArray[np.uint8], fixed: NDArray[np.int32], width: float, strength: float) -> None:
    """Draw a line of any width. OpenCV has odd widths only: take the next wider one, proportionally fainter.

    In fixed-point coordinates OpenCV draws the thickness t > 1 as wide as the next odd number above t.
    """
    if width <= FINEST:
        value = round(255 * strength * width / FINEST)
        cv2.polylines(canvas, [fixed], False, value, 1, cv2.LINE_AA, FRACTION_BITS)
    else:
        odd = 2 * math.ceil((width - FINEST) / 2) + 1
        value = round(255 * strength * min(1.0, width / odd))
        cv2.polylines(canvas, [fixed], False, value, odd - 1, cv2.LINE_8, FRACTION_BITS)


def break_up(alpha: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Return the alpha with smooth gaps: some of it is missing, some fainter."""
    noise = smooth_noise((alpha.shape[0], alpha.shape[1]), int(rng.integers(4, 41)), rng)
    start, width = rng.uniform(0.05, 0.5), rng.uniform(0.1, 0.5)
    return alpha * np.clip((noise - np.float32(start)) / np.float32(width), 0, 1)


def light(rng: np.random.Generator) -> FloatArray:
    """Return a colour of bare paper."""
    return np.clip(rng.uniform(0.78, 1.0) * np.array([1, rng.uniform(0.95, 1), rng.uniform(0.85, 1)]), 0, 1).astype(
        np.float32
    )


def dark(rng: np.random.Generator) -> FloatArray:
    """Return a colour of dirt."""
    return (rng.uniform(0.0, 0.3) * np.array([1, rng.uniform(0.75, 1), rng.uniform(0.55, 1)])).astype(np.float32)


def light_or_dark(rng: np.random.Generator, *, light_share: float = 0.6) -> FloatArray:
    """Return a light (probability `light_share`) or dark colour; rarely a strong one, as of exposed dye layers."""
    if rng.random() < 0.06:
        return rng.random(3, np.float32)
    return light(rng) if rng.random() < light_share else dark(rng)


def jagged(
    start: Sequence[float], end: Sequence[float], roughness: float, rng: np.random.Generator, *, levels: int = 5
) -> Points:
    """Return a line with random bends of all sizes: the middle of each piece is moved aside, repeatedly.

    Args:
        start: x and y.
        end: x and y.
        roughness: how far the middle moves, as a share of the piece's length.
        rng: source of all randomness.
        levels: how often pieces are halved.

    Returns:
        (2**levels + 1, 2).
    """
    points = np.array([start, end], np.float64)
    for _ in range(levels):
        pieces = np.diff(points, axis=0)
        normals = pieces[:, ::-1] * (1, -1)
        middles = points[:-1] + pieces / 2 + normals * rng.normal(0, roughness, (len(pieces), 1))
        merged = np.empty((2 * len(points) - 1, 2))
        merged[::2], merged[1::2] = points, middles
        points = merged
    return points


def curled(start: Points, length: float, curl: float, rng: np.random.Generator, *, count: int = 24) -> Points:
    """Return a line that winds: its curvature changes at random; `curl` is about its total turn in radians."""
    curvature = np.cumsum(rng.normal(0, 1, count)) / math.sqrt(count) + rng.normal(0, 0.7)
    headings = rng.uniform(0, 2 * math.pi) + np.cumsum(curvature) * curl / count
    return start + np.cumsum(length / count * np.stack([np.cos(headings), np.sin(headings)], 1), 0)
