"""Thin damage on prints: scratches, hairs, film transport lines, cracks."""

from __future__ import annotations

import math

import cv2
import numpy as np

from hcl_arch.data.corruptions.everyday.draws import log_uniform, smooth_noise, unit_of
from hcl_arch.data.corruptions.everyday.print_layers import (
    Layer,
    Points,
    Stroke,
    break_up,
    curled,
    dark,
    draw_strokes,
    jagged,
    light,
    light_or_dark,
)

# Widths in pixels.
SCRATCH_WIDTH = (0.4, 2.5)
HAIR_WIDTH = (0.5, 1.7)
CRACK_WIDTH = (0.4, 2.0)


def scratches(size: tuple[int, int], rng: np.random.Generator) -> list[Layer]:
    """Straight or slightly bent scratches, often in about one direction; light, dark or both."""
    main = rng.uniform(0, math.pi)
    scatter = rng.choice([0.05, 0.3, 3.0])
    layers = []
    for _ in range(1 + int(rng.random() < 0.25)):
        strokes = [_scratch(size, rng.normal(main, scatter), rng) for _ in range(int(log_uniform((1, 25), rng)))]
        alpha = draw_strokes(size, strokes)
        layers.append(Layer(break_up(alpha, rng) if rng.random() < 0.7 else alpha, light_or_dark(rng)))
    return layers


def _scratch(size: tuple[int, int], angle: float, rng: np.random.Generator) -> Stroke:
    length = max(size) * log_uniform((0.06, 1.3), rng)
    along = np.array([math.cos(angle), math.sin(angle)])
    across = np.array([-along[1], along[0]])
    bend = rng.normal(0, 0.06) if rng.random() < 0.7 else 0.0
    times = np.linspace(-0.5, 0.5, 12)[:, None]
    points = rng.uniform(0, size[::-1]) + length * (times * along + bend * (4 * times**2 - 1) * across)
    return Stroke(points, _width(size, SCRATCH_WIDTH, rng), rng.uniform(0.3, 1))


def hairs(size: tuple[int, int], rng: np.random.Generator) -> list[Layer]:
    """Curled hairs and fibres."""
    strokes = []
    for _ in range(int(log_uniform((1, 12), rng))):
        length = min(size) * log_uniform((0.04, 0.7), rng)
        points = curled(rng.uniform(0, size[::-1]), length, rng.uniform(0.5, 7), rng)
        strokes.append(Stroke(points, _width(size, HAIR_WIDTH, rng), rng.uniform(0.4, 1)))
    return [Layer(draw_strokes(size, strokes), light_or_dark(rng, light_share=0.45))]


def film_lines(size: tuple[int, int], rng: np.random.Generator) -> list[Layer]:
    """Lines from top to bottom, rarely from side to side, that hardly drift."""
    lying = rng.random() < 0.12
    height, width = size[::-1] if lying else size
    heights = np.linspace(-1, height, 12)
    strokes = []
    for _ in range(int(log_uniform((1, 13), rng))):
        wander = np.cumsum(rng.normal(0, rng.uniform(0, 0.4), 12))
        points = np.stack([rng.uniform(0, width) + wander, heights], 1)
        if rng.random() < 0.3:
            first = int(rng.integers(9))
            points = points[first : first + int(rng.integers(3, 12))]
        strokes.append(
            Stroke(points[:, ::-1] if lying else points, _width(size, SCRATCH_WIDTH, rng), rng.uniform(0.25, 1))
        )
    alpha = draw_strokes(size, strokes)
    return [Layer(break_up(alpha, rng) if rng.random() < 0.5 else alpha, light_or_dark(rng))]


def cracks(size: tuple[int, int], rng: np.random.Generator) -> list[Layer]:
    """Branching cracks in the picture's layer, mostly as light as the paper."""
    width = _width(size, CRACK_WIDTH, rng)
    strokes: list[Stroke] = []
    for _ in range(int(log_uniform((1, 7), rng))):
        start, angle = rng.uniform(0, size[::-1]), rng.uniform(0, 2 * math.pi)
        trunk = _crack(start, angle, max(size) * log_uniform((0.15, 1.1), rng), rng)
        strokes.append(Stroke(trunk, width, rng.uniform(0.6, 1)))
        for _ in range(int(rng.integers(0, 7))):
            fork = trunk[int(rng.integers(len(trunk)))]
            turn = angle + rng.choice([-1, 1]) * rng.uniform(0.4, 1.5)
            branch = _crack(fork, turn, max(size) * log_uniform((0.03, 0.3), rng), rng)
            strokes.append(Stroke(branch, 0.7 * width, rng.uniform(0.4, 1)))
    return _cracked(size, strokes, rng)


def _crack(start: Points, angle: float, length: float, rng: np.random.Generator) -> Points:
    end = start + length * np.array([math.cos(angle), math.sin(angle)])
    return jagged(list(start), list(end), rng.uniform(0.04, 0.16), rng)


def craquelure(size: tuple[int, int], rng: np.random.Generator) -> list[Layer]:
    """A network of cracks as in old paint, over part or all of the picture."""
    height, width = size
    field = cv2.Subdiv2D((0, 0, width, height))
    for point in rng.uniform(0, (width - 1, height - 1), (int(log_uniform((12, 130), rng)), 2)):
        field.insert((float(point[0]), float(point[1])))
    facets, _ = field.getVoronoiFacetList([])
    line = _width(size, CRACK_WIDTH, rng) * 0.7
    strokes = [
        Stroke(np.clip(facet, -2 * width, 3 * width).astype(np.float64), line, rng.uniform(0.4, 1)) for facet in facets
    ]
    layers = _cracked(size, strokes, rng)
    if rng.random() < 0.7:
        patch = np.clip((smooth_noise(size, int(rng.integers(2, 6)), rng) - 0.45) * 4, 0, 1)
        layers = [Layer(layer.alpha * patch, layer.colour) for layer in layers]
    return layers


def _cracked(size: tuple[int, int], strokes: list[Stroke], rng: np.random.Generator) -> list[Layer]:
    """Return light cracks, sometimes with a shadow beside them, or dark ones."""
    alpha = draw_strokes(size, strokes)
    alpha = break_up(alpha, rng) if rng.random() < 0.6 else alpha
    if rng.random() < 0.3:
        return [Layer(alpha, dark(rng))]
    layers = [Layer(alpha, light(rng))]
    if rng.random() < 0.4:
        shade = np.zeros_like(alpha)
        shade[1:, 1:] = alpha[:-1, :-1] * np.float32(rng.uniform(0.2, 0.6))
        layers.insert(0, Layer(shade, dark(rng)))
    return layers


def _width(size: tuple[int, int], span: tuple[float, float], rng: np.random.Generator) -> float:
    """Return a width; in images larger than the reference image lines may be wider."""
    return log_uniform(span, rng) * max(0.6, min(1.5, unit_of(size)))
