"""Bars and scribbles: what people draw over a photograph."""

from __future__ import annotations

from typing import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import make_interp_spline

from .canvas import Canvas, Pen, Picture, Spoiled, box, log_uniform, turned

Points = NDArray[np.float64]

# The palette of a phone's pen, where red and black are used most.
_INKS = np.array([
    (232, 45, 38), (232, 45, 38), (232, 45, 38), (12, 12, 14), (12, 12, 14), (250, 250, 250), (30, 90, 225),
    (35, 165, 70), (250, 215, 40), (225, 50, 170), (245, 130, 30),
])  # fmt: skip


def bars(picture: Picture, rng: np.random.Generator) -> Spoiled:
    """One to four plain bars or boxes that hide something: mostly black, mostly level. Opaque."""
    height, width = picture.shape[:2]
    canvas = Canvas(picture)
    colour = _bar_colour(rng)
    slanted = rng.random() < 0.3
    for _ in range(rng.choice([1, 1, 2, 2, 3, 4])):
        pen = Pen(picture)
        angle = rng.uniform(-30, 30) if slanted else 0.0
        if rng.random() < 0.1:  # a strip from side to side
            sides = np.array([2.0 * width, height * log_uniform(rng, 0.04, 0.12)])
        else:
            sides = np.array([width * log_uniform(rng, 0.12, 0.55), height * log_uniform(rng, 0.035, 0.16)])
        centre = rng.uniform(0.08, 0.92, 2) * (width, height)
        pen.polygon(box(centre, np.maximum(sides, 2), angle))
        canvas.lay(pen.alpha() if slanted else (pen.alpha() >= 0.5).astype(np.float32), colour)
    return canvas.opaque()


def scribbles(picture: Picture, rng: np.random.Generator) -> Spoiled:
    """One to four strokes of a pen: crossed out, ringed, pointed at, underlined, doodled, handwritten. Opaque."""
    short = min(picture.shape[:2])
    canvas = Canvas(picture)
    ink = _INKS[rng.integers(len(_INKS))] + rng.uniform(-12, 12, 3)
    radius = max(0.8, short * log_uniform(rng, 0.004, 0.02))
    motifs: list[Callable[[np.random.Generator], list[Points]]] = [
        _crossed_out, _ring, _arrow, _underline, _cross, _doodle, _handwriting
    ]  # fmt: skip
    for _ in range(rng.choice([1, 1, 2, 3, 4])):
        pen = Pen(picture)
        size = short * log_uniform(rng, 0.2, 0.6)
        centre = rng.uniform(0.15, 0.85, 2) * picture.shape[1::-1]
        motif = motifs[rng.integers(len(motifs))]
        thin = min(radius, max(0.6, 0.012 * size)) if motif is _handwriting else radius
        for line in motif(rng):
            points = _trembling(line * size, rng) + centre
            pressure = 1 + 0.15 * np.sin(np.linspace(0, rng.uniform(3, 12), len(points)))
            pen.stroke(points, thin * pressure)
        canvas.lay(pen.alpha(), ink)
        if rng.random() < 0.25:
            ink = _INKS[rng.integers(len(_INKS))]
    return canvas.opaque()


def _bar_colour(rng: np.random.Generator) -> NDArray:
    draw = rng.random()
    if draw < 0.55:
        return np.full(3, rng.integers(0, 16))
    if draw < 0.75:
        return np.full(3, rng.integers(240, 256))
    if draw < 0.85:
        return np.full(3, rng.integers(60, 200))
    return _INKS[rng.integers(len(_INKS))]


# Motifs: lines (N, 2) in a square of side 1 around the origin.


def _crossed_out(rng: np.random.Generator) -> list[Points]:
    passes = int(rng.integers(5, 13))
    x = np.linspace(-0.5, 0.5, passes) + rng.normal(0, 0.02, passes)
    y = np.where(np.arange(passes) % 2, 1, -1) * rng.uniform(0.15, 0.35) * rng.uniform(0.75, 1.1, passes)
    return [turned(_smooth(np.stack([x, y], 1)), rng.uniform(-40, 40))]


def _ring(rng: np.random.Generator) -> list[Points]:
    turns = np.linspace(0, 2 * np.pi * rng.uniform(0.97, 1.25), 80) + rng.uniform(0, 7)
    radii = np.array([0.5, rng.uniform(0.3, 0.5)]) * np.linspace(1, rng.uniform(0.88, 1.1), 80)[:, None]
    return [turned(np.stack([np.cos(turns), np.sin(turns)], 1) * radii, rng.uniform(-30, 30))]


def _arrow(rng: np.random.Generator) -> list[Points]:
    shaft = _smooth(np.array([[-0.5, 0], [0, rng.uniform(-0.12, 0.12)], [0.5, 0]]))
    wing = rng.uniform(0.12, 0.25)
    head = np.array([[0.5 - wing, -wing * 0.8], [0.5, 0], [0.5 - wing * 1.1, wing * 0.8]])
    angle = rng.uniform(0, 360)
    return [turned(shaft, angle), turned(head, angle)]


def _underline(rng: np.random.Generator) -> list[Points]:
    lines = []
    for number in range(rng.integers(1, 3)):
        y = 0.08 * number + rng.normal(0, 0.015, 5)
        lines.append(turned(_smooth(np.stack([np.linspace(-0.5, 0.5, 5), y], 1)), rng.uniform(-6, 6)))
    return lines


def _cross(rng: np.random.Generator) -> list[Points]:
    bend = rng.uniform(-0.06, 0.06, 2)
    first = _smooth(np.array([[-0.45, -0.45], [bend[0], 0], [0.45, 0.45]]))
    second = _smooth(np.array([[0.45, -0.42], [0, bend[1]], [-0.42, 0.45]]))
    return [first, second]


def _doodle(rng: np.random.Generator) -> list[Points]:
    return [_smooth(rng.uniform(-0.5, 0.5, (int(rng.integers(4, 9)), 2)))]


def _handwriting(rng: np.random.Generator) -> list[Points]:
    """Loops that advance, of changing height, with a gap between words."""
    lines, x = [], -0.8
    for _ in range(rng.integers(1, 4)):
        loops = int(rng.integers(3, 7))
        t = np.linspace(0, 2 * np.pi * loops, 22 * loops)
        heights = np.interp(t, 2 * np.pi * np.arange(loops + 1), rng.choice([0.07, 0.08, 0.16], loops + 1))
        rise = heights * (1 - np.cos(t))
        lines.append(np.stack([x + 0.1 * t / (2 * np.pi) + 0.05 * np.sin(t) + 0.3 * rise, -rise], 1))
        x += 0.1 * loops + 0.12
    angle = rng.uniform(-12, 12)
    return [turned(line, angle) for line in lines]


def _smooth(points: Points) -> Points:
    """A curve through a few points."""
    count = len(points)
    spline = make_interp_spline(np.arange(count), points, k=min(3, count - 1))
    return spline(np.linspace(0, count - 1, 24 * count))


def _trembling(points: Points, rng: np.random.Generator) -> Points:
    """The small deviations of a hand, in pixels."""
    knots = rng.normal(0, 0.6, (max(2, len(points) // 16), 2))
    where = np.linspace(0, len(knots) - 1, len(points))
    return points + np.stack([np.interp(where, np.arange(len(knots)), knots[:, axis]) for axis in (0, 1)], 1)
