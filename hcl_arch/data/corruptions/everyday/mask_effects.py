"""Effects on an alpha picture before it is painted: widen, shift, blur, turn, bend, wear."""

from __future__ import annotations

import math

import cv2
import numpy as np

from hcl_arch.data.corruptions.corruption import FloatArray
from hcl_arch.data.corruptions.everyday.lettering import Mask, cropped


def padded(mask: Mask, by: int) -> Mask:
    """Return the picture with that many empty pixels around it."""
    return cv2.copyMakeBorder(mask, by, by, by, by, cv2.BORDER_CONSTANT)  # type: ignore[return-value]


def thickened(mask: Mask, radius: float) -> Mask:
    """Return the picture with its strokes widened on each side by a radius in pixels, fractions included."""
    whole = int(radius)
    first = _dilated(mask, whole)
    if radius - whole < 0.05:
        return first
    return cv2.addWeighted(first, 1 - (radius - whole), _dilated(mask, whole + 1), radius - whole, 0)  # type: ignore[return-value]


def thinned(mask: Mask, radius: float) -> Mask:
    """Return the picture with its strokes narrowed on each side by a radius in pixels, fractions included."""
    return cv2.bitwise_not(thickened(cv2.bitwise_not(mask), radius))  # type: ignore[arg-type,return-value]


def shifted(mask: Mask, right: float, down: float) -> Mask:
    """Return the picture moved by a number of pixels, fractions included; what leaves it is lost."""
    move = np.array([[1, 0, right], [0, 1, down]], np.float64)
    return cv2.warpAffine(mask, move, mask.shape[::-1], flags=cv2.INTER_LINEAR)  # type: ignore[return-value]


def blurred(mask: Mask, sigma: float) -> Mask:
    """Return the picture blurred with a Gaussian; beyond its border it is empty."""
    if sigma < 0.2:
        return mask
    return cv2.GaussianBlur(mask, (0, 0), sigma, borderType=cv2.BORDER_CONSTANT)  # type: ignore[return-value]


def outlined(mask: Mask, width: float) -> Mask:
    """Return lines of a width in pixels around what is drawn."""
    return cv2.subtract(thickened(mask, width), mask)  # type: ignore[return-value]


def turned(mask: Mask, angle: float) -> Mask:
    """Return the picture turned by degrees counter-clockwise, cropped."""
    if abs(angle) < 0.05:
        return mask
    height, width = mask.shape
    cosine, sine = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    wide = int(abs(width * cosine) + abs(height * sine)) + 3
    high = int(abs(width * sine) + abs(height * cosine)) + 3
    linear = np.array([[cosine, sine], [-sine, cosine]])
    move = np.array([(wide - 1) / 2, (high - 1) / 2]) - linear @ np.array([(width - 1) / 2, (height - 1) / 2])
    return cropped(cv2.warpAffine(mask, np.column_stack([linear, move]), (wide, high), flags=cv2.INTER_LINEAR))  # type: ignore[arg-type]


def arched(mask: Mask, degrees: float) -> Mask:
    """Return the picture bent along an arc: its middle up if the angle is positive, else down."""
    if degrees < 0:
        return arched(mask[::-1, ::-1], -degrees)[::-1, ::-1].copy()
    height, width = mask.shape
    span = math.radians(degrees)
    # Radius of the picture's base line.
    radius = width / span
    outer = radius + height
    half = outer * math.sin(min(span / 2, math.pi / 2)) + 2
    lowest = radius * math.cos(span / 2) if span < math.pi else outer * math.cos(span / 2)
    x = np.arange(-half, half + 1, dtype=np.float32)[None]
    y = np.arange(outer + 1, lowest - 2, -1, dtype=np.float32)[:, None]
    distance, angle = cv2.cartToPolar(np.repeat(y, x.size, 1), np.repeat(x, y.size, 0))
    angle = np.where(angle > math.pi, angle - np.float32(2 * math.pi), angle)
    across = angle * np.float32(radius) + np.float32(width / 2)
    bent = cv2.remap(mask, across.astype(np.float32), np.float32(outer) - distance, cv2.INTER_LINEAR)
    return cropped(bent)  # type: ignore[arg-type]


def waved(mask: Mask, amplitude: float, length: float, phase: float) -> Mask:
    """Return the picture with its columns moved up and down as a wave; amplitude and length in pixels."""
    reach = math.ceil(abs(amplitude)) + 1
    mask = padded(mask, reach)
    x = np.arange(mask.shape[1], dtype=np.float32)
    lift = np.float32(amplitude) * np.sin(x * np.float32(2 * math.pi / length) + np.float32(phase))
    rows = np.arange(mask.shape[0], dtype=np.float32)[:, None] + lift[None].astype(np.float32)
    return cropped(cv2.remap(mask, np.repeat(x[None], mask.shape[0], 0), rows, cv2.INTER_LINEAR))  # type: ignore[arg-type]


def tilted(mask: Mask, rng: np.random.Generator, strength: float = 0.25) -> Mask:
    """Return the picture in perspective, as seen from one side."""
    height, width = mask.shape
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    inward = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]]) * rng.uniform(0, strength, (4, 2)) * (0.3 * width, height)
    matrix = cv2.getPerspectiveTransform(corners, (corners + inward).astype(np.float32))
    return cropped(cv2.warpPerspective(mask, matrix, (width, height), flags=cv2.INTER_LINEAR))  # type: ignore[arg-type]


def soft_noise(size: tuple[int, int], cell: float, rng: np.random.Generator) -> FloatArray:
    """Return (h, w) float32 noise, about uniform in [0, 1], that changes within about `cell` pixels."""
    coarse = tuple(max(2, math.ceil(side / max(cell, 1)) + 1) for side in size)
    small = rng.random(coarse, np.float32)
    return cv2.resize(small, size[::-1], interpolation=cv2.INTER_LINEAR)  # type: ignore[return-value]


def shrunk_to(mask: Mask, width: float, height: float = math.inf) -> Mask:
    """Return the picture, scaled down if necessary to fit this size."""
    factor = min(width / mask.shape[1], height / mask.shape[0])
    if factor >= 1:
        return mask
    wanted = (max(1, round(mask.shape[1] * factor)), max(1, round(mask.shape[0] * factor)))
    return cv2.resize(mask, wanted, interpolation=cv2.INTER_AREA)  # type: ignore[return-value]


def _dilated(mask: Mask, radius: int) -> Mask:
    """Return the greatest value within a radius in whole pixels."""
    if radius == 0:
        return mask
    # A disc of radius 1 is a cross.
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    return cv2.dilate(mask, disc, borderType=cv2.BORDER_CONSTANT, borderValue=0)  # type: ignore[return-value]
