"""Regions of an image: boxes, ellipses, polygons, blobs and brush strokes, with hard or soft borders."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from hcl_arch.data.corruptions.corruption import BoolArray, FloatArray
from hcl_arch.data.weighted_choice import choose_by_weight

Points = NDArray[np.float64]
# Width over height, as a logarithm, lies within this distance of 0.
ASPECT = 0.9
# How often a region may cross the border of the image, and by what share of its size.
PASSES_BORDER = 0.25
PASSING = 0.3
# How often a shape with corners or axes is turned.
TURNED = 0.25
FRACTION_BITS = 4


@dataclass(frozen=True)
class Region:
    """A part of an image.

    Attributes:
        rows: the rows of its box.
        columns: the columns of its box.
        weight: (h, w) float32 in [0, 1], within the box: how much of the pixel belongs to the region.
    """

    rows: slice
    columns: slice
    weight: FloatArray

    @property
    def box(self) -> tuple[slice, slice]:
        """Rows and columns, to index an image with."""
        return self.rows, self.columns

    def inside(self, size: tuple[int, int]) -> BoolArray:
        """Return (H, W) bool for an image of `size`: where the weight is at least one half."""
        whole = np.zeros(size, bool)
        whole[self.box] = self.weight >= 0.5
        return whole


def put(image: FloatArray, content: FloatArray, region: Region) -> None:
    """Lay content, (h, w, 3) in the region's box, into an image, in place: w * content + (1 - w) * image."""
    weight = cv2.merge((region.weight, region.weight, region.weight))
    part = image[region.box]
    part += weight * (content - part)
    np.clip(part, 0, 1, out=part)


def draw_region(
    size: tuple[int, int],
    share: float,
    rng: np.random.Generator,
    *,
    kinds: Mapping[str, float],
    smooth: bool = True,
    sigma: float = 0.0,
) -> Region:
    """Return a region of a random shape at a random place.

    Args:
        size: height and width of the image.
        share: approximate share of the image that it covers; less where it crosses the border.
        rng: source of all randomness.
        kinds: how often each shape is taken, relative to the others: the names in `SHAPES`, and 'stroke'.
        smooth: whether its border is anti-aliased.
        sigma: standard deviation in pixels of the Gaussian that softens its border.
    """
    kind = choose_by_weight(kinds, rng)
    area = max(4.0, share * size[0] * size[1])
    if kind == 'stroke':
        points, thickness = _stroke(size, area, rng)
    else:
        outline, fill, turns = SHAPES[kind]
        points, thickness = _place(outline(rng), size, area / fill, rng, turns), 0
        if not turns and not smooth:
            points = np.rint(points)
    return _paint(points, thickness, size, smooth, sigma)


def _place(outline: Points, size: tuple[int, int], area: float, rng: np.random.Generator, turns: bool) -> Points:
    """Return an outline of the unit square, stretched to a box of `area` pixels somewhere in the image."""
    height, width = size
    wide = min(float(width), math.sqrt(area * math.exp(rng.uniform(-ASPECT, ASPECT))))
    high = min(float(height), area / wide)
    wide = min(float(width), area / high)
    scaled = (outline - 0.5) * (wide, high)
    if turns and rng.random() < TURNED:
        angle = rng.uniform(-math.pi, math.pi)
        scaled @= np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    passing = PASSING if rng.random() < PASSES_BORDER else 0.0
    centre = [
        rng.uniform((0.5 - passing) * side, whole - (0.5 - passing) * side)
        for side, whole in ((wide, width), (high, height))
    ]
    return scaled + np.array(centre)


def _rectangle(rng: np.random.Generator) -> Points:
    return np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])


def _rounded(rng: np.random.Generator) -> Points:
    """Return a rectangle with rounded corners."""
    radius = rng.uniform(0.08, 0.45)
    arc = np.linspace(0, math.pi / 2, 8)
    corner = radius * np.stack([1 - np.cos(arc), 1 - np.sin(arc)], 1)
    return np.concatenate([corner, (corner * (-1, 1) + (1, 0))[::-1], 1 - corner, (corner * (1, -1) + (0, 1))[::-1]])


