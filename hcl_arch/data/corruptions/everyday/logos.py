"""Simple logos: a form, filled or in lines, in a frame or without one."""

from __future__ import annotations

import math
from typing import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from hcl_arch.data.corruptions.everyday.lettering import Mask, cropped
from hcl_arch.data.corruptions.everyday.random_texts import pick

# A form is some closed curves, (points, 2) as x and y within -1 .. 1, y downwards. Where two of them overlap, a filled
# form has a hole.
Curves = list[NDArray[np.float64]]

FRAMES = ('none', 'none', 'circle', 'circle', 'two rings', 'square', 'round square', 'hexagon', 'diamond', 'shield')
# cv2's coordinates have this many bits behind the point.
BITS = 4


def logo_mask(size: float, rng: np.random.Generator, letters: Callable[[float], Mask] | None = None) -> Mask:
    """Return a logo as (h, w) uint8, anti-aliased, cropped.

    Args:
        size: approximate length of its longer side in pixels.
        rng: source of all randomness.
        letters: returns one or two letters of a given height in pixels; they may then replace a shape.
    """
    # Drawn at twice the size, so that lines may be half a pixel wide.
    radius = max(size, 6.0)
    side = 2 * math.ceil(radius) + 6
    canvas = np.zeros((side, side), np.uint8)
    middle, line = side / 2, max(1, round(radius * rng.uniform(0.02, 0.14)))
    frame = pick(FRAMES, rng)
    solid = frame not in ('none', 'two rings') and rng.random() < 0.35
    _draw(canvas, _frame(frame), middle, radius - line / 2 - 1, 0 if solid else line)
    if frame == 'two rings':
        _draw(canvas, _frame('circle'), middle, radius * rng.uniform(0.7, 0.85), max(1, line // 2))
    inside = _inside(side, 1.0 if frame == 'none' else float(rng.uniform(0.45, 0.65)), radius, line, rng, letters)
    canvas = cv2.subtract(canvas, inside) if solid else cv2.max(canvas, inside)  # type: ignore[assignment]
    half = cv2.resize(canvas, (side // 2, side // 2), interpolation=cv2.INTER_AREA)
    return cropped(half)  # type: ignore[arg-type]


def _inside(
    side: int, share: float, radius: float, line: int, rng: np.random.Generator, letters: Callable[[float], Mask] | None
) -> Mask:
    """Return the content of the frame: letters or a shape, on its own canvas."""
    canvas = np.zeros((side, side), np.uint8)
    if letters is not None and share < 1 and rng.random() < 0.35:
        text = letters(1.1 * share * radius)
        factor = min(1.0, 1.7 * share * radius / max(text.shape))
        wanted = (max(1, int(text.shape[1] * factor)), max(1, int(text.shape[0] * factor)))
        text = cv2.resize(text, wanted, interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
        top, left = (side - text.shape[0]) // 2, (side - text.shape[1]) // 2
        canvas[top : top + text.shape[0], left : left + text.shape[1]] = text
        return canvas
    curves = pick(FORMS, rng)(rng)
    if rng.random() < 0.35:
        angle = rng.uniform(0, 2 * math.pi)
        turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
        curves = [curve @ turn for curve in curves]
    _draw(canvas, curves, side / 2, radius * share - line / 2, line if rng.random() < 0.45 else 0)
    return canvas


def _draw(canvas: Mask, curves: Curves, middle: float, radius: float, line: int) -> None:
    """Draw curves, in lines of a thickness in pixels, or filled if it is 0."""
    points = [np.round((middle + curve * radius) * 2**BITS).astype(np.int32) for curve in curves]
    if not points:
        return
    if line:
        cv2.polylines(canvas, points, True, 255, line, cv2.LINE_AA, BITS)
    else:
        cv2.fillPoly(canvas, points, 255, cv2.LINE_AA, BITS)


def _around(count: int, radius: float = 1.0, x: float = 0.0, y: float = 0.0, turn: float = 0.0) -> NDArray[np.float64]:
    """Return points on a circle, the first one at its top: a regular polygon."""
    angles = np.arange(count) * (2 * math.pi / count) + turn
    return np.stack([x + radius * np.sin(angles), y - radius * np.cos(angles)], 1)


def _box(left: float, top: float, right: float, bottom: float) -> NDArray[np.float64]:
    """Return a rectangle."""
    return np.array([(left, top), (right, top), (right, bottom), (left, bottom)], np.float64)


def _power_circle(power: float) -> NDArray[np.float64]:
    """Return a superellipse: the larger the power is above 2, the closer it is to a square."""
    circle = _around(48)
    return np.sign(circle) * np.abs(circle) ** (2 / power)


def _frame(name: str) -> Curves:
    """Return the curve of a frame; no curve for 'none'."""
    if name == 'none':
        return []
    if name == 'shield':
        return [np.array([(-0.8, -0.9), (0, -1), (0.8, -0.9), (0.8, 0), (0.6, 0.5), (0, 1), (-0.6, 0.5), (-0.8, 0)])]
    polygons = {'square': (4, math.pi / 4), 'diamond': (4, 0.0), 'hexagon': (6, 0.0)}
    if name in polygons:
        count, turn = polygons[name]
        return [_around(count, turn=turn)]
    return [0.9 * _power_circle(5)] if name == 'round square' else [_around(48)]


def _star(rng: np.random.Generator) -> Curves:
    """Return a star of four to twelve points."""
    points = _around(2 * int(rng.integers(4, 13)))
    points[1::2] *= rng.uniform(0.3, 0.75)
    return [points]


def _polygon(rng: np.random.Generator) -> Curves:
    """Return a regular polygon, sometimes with another one in it."""
    points = _around(int(rng.integers(3, 9)))
    return [points] + ([points * rng.uniform(0.4, 0.8)] if rng.random() < 0.5 else [])


def _leaf(rng: np.random.Generator) -> Curves:
    """Return a leaf with a rib."""
    t = np.linspace(0, 1, 20)
    side = np.sin(math.pi * t) ** rng.uniform(0.7, 1.4) * rng.uniform(0.3, 0.6)
    y = 1 - 1.8 * t
    rib = rng.uniform(0.02, 0.06)
    return [np.concatenate([np.stack([side, y], 1), np.stack([-side, y], 1)[::-1]]), _box(-rib, -0.5, rib, 1)]


def _camera(rng: np.random.Generator) -> Curves:
    """Return a camera."""
    body = np.array(
        [(-1, -0.5), (-0.45, -0.5), (-0.3, -0.75), (0.3, -0.75), (0.45, -0.5), (1, -0.5), (1, 0.7), (-1, 0.7)]
    )
    lens = rng.uniform(0.33, 0.46)
    glass = lens * rng.uniform(0.4, 0.75)
    return [body, _around(28, lens, y=0.1), _around(24, glass, y=0.1), _box(0.65, -0.35, 0.85, -0.2)]


def _stripes(rng: np.random.Generator) -> Curves:
    """Return two to six stripes, level or leaning."""
    count, share, lean = int(rng.integers(2, 7)), rng.uniform(0.3, 0.7), rng.choice([0, rng.uniform(-0.5, 0.5)])
    step = 2 / count
    bars = [_box(-1 + step * number, -0.9, -1 + step * (number + share), 0.9) for number in range(count)]
    for bar in bars:
        bar[:, 0] = np.clip(bar[:, 0] * 0.8 - lean * bar[:, 1], -1, 1)
    return bars


def _mountains(rng: np.random.Generator) -> Curves:
    """Return two summits and a sun."""
    peak, other = rng.uniform(-0.5, 0), rng.uniform(0.3, 0.6)
    return [
        np.array([(-1, 0.7), (peak, -0.5), ((peak + other) / 2, 0.2), (other, -0.2), (1, 0.7)]),
        _around(20, rng.uniform(0.12, 0.25), x=rng.uniform(0.2, 0.7), y=-0.65),
    ]


def _heart(rng: np.random.Generator) -> Curves:
    """Return a heart."""
    t = np.linspace(0, 2 * math.pi, 40, endpoint=False)
    y = 13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)
    return [np.stack([16 * np.sin(t) ** 3, -y], 1) / 17]


def _drop(rng: np.random.Generator) -> Curves:
    """Return a drop, or a mark on a map with a hole in it."""
    t = np.linspace(0, 2 * math.pi, 40, endpoint=False)
    down = 1 if rng.random() < 0.5 else -1
    drop = np.stack([0.65 * np.sin(t) * np.sin(t / 2) ** 1.2 * 1.3, down * np.cos(t)], 1)
    return [-drop] + ([_around(20, 0.25, y=0.4 * down)] if rng.random() < 0.5 else [])


def _globe(rng: np.random.Generator) -> Curves:
    """Return a globe with meridians and parallels."""
    circle = _around(36)
    lines = [circle * (share, 1) for share in (0.45, 0.02)] + [
        _box(-side, y - 0.02, side, y + 0.02) for y, side in ((-0.5, 0.86), (0, 1), (0.5, 0.86))
    ]
    return [circle, 0.93 * circle, *lines]


def _aperture(rng: np.random.Generator) -> Curves:
    """Return the blades of an aperture."""
    count = int(rng.integers(5, 9))
    outer, inner = _around(count), _around(count, rng.uniform(0.35, 0.5), turn=rng.uniform(0.3, 0.9))
    return [np.array([outer[number], outer[(number + 1) % count], inner[number]]) for number in range(count)]


def _flower(rng: np.random.Generator) -> Curves:
    """Return a flower, or a wheel with soft teeth."""
    t = np.linspace(0, 2 * math.pi, 72, endpoint=False)
    radius = 1 - rng.uniform(0.15, 0.4) * (1 + np.cos(int(rng.integers(4, 11)) * t))
    return [np.stack([radius * np.sin(t), -radius * np.cos(t)], 1), _around(20, rng.uniform(0.1, 0.2))]


def _rings(rng: np.random.Generator) -> Curves:
    """Return two or three rings side by side, or one in the other."""
    count = int(rng.integers(2, 4))
    if rng.random() < 0.5:
        return [_around(36, 1 - 0.3 * number) for number in range(count)]
    centres = np.linspace(-0.5, 0.5, count)
    return [_around(32, radius, x=x) for x in centres for radius in (0.5, 0.42)]


def _arrow(rng: np.random.Generator) -> Curves:
    """Return a flash, an arrow, a play sign or angles."""
    way = int(rng.integers(4))
    if way == 0:
        return [np.array([(0.2, -1), (-0.6, 0.15), (-0.05, 0.15), (-0.25, 1), (0.6, -0.25), (0.05, -0.25)])]
    if way == 1:
        return [np.array([(-1, -0.25), (0.2, -0.25), (0.2, -0.7), (1, 0), (0.2, 0.7), (0.2, 0.25), (-1, 0.25)])]
    if way == 2:
        return [np.array([(-0.5, -0.8), (0.9, 0), (-0.5, 0.8)])]
    angle = np.array([(-0.2, -0.8), (0.15, -0.8), (0.6, 0), (0.15, 0.8), (-0.2, 0.8), (0.25, 0)])
    return [angle - (0.6, 0), angle, angle + (0.4, 0)]


def _blob(rng: np.random.Generator) -> Curves:
    """Return a smooth arbitrary shape."""
    t = np.linspace(0, 2 * math.pi, 60, endpoint=False)
    radius = np.full(60, 0.7)
    for wave in range(2, 6):
        radius += rng.uniform(-0.2, 0.2) / wave * 1.6 * np.cos(wave * t + rng.uniform(0, 6))
    blob = np.stack([radius * np.sin(t), radius * np.cos(t)], 1)
    return [blob] + ([blob * rng.uniform(0.3, 0.8)] if rng.random() < 0.4 else [])


FORMS: tuple[Callable[[np.random.Generator], Curves], ...] = (
    _star,
    _polygon,
    _leaf,
    _camera,
    _stripes,
    _mountains,
    _heart,
    _drop,
    _globe,
    _aperture,
    _flower,
    _rings,
    _arrow,
    _blob,
)
