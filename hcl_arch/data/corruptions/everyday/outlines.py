"""Outlines of flat things: boxes, stars, hearts, blobs, bubbles, and contours cut with scissors."""

from __future__ import annotations

import math
from typing import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from hcl_arch.data.corruptions.everyday.draws import log_uniform
from hcl_arch.data.corruptions.everyday.stencils import Points

# Each outline is a closed contour in arbitrary units; `sized` scales it to an area.
Outline = Callable[[np.random.Generator], Points]


def rectangle(aspect: float) -> Points:
    """Return a rectangle of height 1, `aspect` times as wide as high."""
    return np.array([[-aspect, -1], [aspect, -1], [aspect, 1], [-aspect, 1]], np.float64) / 2


def rounded_rectangle(aspect: float, radius: float) -> Points:
    """Return a rectangle of height 1 with round corners; `radius` in (0, 0.5] of its shorter side."""
    radius *= min(aspect, 1.0)
    turns = np.linspace(0, 0.5 * math.pi, 7)
    arc = radius * np.stack([np.cos(turns), np.sin(turns)], 1) + (aspect / 2 - radius, 0.5 - radius)
    right = np.concatenate([arc[::-1] * (1, -1), arc])[::-1]
    return np.concatenate([right, right[::-1] * (-1, 1)])


def ellipse(aspect: float = 1.0) -> Points:
    """Return an ellipse of height 1."""
    return _around(np.full(48, 0.5)) * (aspect, 1)


def regular(corners: int) -> Points:
    """Return a regular polygon of radius 1."""
    return _around(np.ones(corners))


def star(tips: int, inner: float) -> Points:
    """Return a star of radius 1; `inner` in (0, 1) is the radius of its notches."""
    return _around(np.tile([1.0, inner], tips))


def heart() -> Points:
    """Return a heart, about 2 wide."""
    turn = np.linspace(0, 2 * math.pi, 48, endpoint=False)
    y = -(13 * np.cos(turn) - 5 * np.cos(2 * turn) - 2 * np.cos(3 * turn) - np.cos(4 * turn)) / 16
    return np.stack([np.sin(turn) ** 3, y], 1)


def badge(scallops: int, depth: float) -> Points:
    """Return a circle of radius 1 with a wavy rim, like a seal or price tag."""
    return _around(1 + depth * np.cos(scallops * np.linspace(0, 2 * math.pi, 12 * scallops, endpoint=False)))


def flower(petals: int, depth: float) -> Points:
    """Return petals around a centre; a cloud if they are few and flat."""
    turn = np.linspace(0, 2 * math.pi, 16 * petals, endpoint=False)
    return _around(1 - depth + depth * np.abs(np.sin(petals * turn / 2)))


def blob(rng: np.random.Generator, *, waves: int = 5, strength: float = 0.25) -> Points:
    """Return a smooth random contour around (0, 0); each wave is weaker than the one before it."""
    turn = np.linspace(0, 2 * math.pi, 64, endpoint=False)
    orders = np.arange(2, 2 + waves)
    sizes = rng.normal(0, strength, waves) / np.sqrt(orders - 1)
    waved = np.cos(turn[:, None] * orders + rng.uniform(0, 2 * math.pi, waves)) @ sizes
    return _around(np.exp(np.clip(waved, -1.1, 0.9)))


def cut_polygon(rng: np.random.Generator) -> Points:
    """Return an irregular polygon, as if cut out hastily with scissors."""
    corners = int(rng.integers(5, 14))
    turns = (np.arange(corners) + rng.uniform(-0.35, 0.35, corners)) * (2 * math.pi / corners)
    return np.stack([np.cos(turns), np.sin(turns)], 1) * rng.uniform(0.65, 1.1, (corners, 1))


def torn_rectangle(rng: np.random.Generator) -> Points:
    """Return a rectangle with ragged sides, like torn paper or tape."""
    corners = rectangle(log_uniform((0.4, 4), rng))
    sides = [np.linspace(first, last, 12, endpoint=False) for first, last in zip(corners, np.roll(corners, -1, 0))]
    return np.concatenate(sides) + rng.normal(0, rng.uniform(0.008, 0.03), (48, 2))


def arrow(rng: np.random.Generator) -> Points:
    """Return a block arrow that points to the right."""
    shaft, head, length = rng.uniform(0.15, 0.35), rng.uniform(0.5, 0.8), rng.uniform(0.8, 2)
    upper = np.array([[-length, -shaft], [0, -shaft], [0, -head]])
    return np.concatenate([upper, [[rng.uniform(0.6, 1.1), 0]], upper[::-1] * (1, -1)])


def speech_bubble(rng: np.random.Generator) -> Points:
    """Return an ellipse or a rounded box with a tail pointing down."""
    aspect = rng.uniform(1, 2)
    body = ellipse(aspect) if rng.random() < 0.5 else rounded_rectangle(aspect, rng.uniform(0.2, 0.5))
    foot, half = rng.uniform(-0.25, 0.25) * aspect, rng.uniform(0.06, 0.14)
    tip = (foot + rng.uniform(-0.4, 0.4), rng.uniform(0.65, 0.95))
    # The tail replaces the body's points where they meet; the middle sees all points, so they are ordered by angle.
    ring = body[(body[:, 1] < 0) | (np.abs(body[:, 0] - foot) > half)]
    ring = ring[np.argsort(np.arctan2(ring[:, 1], ring[:, 0]))]
    at = int(np.searchsorted(np.arctan2(ring[:, 1], ring[:, 0]), math.atan2(0.5, foot)))
    return np.concatenate([ring[:at], [[foot + half, 0.47], tip, [foot - half, 0.47]], ring[at:]])