def _ellipse(rng: np.random.Generator) -> Points:
    angles = np.linspace(0, 2 * math.pi, 48, endpoint=False)
    return 0.5 + 0.5 * np.stack([np.cos(angles), np.sin(angles)], 1)


def _polygon(rng: np.random.Generator) -> Points:
    """Return a polygon of three to nine corners around the middle."""
    count = int(rng.integers(3, 10))
    angles = (np.arange(count) + rng.uniform(-0.4, 0.4, count)) * (2 * math.pi / count) + rng.uniform(0, 2 * math.pi)
    radii = rng.uniform(rng.uniform(0.4, 0.9), 1, count)
    return _unit_box(radii[:, None] * np.stack([np.cos(angles), np.sin(angles)], 1))


def _blob(rng: np.random.Generator) -> Points:
    """Return a smooth blob: a circle whose radius waves."""
    angles = np.linspace(0, 2 * math.pi, 72, endpoint=False)
    waves = np.arange(1, 7)
    sizes = rng.normal(0, rng.uniform(0.1, 0.4), 6) / waves
    radii = np.exp((sizes * np.cos(np.outer(angles, waves) + rng.uniform(0, 2 * math.pi, 6))).sum(1))
    return _unit_box(radii[:, None] * np.stack([np.cos(angles), np.sin(angles)], 1))


def _unit_box(points: Points) -> Points:
    least, most = points.min(0), points.max(0)
    return (points - least) / (most - least)


# Outline in the unit square, share of the square that it fills, whether it may be turned.
SHAPES: dict[str, tuple[Callable[[np.random.Generator], Points], float, bool]] = {
    'box': (_rectangle, 1.0, False),
    'turned box': (_rectangle, 1.0, True),
    'rounded box': (_rounded, 0.95, False),
    'ellipse': (_ellipse, 0.785, True),
    'polygon': (_polygon, 0.6, True),
    'blob': (_blob, 0.68, True),
}


def _stroke(size: tuple[int, int], area: float, rng: np.random.Generator) -> tuple[Points, int]:
    """Return the line of a brush that covers about `area` pixels, and the width of the brush."""
    ratio = rng.uniform(1.5, 10)
    thickness = max(2.0, math.sqrt(area / ratio))
    count = int(rng.integers(4, 14))
    headings = rng.uniform(0, 2 * math.pi) + np.cumsum(rng.normal(0, rng.uniform(0.1, 0.9), count))
    steps = thickness * (ratio - 0.8) / count * np.stack([np.cos(headings), np.sin(headings)], 1)
    points = np.cumsum(steps, 0)
    middle = rng.uniform(0.15, 0.85, 2) * size[::-1]
    points += middle - points.mean(0)
    return np.clip(points, 0, (size[1] - 1, size[0] - 1)), round(thickness)


def _paint(points: Points, thickness: int, size: tuple[int, int], smooth: bool, sigma: float) -> Region:
    """Return the region inside an outline; of a stroke, if the thickness is positive."""
    pad = thickness / 2 + 3 * sigma + 2
    low = np.clip(np.floor(points.min(0) - pad), 0, (size[1] - 1, size[0] - 1)).astype(int)
    high = np.clip(np.ceil(points.max(0) + pad), low + 1, (size[1], size[0])).astype(int)
    canvas = np.zeros((high[1] - low[1], high[0] - low[0]), np.uint8)
    # OpenCV's pixel centres lie on whole numbers.
    fixed = np.rint((points - low - 0.5 * (thickness == 0)) * 2**FRACTION_BITS).astype(np.int32)
    line_type = cv2.LINE_AA if smooth else cv2.LINE_8
    if thickness:
        cv2.polylines(canvas, [fixed], False, 255, thickness, line_type, FRACTION_BITS)
    else:
        cv2.fillPoly(canvas, [fixed], 255, line_type, FRACTION_BITS)
    weight = canvas.astype(np.float32) / np.float32(255)
    if sigma > 0:
        # A shape that crosses the border of the image continues beyond it.
        weight = cv2.GaussianBlur(weight, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)  # type: ignore[assignment]
    return Region(slice(low[1], high[1]), slice(low[0], high[0]), np.clip(weight, 0, 1))
