"""Hand-drawn lines: strokes, zigzags, loops, crossings-out, rings, arrows, writing, doodles."""

from __future__ import annotations

import math
from typing import Callable

import numpy as np

from hcl_arch.data.corruptions.everyday.stencils import Points, chance

# Number of points on the smooth curve per given point.
STEPS = 8

# Cubic curve through four neighbours: weights of the four at STEPS places between the middle two, and their tangents
# half of the way between their neighbours. Source: Catmull and Rom (1974).
_PLACES = np.arange(STEPS) / STEPS
_WEIGHTS = np.stack(
    [
        -0.5 * _PLACES + _PLACES**2 - 0.5 * _PLACES**3,
        1 - 2.5 * _PLACES**2 + 1.5 * _PLACES**3,
        0.5 * _PLACES + 2 * _PLACES**2 - 1.5 * _PLACES**3,
        0.5 * (_PLACES**3 - _PLACES**2),
    ],
    1,
)

# What is drawn: several strokes, each (n, 2), in units of their own.
Drawing = list[Points]


def smoothed(points: Points) -> Points:
    """Return a smooth curve through the points."""
    ended = np.concatenate([points[:1], points, points[-1:]])
    spans = np.stack([ended[place : place + len(points) - 1] for place in range(4)], 1)
    return np.concatenate([(_WEIGHTS @ spans).reshape(-1, 2), points[-1:]])


def length_of(drawing: Drawing) -> float:
    """Return the length of all strokes together."""
    return float(sum(np.hypot(*np.diff(stroke, axis=0).T).sum() for stroke in drawing))


def wandering(rng: np.random.Generator) -> Drawing:
    """Return a curve that keeps changing its direction."""
    count = int(rng.integers(3, 12))
    turns = rng.uniform(0, 2 * math.pi) + np.cumsum(rng.normal(0, rng.uniform(0.2, 1.3), count))
    steps = np.stack([np.cos(turns), np.sin(turns)], 1) * rng.uniform(0.6, 1.3, (count, 1))
    return [smoothed(np.cumsum(steps, 0))]


def straight(rng: np.random.Generator) -> Drawing:
    """Return one to five strokes that are nearly straight, near each other."""
    drawing = []
    turn, together = rng.uniform(0, math.pi), chance(rng, 0.6)
    for _ in range(int(rng.integers(1, 6))):
        own = turn + rng.normal(0, 0.1) if together else rng.uniform(0, math.pi)
        reach = rng.uniform(0.6, 1.2) * np.array([math.cos(own), math.sin(own)])
        line = np.linspace(-reach, reach, 4) + rng.normal(0, 0.5, 2)
        drawing.append(smoothed(line + rng.normal(0, 0.02, line.shape)))
    return drawing


def zigzag(rng: np.random.Generator) -> Drawing:
    """Return a line to and fro, as if scratching something out; sharp or round at its turns."""
    count = int(rng.integers(5, 26))
    x = np.cumsum(rng.uniform(0.3, 1.0, count)) * rng.uniform(0.1, 0.7)
    y = np.where(np.arange(count) % 2, 1.0, -1.0) * rng.uniform(0.6, 1.1, count)
    points = np.stack([x, y + rng.uniform(-0.1, 0.1) * x], 1)
    return [smoothed(points) if chance(rng, 0.7) else points]


def loops(rng: np.random.Generator) -> Drawing:
    """Return coils that move on, or stay in place and tangle."""
    turns = rng.uniform(2, 9)
    turn = np.linspace(0, 2 * math.pi * turns, int(20 * turns))
    knots = np.linspace(0, turn[-1], 8)
    size = np.interp(turn, knots, rng.uniform(0.5, 1.2, 8))
    drift = rng.uniform(0, 0.35) * turn * np.where(chance(rng, 0.5), 1, 0.2)
    x = drift + size * np.cos(turn) + np.interp(turn, knots, rng.normal(0, 0.3, 8))
    return [
        np.stack([x, rng.uniform(0.5, 1.2) * size * np.sin(turn) + np.interp(turn, knots, rng.normal(0, 0.3, 8))], 1)
    ]


def spiral(rng: np.random.Generator) -> Drawing:
    """Return a spiral."""
    turn = np.linspace(0, 2 * math.pi * rng.uniform(2, 5), 120)
    radius = (turn / turn[-1]) ** rng.uniform(0.7, 1.3) * (1 + 0.06 * np.sin(3 * turn + rng.uniform(0, 6)))
    return [np.stack([radius * np.cos(turn), radius * np.sin(turn)], 1)]


def ring(rng: np.random.Generator) -> Drawing:
    """Return one or two loops around something, not quite closed or past the start."""
    turn = np.linspace(0, 2 * math.pi * rng.choice([rng.uniform(0.9, 1.15), rng.uniform(1.8, 2.2)], p=[0.75, 0.25]), 64)
    turn = turn + rng.uniform(0, 2 * math.pi)
    wobble = 1 + rng.normal(0, 0.05) * np.sin(2 * turn) + rng.normal(0, 0.03) * (turn - turn[0])
    return [np.stack([rng.uniform(0.8, 2) * wobble * np.cos(turn), wobble * np.sin(turn)], 1)]


def box(rng: np.random.Generator) -> Drawing:
    """Return a hand-drawn rectangle."""
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1], [-1, -1]]) * (rng.uniform(0.6, 2), 1)
    return [corners + rng.normal(0, 0.06, corners.shape)]