def ribbon(rng: np.random.Generator) -> Points:
    """Return a banner with notched ends, straight or bent."""
    length, notch, bend = rng.uniform(1.5, 4), rng.uniform(0, 0.5), rng.choice([0, rng.uniform(-0.5, 0.5)])
    x = np.linspace(-length, length, 24)
    arch = bend * (x / length) ** 2
    upper, lower = np.stack([x, arch - 0.5], 1), np.stack([x[::-1], arch[::-1] + 0.5], 1)
    return np.concatenate([upper, [[length - notch, bend]], lower, [[notch - length, bend]]])


def bolt() -> Points:
    """Return a lightning bolt."""
    return np.array([[0.2, -1], [-0.5, 0.15], [-0.05, 0.15], [-0.25, 1], [0.5, -0.25], [0.05, -0.25], [0.45, -1]])


def moon(rng: np.random.Generator) -> Points:
    """Return a crescent."""
    turn = np.linspace(0.5 * math.pi, 1.5 * math.pi, 20)
    outer = np.stack([np.cos(turn), np.sin(turn)], 1)
    return np.concatenate([outer, outer[::-1] * (rng.uniform(0.1, 0.6), 1)])


def drop() -> Points:
    """Return a drop, tip up."""
    turn = np.linspace(0, 2 * math.pi, 40, endpoint=False)
    return np.stack([np.sin(turn) * np.sin(turn / 2) ** 1.5, -np.cos(turn)], 1)


def cross(rng: np.random.Generator) -> Points:
    """Return a cross of four equal arms."""
    arm = rng.uniform(0.2, 0.45)
    quarter = np.array([[arm, -1], [arm, -arm], [1, -arm]])
    return np.concatenate([_rotated(quarter, 90 * turn) for turn in range(4)])


# Outlines that stickers have, each drawn with its own proportions.
OUTLINES: dict[str, Outline] = {
    'circle': lambda rng: ellipse(),
    'ellipse': lambda rng: ellipse(log_uniform((0.5, 2), rng)),
    'box': lambda rng: rounded_rectangle(log_uniform((0.4, 2.5), rng), rng.uniform(0.02, 0.5)),
    'polygon': lambda rng: regular(int(rng.integers(3, 9))),
    'star': lambda rng: star(int(rng.integers(4, 10)), rng.uniform(0.35, 0.75)),
    'heart': lambda rng: heart() * (rng.uniform(0.8, 1.2), 1),
    'badge': lambda rng: badge(int(rng.integers(8, 25)), rng.uniform(0.03, 0.1)),
    'flower': lambda rng: flower(int(rng.integers(4, 10)), rng.uniform(0.15, 0.6)),
    'blob': lambda rng: blob(rng, waves=int(rng.integers(2, 7)), strength=rng.uniform(0.1, 0.35)),
    'cut': cut_polygon,
    'torn': torn_rectangle,
    'arrow': arrow,
    'bubble': speech_bubble,
    'ribbon': ribbon,
    'bolt': lambda rng: bolt() * (rng.uniform(0.7, 1.3), 1),
    'moon': moon,
    'drop': lambda rng: drop() * (rng.uniform(0.7, 1.2), 1),
    'cross': cross,
}


def sized(contour: Points, area: float, *, longest: float, angle: float = 0.0) -> Points:
    """Return a contour centred on (0, 0), of a given area but limited length, both in pixels, and turned.

    Args:
        contour: (n, 2).
        area: in pixels.
        longest: the longest side of its box before it is turned, in pixels.
        angle: degrees, clockwise as seen.
    """
    low, high = contour.min(0), contour.max(0)
    own = max(abs(cv2.contourArea(contour.astype(np.float32))), 1e-6)
    scale = min(math.sqrt(area / own), longest / float((high - low).max()))
    return _rotated((contour - (low + high) / 2) * scale, angle)


def put_at_random(contour: Points, size: tuple[int, int], rng: np.random.Generator, *, cut: float) -> Points:
    """Return the contour moved to a random place of the image.

    Args:
        contour: (n, 2), around (0, 0).
        size: height and width of the image.
        rng: source of the place.
        cut: probability that its middle may lie anywhere, so the border can cut it; otherwise it lies wholly inside if
            there is room.
    """
    reach = np.abs(contour).max(0)
    far = np.array(size[::-1], np.float64) - 1
    room = 0.02 * far if rng.random() < cut else np.minimum(reach, far / 2)
    return contour + rng.uniform(room, far - room)


def _around(radii: NDArray[np.float64]) -> Points:
    """Return points around (0, 0) at these distances, the first one at the top, clockwise as seen."""
    turns = np.arange(len(radii)) * (2 * math.pi / len(radii))
    return np.stack([radii * np.sin(turns), -radii * np.cos(turns)], 1)


def _rotated(points: Points, angle: float) -> Points:
    cosine, sine = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    return points @ np.array([[cosine, sine], [-sine, cosine]])
