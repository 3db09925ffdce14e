"""Broad damage on prints: dust and spots, stains, folds, torn borders, missing patches."""

from __future__ import annotations

import math

import cv2
import numpy as np

from hcl_arch.data.corruptions.corruption import FloatArray, Span
from hcl_arch.data.corruptions.everyday.draws import log_uniform, smooth_noise, unit_of
from hcl_arch.data.corruptions.everyday.print_layers import (
    Layer,
    Points,
    Stroke,
    break_up,
    dark,
    draw_strokes,
    jagged,
    light,
    light_or_dark,
)

# Radii in pixels of the reference image.
DUST = (0.4, 2.5)
SPOT = (1.5, 12.0)
MOST_SPECKS = 250
MOST_SPOTS = 25
CORNERS = 10
BROWN = (0.45, 0.3, 0.12)


def dust(size: tuple[int, int], rng: np.random.Generator) -> list[Layer]:
    """Specks, a few or very many, small and some larger."""
    layers = []
    unit = max(0.5, unit_of(size))
    for _ in range(1 + int(rng.random() < 0.3)):
        largest = max(0.4, log_uniform(DUST, rng))
        strokes = _specks(size, (0.35 * unit, largest * unit), MOST_SPECKS, rng)
        layers.append(Layer(draw_strokes(size, strokes), light_or_dark(rng)))
    return layers


def spots(size: tuple[int, int], rng: np.random.Generator) -> list[Layer]:
    """Soft spots of mould or splashes, brown, dark or light."""
    unit = max(0.3, unit_of(size))
    alpha = draw_strokes(size, _specks(size, (SPOT[0] * unit, SPOT[1] * unit), MOST_SPOTS, rng))
    alpha = cv2.GaussianBlur(alpha, (0, 0), unit * log_uniform((0.6, 3.0), rng))  # type: ignore[assignment]
    colour = _brown(rng) if rng.random() < 0.5 else light_or_dark(rng)
    return [Layer(alpha, colour)]


def _specks(size: tuple[int, int], radii: Span, most: float, rng: np.random.Generator) -> list[Stroke]:
    """Return a random number, up to `most`, of filled round and elongated outlines at random places."""
    count = int(log_uniform((1.0, most), rng))
    angles = np.linspace(0, 2 * math.pi, CORNERS, endpoint=False)
    sizes = radii[0] * (radii[1] / radii[0]) ** rng.random((count, 1)) * rng.uniform(0.6, 1.4, (count, CORNERS))
    stretch = 2 ** rng.uniform(-1, 1, (count, 1))
    outlines = np.stack([sizes * np.cos(angles) * stretch, sizes * np.sin(angles) / stretch], 2)
    outlines += rng.uniform(0, size[::-1], (count, 1, 2))
    return [Stroke(outline, 0.0, float(strength)) for outline, strength in zip(outlines, rng.uniform(0.35, 1, count))]


def stains(size: tuple[int, int], rng: np.random.Generator) -> list[Layer]:
    """Edges of dried water stains: dark towards the outside, fading inwards."""
    layers = []
    for _ in range(1 + int(rng.random() < 0.35)):
        filled = draw_strokes(size, [_puddle(size, rng)])
        width = max(0.8, unit_of(size) * log_uniform((1.2, 7.0), rng))
        rim = filled * np.clip(1 - cv2.GaussianBlur(filled, (0, 0), width), 0, 1)
        # Rarely the dried part itself is slightly darker as well.
        inner = rng.uniform(0.03, 0.12) if rng.random() < 0.15 else 0.0
        alpha = np.clip(rim * np.float32(rng.uniform(0.5, 1.5)) + filled * np.float32(inner), 0, 1)
        colour = _brown(rng) if rng.random() < 0.7 else light_or_dark(rng, light_share=0.5)
        layers.append(Layer(break_up(alpha, rng) if rng.random() < 0.5 else alpha, colour))
    return layers


def _puddle(size: tuple[int, int], rng: np.random.Generator) -> Stroke:
    """Return the outline of a puddle, which may reach beyond the picture."""
    angles = np.linspace(0, 2 * math.pi, 90, endpoint=False)
    waves = np.arange(1, 15)
    sizes = rng.normal(0, rng.uniform(0.15, 0.4), 14) / waves
    radii = np.exp((sizes * np.cos(np.outer(angles, waves) + rng.uniform(0, 2 * math.pi, 14))).sum(1))
    radii *= min(size) * log_uniform((0.06, 0.45), rng)
    points = radii[:, None] * np.stack([np.cos(angles), np.sin(angles)], 1)
    return Stroke(rng.uniform(0, size[::-1]) + points, 0.0, 1.0)


def folds(size: tuple[int, int], rng: np.random.Generator) -> list[Layer]:
    """Creases across the picture: a broken light line, one flank darker, the other one lighter."""
    layers: list[Layer] = []
    for _ in range(int(rng.choice([1, 1, 1, 2, 3]))):
        layers += _fold(size, rng)
    return layers