def arrow(rng: np.random.Generator) -> Drawing:
    """Return an arrow, straight or bent."""
    shaft = smoothed(np.array([[-1.5, 0], [0, rng.normal(0, 0.3)], [1, 0]]))
    barb = rng.uniform(0.25, 0.6)
    tip = shaft[-1]
    head = np.array([tip + (-barb, -barb * rng.uniform(0.5, 1.1)), tip, tip + (-barb, barb * rng.uniform(0.5, 1.1))])
    return [shaft, head + rng.normal(0, 0.03, head.shape)]


def crossed_out(rng: np.random.Generator) -> Drawing:
    """Return a cross of two strokes, or a grid of some more."""
    count, wide = int(rng.choice([1, 1, 2, 3])), rng.uniform(0.6, 2)
    drawing = []
    for slant in (1, -1):
        for number in range(count):
            line = np.array([[-wide, -slant], [0, 0], [wide, slant]]) + ((number - count / 2) * 0.5, 0)
            drawing.append(smoothed(line + rng.normal(0, 0.08, line.shape)))
    return drawing


def hatching(rng: np.random.Generator) -> Drawing:
    """Return parallel strokes, as if shading an area."""
    count, slant = int(rng.integers(4, 16)), rng.uniform(-0.8, 0.8)
    gap = rng.uniform(0.1, 0.35)
    drawing = []
    for number in range(count):
        ends = np.array([[number * gap - slant, -1], [number * gap + slant, 1]]) + rng.normal(0, 0.08, (2, 2))
        drawing.append(smoothed(np.stack([ends[0], ends.mean(0) + rng.normal(0, 0.04, 2), ends[1]])))
    return drawing


def wave(rng: np.random.Generator) -> Drawing:
    """Return one or two wavy lines, as under a word."""
    x = np.linspace(0, rng.uniform(4, 14), 80)
    line = np.stack([x, rng.uniform(0.2, 0.7) * np.sin(2 * x + 0.3 * np.sin(x)) + rng.normal(0, 0.05) * x], 1)
    return [line] if chance(rng, 0.6) else [line, line + (rng.normal(0, 0.3), 1.2)]


def tick(rng: np.random.Generator) -> Drawing:
    """Return a tick, or a cross for wrong."""
    if chance(rng, 0.5):
        return crossed_out(rng)[:2]
    return [np.array([[-0.6, 0], [-0.1, 0.6], [1, -1]]) + rng.normal(0, 0.08, (3, 2))]


def writing(rng: np.random.Generator) -> Drawing:
    """Return one to four lines that look like joined handwriting but say nothing."""
    drawing = []
    slant, pitch, swing = rng.uniform(-0.1, 0.6), rng.uniform(2.4, 3.8), rng.uniform(0.25, 0.45)
    for line in range(int(rng.choice([1, 1, 2, 3, 4]))):
        x = 0.0
        for _ in range(int(rng.integers(1, 4))):
            word = _word(int(rng.integers(3, 9)), swing, rng)
            word[:, 0] += x - slant * word[:, 1]
            drawing.append(smoothed(word + (0, line * pitch)))
            x = float(word[:, 0].max()) + rng.uniform(0.6, 1.2)
    return drawing


def _word(letters: int, swing: float, rng: np.random.Generator) -> Points:
    """Return the joined letters of a word: up and down strokes, some with loops above or below the line."""
    points = [np.array([[0.0, 0.0]])]
    for number in range(letters):
        kind = rng.random()
        high = -1.0 if kind < 0.65 else -2.1
        low = 0.9 if kind > 0.9 else 0.0
        own = np.array([[0.1, -0.5], [swing, high], [swing - 0.3 * rng.random(), high / 2], [0.1, low], [swing, 0.05]])
        points.append(own * rng.uniform(0.8, 1.2, (1, 2)) + rng.normal(0, 0.06, own.shape) + (number * 0.85, 0))
    return np.concatenate(points)


def doodle(rng: np.random.Generator) -> Drawing:
    """Return a little drawing: a face, a stick figure, a house, a heart, a star, a sun, glasses, a moustache, horns."""
    strokes = _DOODLES[int(rng.integers(len(_DOODLES)))]
    drawing = []
    for stroke in strokes.split('|'):
        points = np.array([[float(digit) for digit in point] for point in stroke.split()]) + rng.normal(0, 0.1, 2)
        points = points + rng.normal(0, 0.12, points.shape)
        drawing.append(smoothed(points) if len(points) > 4 else points)
    return drawing


# Points 'xy' on a grid of 9 x 9, y downwards; strokes parted by '|'. Those of five points and more become round.
_DOODLES = (
    '40 71 84 77 48 17 04 11 40|22 23|62 63|25 46 65',  # a face
    '41 53 44 33 31 41|44 47|25 45 65|47 29|47 69',  # a stick figure
    '08 04 44 84 88 08|04 40|40 84|38 35 55 58',  # a house
    '48 25 12 31 43 51 72 65 48',  # a heart
    '18 40 68|68 03 83|83 18',  # a star
    '43 54 45 34 43|42 40|55 77|64 84|46 48|24 04|33 11|53 71|35 17',  # a sun
    '04 13 24 15 04|24 44|44 53 64 55 44|64 83',  # glasses
    '05 16 35 44 55 76 85 73 44 13 05',  # a moustache
    '37 25 22 10|57 65 72 80',  # horns
    '00 80|80 88|88 08|08 00|00 88|80 08',  # a crossed box
    '08 17 26 35 44 53 62 71 80',  # a diagonal
)

PATHS: dict[str, Callable[[np.random.Generator], Drawing]] = {
    'wandering': wandering,
    'straight': straight,
    'zigzag': zigzag,
    'loops': loops,
    'spiral': spiral,
    'ring': ring,
    'box': box,
    'arrow': arrow,
    'crossed out': crossed_out,
    'hatching': hatching,
    'wave': wave,
    'tick': tick,
    'writing': writing,
    'doodle': doodle,
}
