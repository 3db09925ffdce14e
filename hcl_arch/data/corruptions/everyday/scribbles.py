"""Scribbles over photographs: pen, marker, crayon, brush and highlighter."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from hcl_arch.data.corruptions.corruption import FloatArray
from hcl_arch.data.corruptions.everyday.draws import log_uniform
from hcl_arch.data.corruptions.everyday.paint_colours import from_hsv, near, paint_colour, spread
from hcl_arch.data.corruptions.everyday.paint_patterns import grain
from hcl_arch.data.corruptions.everyday.spoiled import Materials, Spoiled
from hcl_arch.data.corruptions.everyday.stencils import (
    Points,
    Stencil,
    StencilCanvas,
    StencilPainting,
    chance,
)
from hcl_arch.data.corruptions.everyday.stroke_paths import PATHS, Drawing, length_of
from hcl_arch.data.corruptions.hole_contents import Truth
from hcl_arch.data.weighted_choice import choose_by_weight

TOOLS = {'black pen': 0.28, 'pen': 0.22, 'marker': 0.2, 'brush': 0.12, 'crayon': 0.1, 'highlighter': 0.08}
PATH_WEIGHTS = {
    'wandering': 0.16,
    'straight': 0.08,
    'zigzag': 0.14,
    'loops': 0.08,
    'spiral': 0.03,
    'ring': 0.09,
    'box': 0.04,
    'arrow': 0.07,
    'crossed out': 0.06,
    'hatching': 0.04,
    'wave': 0.04,
    'tick': 0.02,
    'writing': 0.09,
    'doodle': 0.06,
}
# Wanted share of covered pixels; small ones are as frequent as large ones.
SHARE = (0.003, 0.3)
LEAST_PIXELS = 6
# Width of a stroke as a share of the short side, and its minimum in pixels.
WIDTHS = {
    'black pen': (0.003, 0.016),
    'pen': (0.003, 0.016),
    'marker': (0.012, 0.07),
    'brush': (0.02, 0.07),
    'crayon': (0.012, 0.05),
    'highlighter': (0.03, 0.07),
}
# Maximum total length of all strokes, in short sides.
MOST_LENGTH = {'black pen': 16, 'pen': 16, 'marker': 14, 'brush': 12, 'crayon': 12, 'highlighter': 8}
MOST_DRAWINGS = 10
# A recognisable drawing is at least this many times as long as its strokes are wide; else they are made thinner.
LEAST_LENGTH = {
    'wandering': 8,
    'straight': 6,
    'zigzag': 40,
    'loops': 60,
    'spiral': 50,
    'ring': 20,
    'box': 25,
    'arrow': 12,
    'crossed out': 12,
    'hatching': 50,
    'wave': 30,
    'tick': 8,
    'writing': 250,
    'doodle': 70,
}
# From this opacity on, a pen's or marker's paint counts as opaque.
SOLID_OPACITY = 0.85


@dataclass(frozen=True)
class _Tool:
    """A pen or brush.

    Attributes:
        width: of its strokes in pixels.
        colour: RGB in [0, 1], (3,).
        opacity: of its paint, in [0, 1].
        smooth: anti-aliased edges.
        soft: standard deviation in pixels by which edges are blurred; 0 = not.
        clear: whether its ink only absorbs light, like a highlighter's.
        texture: how much of the paint the grain removes, in [0, 1].
        grain: width of the grains in pixels.
        tapering: how much thinner strokes become at their ends, in [0, 1].
        pressure: standard deviation of the width along a stroke, relative.
    """

    width: float
    colour: FloatArray
    opacity: float
    smooth: bool
    soft: float
    clear: bool
    texture: float
    grain: float
    tapering: float
    pressure: float


def spoil_scribbles(truth: Truth, materials: Materials, rng: np.random.Generator) -> Spoiled:
    """Return the image with strokes of a pen, marker, crayon, brush or highlighter over it; a `Spoil`.

    A plain thin black stroke is the most frequent one.
    """
    painting = StencilPainting(truth.image)
    kind = choose_by_weight(TOOLS, rng)
    side, pixels = min(painting.size), painting.size[0] * painting.size[1]
    area = max(log_uniform(SHARE, rng) * pixels, LEAST_PIXELS)
    low, high = (max(1.0, share * side) for share in WIDTHS[kind])
    # A pen that is too thin for the area would never finish.
    low = min(max(low, area / (MOST_LENGTH[kind] * side)), high)
    tool = _tool(kind, log_uniform((low, high), rng), rng)
    one_path = choose_by_weight(PATH_WEIGHTS, rng) if chance(rng, 0.6) else None
    left = min(area, MOST_LENGTH[kind] * side * tool.width)
    for _ in range(MOST_DRAWINGS):
        path = one_path or choose_by_weight(PATH_WEIGHTS, rng)
        width = min(tool.width, max(1.0, math.sqrt(left / LEAST_LENGTH[path])))
        drawing = _laid_out(PATHS[path](rng), left / width, painting.size, rng, upright=path == 'writing')
        left -= _covered(drawing, replace(tool, width=width), painting, rng)
        if left < 0.25 * area:
            break
        if chance(rng, 0.3):
            tool = replace(tool, colour=_colour(kind, rng))
    return painting.finished()


def _tool(kind: str, width: float, rng: np.random.Generator) -> _Tool:
    """Return a tool of a kind in `TOOLS`."""
    pen = kind in ('black pen', 'pen')
    plain = pen and chance(rng, 0.6)
    soft = rng.uniform(0.1, 0.3) * width if kind == 'brush' and chance(rng, 0.5) else 0.0
    if not plain and chance(rng, 0.25):
        soft = max(soft, rng.uniform(0.3, 1.0))
    clear = kind == 'highlighter' and chance(rng, 0.5)
    opacity = {
        'marker': rng.uniform(0.7, 1),
        'crayon': rng.uniform(0.75, 1),
        'brush': rng.uniform(0.7, 1),
        'highlighter': rng.uniform(0.7, 1) if clear else rng.uniform(0.6, 0.8),
    }.get(kind, rng.uniform(0.75, 1))
    if kind != 'highlighter' and chance(rng, 0.5):
        opacity = 1.0
    textured = kind == 'crayon' or (kind in ('brush', 'marker') and chance(rng, 0.3))
    return _Tool(
        width=width,
        colour=_colour(kind, rng),
        opacity=1.0 if plain else opacity,
        smooth=chance(rng, 0.8),
        soft=soft,
        clear=clear,
        texture=rng.uniform(0.2, 1) if textured else 0.0,
        grain=log_uniform((1, 3), rng),
        tapering=rng.uniform(0.3, 1) if not plain and chance(rng, 0.35) else 0.0,
        pressure=rng.uniform(0.05, 0.3) if not plain and chance(rng, 0.4) else 0.0,
    )


def _colour(kind: str, rng: np.random.Generator) -> FloatArray:
    if kind == 'black pen':
        return np.full(3, 0.0 if chance(rng, 0.6) else rng.uniform(0, 0.15), np.float32)
    if kind == 'highlighter':
        return from_hsv(rng.choice([58, 75, 110, 330, 30, 190]) + rng.normal(0, 6), rng.uniform(0.6, 1), 1)
    if kind == 'pen' and chance(rng, 0.4):  # blue, red, green ink
        return from_hsv(
            rng.choice([225, 240, 0, 350, 140]) + rng.normal(0, 8), rng.uniform(0.6, 1), rng.uniform(0.4, 0.9)
        )
    return paint_colour(rng)


def _laid_out(
    drawing: Drawing, length: float, size: tuple[int, int], rng: np.random.Generator, *, upright: bool
) -> Drawing:
    """Return a drawing at a random place, turned, of the given length but hardly larger than the image."""
    points = np.concatenate(drawing)
    low, high = points.min(0), points.max(0)
    # Half of the lines are shorter than asked for; more drawings then follow.
    scale = min(length, length * rng.uniform(0.4, 1.6)) / max(length_of(drawing), 1e-6)
    reach = float((high - low).max())
    scale = min(scale, rng.uniform(0.25, 1.1) * min(size) / max(reach, 1e-6))
    turn = rng.normal(0, 0.15) if upright or chance(rng, 0.4) else rng.uniform(0, 2 * math.pi)
    rotation = np.array([[math.cos(turn), math.sin(turn)], [-math.sin(turn), math.cos(turn)]]) * scale
    half = np.abs((points - (low + high) / 2) @ rotation).max(0)
    far = np.array(size[::-1], np.float64) - 1
    room = 0.05 * far if chance(rng, 0.2) else np.minimum(half, far / 2)
    centre = rng.uniform(room, far - room)
    return [(stroke - (low + high) / 2) @ rotation + centre for stroke in drawing]


def _covered(drawing: Drawing, tool: _Tool, painting: StencilPainting, rng: np.random.Generator) -> float:
    """Put a drawing on and return the pixels that it covers."""
    # Crossing strokes are darker where they cross if each is put on separately.
    parts = [[stroke] for stroke in drawing] if len(drawing) <= 4 and chance(rng, 0.3) else [drawing]
    covered = 0.0
    for part in parts:
        reach = np.concatenate(part)
        canvas = StencilCanvas(painting.size, reach, margin=tool.width + 3 * tool.soft, smooth=tool.smooth)
        for stroke in part:
            _draw(canvas, stroke, tool, rng)
        stencil = canvas.stencil()
        covered += cv2.countNonZero(stencil.mask)
        stencil = Stencil(stencil.corner, _worn(stencil.mask, tool, rng))
        if tool.clear:
            painting.tint(stencil, tool.colour, opacity=tool.opacity)
        else:
            painting.lay(
                stencil, _paint(stencil.size, tool, rng), opacity=tool.opacity, solid=tool.opacity >= SOLID_OPACITY
            )
    return covered


def _draw(canvas: StencilCanvas, stroke: Points, tool: _Tool, rng: np.random.Generator) -> None:
    """Draw a stroke, of varying width if the tool asks for it."""
    if not tool.tapering and not tool.pressure:
        canvas.stroke(stroke, tool.width)
        return
    if len(stroke) < 24:  # the width follows the points, and straight lines have few
        at, wanted = np.arange(len(stroke)), np.linspace(0, len(stroke) - 1, 24 * (len(stroke) - 1) + 1)
        stroke = np.stack([np.interp(wanted, at, stroke[:, axis]) for axis in (0, 1)], 1)
    along = np.linspace(0, 1, len(stroke))
    ends = 1 - tool.tapering * np.abs(2 * along - 1) ** rng.uniform(1, 4)
    knots = rng.normal(0, tool.pressure, 8)
    widths = tool.width * ends * np.exp(np.interp(along, np.linspace(0, 1, 8), knots))
    canvas.stroke_varying(stroke, np.maximum(widths, 0.4))


def _worn(mask: NDArray[np.uint8], tool: _Tool, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return the mask with soft edges and the paper's grain."""
    if tool.soft:
        mask = cv2.GaussianBlur(mask, (0, 0), tool.soft)  # type: ignore[assignment]
    if tool.texture:
        size = (mask.shape[0], mask.shape[1])
        # Paper has fine and coarse grain; the hand presses harder here than there.
        rough = grain(size, rng) + grain(size, rng, coarse=tool.grain) + 0.7 * grain(size, rng, coarse=8 * tool.grain)
        bare = np.clip(0.8 * rough - 1.6 + 1.8 * tool.texture, 0, 1)
        mask = cv2.multiply(mask, 1 - 0.9 * bare, dtype=cv2.CV_8U)  # type: ignore[assignment]
    return mask


def _paint(size: tuple[int, int], tool: _Tool, rng: np.random.Generator) -> FloatArray:
    """Return the tool's colour, with slight streaks where it is textured."""
    if not tool.texture:
        return tool.colour
    plane = spread(near(tool.colour, rng, by=0.05), size)
    streaks = cv2.merge([grain(size, rng, coarse=tool.grain)] * 3)
    return np.clip(cv2.scaleAdd(streaks, 0.04, plane), 0, 1)