def _fold(size: tuple[int, int], rng: np.random.Generator) -> list[Layer]:
    height, width = size
    angle = rng.choice([0.0, math.pi / 2]) + rng.normal(0, 0.08) if rng.random() < 0.6 else rng.uniform(0, math.pi)
    middle, reach = rng.uniform(0.05, 0.95, 2) * (width, height), 1.5 * max(size)
    along = np.array([math.cos(angle), math.sin(angle)])
    line = jagged(list(middle - reach * along), list(middle + reach * along), rng.uniform(0.001, 0.012), rng, levels=7)
    if rng.random() < 0.3:
        line = line[: int(rng.integers(40, 90))] if rng.random() < 0.5 else line[int(rng.integers(40, 90)) :]
    core = draw_strokes(size, [Stroke(line, log_uniform((0.5, 2.2), rng) * max(0.6, unit_of(size)), 1.0)])
    flanks = _flanks(size, line, rng)
    core = break_up(core, rng) if rng.random() < 0.8 else core
    return [*flanks, Layer(core * np.float32(rng.uniform(0.4, 1)), light(rng) if rng.random() < 0.85 else dark(rng))]


def _flanks(size: tuple[int, int], line: Points, rng: np.random.Generator) -> list[Layer]:
    """Return the shade on one side of a crease, and the gleam on the other: both fade away from it."""
    width = max(0.7, unit_of(size) * log_uniform((1.0, 6.0), rng))
    normal = np.array([[-1.0, 1.0]]) * (line[-1] - line[0])[::-1] / max(1e-6, math.dist(line[0], line[-1]))
    layers = []
    for side, colour in ((-1, 0.0), (1, 1.0)):
        if rng.random() < 0.2:
            continue
        band = draw_strokes(size, [Stroke(line + side * normal * width, width, 1.0)])
        soft = cv2.GaussianBlur(band, (0, 0), 0.8 * width)
        strength = rng.uniform(0.05, 0.4)
        layers.append(Layer(soft * np.float32(strength), np.full(3, colour, np.float32)))
    return layers


def torn_borders(size: tuple[int, int], rng: np.random.Generator) -> list[Layer]:
    """A missing corner or strip, or a tear from the border inwards; white fibres along it."""
    stretch = np.array(size[::-1], np.float64)
    strokes = [Stroke(_tear(rng) * stretch, 0.0, 1.0) for _ in range(int(rng.choice([1, 1, 2])))]
    gone = draw_strokes(size, strokes)
    background = rng.random(3, np.float32) if rng.random() < 0.08 else light_or_dark(rng, light_share=0.55)
    side = 2 * round(max(0.5, unit_of(size) * log_uniform((0.5, 3.5), rng))) + 1
    brush = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    fibres: FloatArray = cv2.dilate(gone, brush)  # type: ignore[assignment]
    return [Layer(break_up(fibres, rng), light(rng)), Layer(gone, background)]


def _tear(rng: np.random.Generator) -> Points:
    """Return the outline of what is missing, in the unit square, at a random one of its borders."""
    rough, choice = rng.uniform(0.03, 0.15), rng.random()
    if choice < 0.45:
        reach = [log_uniform((0.05, 0.4), rng) for _ in range(2)]
        outline = np.concatenate([jagged((reach[0], -0.01), (-0.01, reach[1]), rough, rng), [[-0.1, -0.1]]])
    elif choice < 0.6:
        ends = [log_uniform((0.01, 0.12), rng) for _ in range(2)]
        edge = jagged((-0.01, ends[0]), (1.01, ends[1]), rough / 5, rng, levels=6)
        outline = np.concatenate([edge, [[1.1, -0.1], [-0.1, -0.1]]])
    else:
        start, width, depth = rng.uniform(0.05, 0.9), log_uniform((0.006, 0.12), rng), log_uniform((0.08, 0.6), rng)
        tip = start + rng.normal(0, 0.4 * depth)
        outline = np.concatenate(
            [jagged((start, -0.01), (tip, depth), rough, rng), jagged((tip, depth), (start + width, -0.01), rough, rng)]
        )
    outline = outline[:, ::-1] if rng.random() < 0.5 else outline
    mirrored = rng.random(2) < 0.5
    return np.where(mirrored, 1 - outline, outline)


def missing_patches(size: tuple[int, int], rng: np.random.Generator) -> list[Layer]:
    """Patches where the picture's layer has come off the paper: ragged, of bare paper."""
    coarse, fine = (smooth_noise(size, int(rng.integers(*cells)), rng) for cells in ((3, 12), (16, 60)))
    noise = 0.7 * coarse + 0.3 * fine
    level = float(np.quantile(noise[::2, ::2], 1 - log_uniform((0.004, 0.08), rng)))
    alpha = np.clip((noise - np.float32(level)) * np.float32(rng.uniform(8, 60)), 0, 1)
    return [Layer(alpha * np.float32(rng.uniform(0.6, 1)), light(rng) if rng.random() < 0.75 else dark(rng))]


def _brown(rng: np.random.Generator) -> FloatArray:
    return np.clip(np.array(BROWN) * rng.uniform(0.5, 1.6) + rng.normal(0, 0.04, 3), 0, 1).astype(np.float32)
