"""Drawn stickers: faces, badges, bubbles, banners, little creatures, in flat colours."""

from __future__ import annotations

import math
from typing import Callable

import numpy as np

from hcl_arch.data.corruptions.corruption import FloatArray
from hcl_arch.data.corruptions.everyday.draws import log_uniform
from hcl_arch.data.corruptions.everyday.outlines import OUTLINES, blob, ellipse, heart, regular, sized, star
from hcl_arch.data.corruptions.everyday.paint_colours import contrasting, from_hsv, near, paint_colour, spread
from hcl_arch.data.corruptions.everyday.paint_patterns import pattern
from hcl_arch.data.corruptions.everyday.stencils import Points, StencilCanvas, StencilPainting, chance
from hcl_arch.data.corruptions.everyday.sticker_cutouts import Cutout, own_canvas
from hcl_arch.data.weighted_choice import choose_by_weight

SUBJECTS = {'plain': 0.2, 'layers': 0.2, 'face': 0.2, 'creature': 0.15, 'badge': 0.1, 'bubble': 0.08, 'target': 0.07}
# Stickers are rarely black or gray.
BASE_COLOURS = {'vivid': 0.55, 'white': 0.15, 'dull': 0.15, 'any': 0.08, 'black': 0.05, 'gray': 0.02}
INK = {'black': 0.8, 'dull': 0.2}

# Something drawn in a colour: a contour to fill, or a line and its width (0 = fill).
Layer = tuple[Points, FloatArray, float]
# The drawing on a sticker, within the box from -1 to 1; `under` is the colour below.
Contents = Callable[[np.random.Generator, FloatArray], list[Layer]]


def drawn_cutout(area: float, longest: float, rng: np.random.Generator, *, side: int) -> Cutout:
    """Return a drawn sticker.

    Args:
        area: in pixels.
        longest: the longest side in pixels.
        rng: source of all randomness.
        side: short side of the photograph in pixels, to which patterns are scaled.
    """
    subject = choose_by_weight(SUBJECTS, rng)
    names = _BASES.get(subject, tuple(OUTLINES))
    contour = OUTLINES[str(rng.choice(names))](rng)
    angle = float(rng.choice([0, rng.normal(0, 15), rng.uniform(-180, 180)], p=[0.35, 0.45, 0.2]))
    smooth, colour = chance(rng, 0.9), paint_colour(rng, BASE_COLOURS)
    layers = _CONTENTS[subject](rng, colour)
    # The box of the upright sticker, in which its contents are placed.
    upright = sized(contour, area, longest=longest)
    half = np.abs(upright).max(0)
    moved, canvas, size = own_canvas(turned(upright, angle), smooth=smooth)
    middle = moved[0] - turned(upright, angle)[0]
    canvas.fill(moved)
    patterned = subject in ('plain', 'layers') and chance(rng, 0.4)
    sheet = StencilPainting(pattern(size, rng, side=side) if patterned else spread(colour, size))
    scale = np.minimum(half, 1.6 * half.min())
    for points, paint, width in layers:
        _draw(sheet, turned(points * scale, angle) + middle, paint, width * float(half.min()), smooth=smooth)
    if chance(rng, 0.4):
        width = max(1.0, log_uniform((0.02, 0.12), rng) * math.sqrt(area))
        _draw(sheet, np.concatenate([moved, moved[:2]]), paint_colour(rng, INK), width, smooth=smooth)
    return Cutout(canvas.stencil().mask, np.clip(sheet.image, 0, 1))


def turned(points: Points, angle: float) -> Points:
    """Return the points turned around (0, 0) by some degrees, clockwise as seen."""
    cosine, sine = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    return points @ np.array([[cosine, sine], [-sine, cosine]])


def _draw(sheet: StencilPainting, points: Points, paint: FloatArray, width: float, *, smooth: bool) -> None:
    canvas = StencilCanvas(sheet.size, points, margin=width / 2, smooth=smooth)
    if width:
        canvas.stroke(points, max(width, 0.7))
    else:
        canvas.fill(points)
    sheet.lay(canvas.stencil(), paint, solid=False)


def _fit(contour: Points, reach: float, x: float = 0.0, y: float = 0.0) -> Points:
    """Return a contour of this extent around (x, y)."""
    low, high = contour.min(0), contour.max(0)
    return (contour - (low + high) / 2) * (2 * reach / float((high - low).max())) + (x, y)


def _plain(rng: np.random.Generator, under: FloatArray) -> list[Layer]:
    """Return a highlight, or nothing."""
    if chance(rng, 0.7):
        return []
    shine = _fit(ellipse(rng.uniform(0.5, 2)), rng.uniform(0.1, 0.3), -0.4, -0.45)
    return [(shine, np.clip(under + 0.4, 0, 1).astype(np.float32), 0.0)]


def _layers(rng: np.random.Generator, under: FloatArray) -> list[Layer]:
    """Return one to four shapes within or across the sticker."""
    layers: list[Layer] = []
    colour = contrasting(under, rng)
    for _ in range(int(rng.integers(1, 5))):
        name = str(rng.choice(list(OUTLINES)))
        contour = turned(OUTLINES[name](rng), rng.choice([0, rng.uniform(0, 360)]))
        x, y = rng.normal(0, 0.35, 2)
        layers.append((_fit(contour, log_uniform((0.12, 0.8), rng), x, y), colour, 0.0))
        colour = paint_colour(rng, BASE_COLOURS) if chance(rng, 0.6) else colour
    return layers


def _eyes(rng: np.random.Generator, *, y: float, apart: float, reach: float) -> list[Layer]:
    """Return two eyes: dots, or white ones with pupils."""
    ink, layers = paint_colour(rng, INK), []
    white, look = chance(rng, 0.5), rng.uniform(-0.4, 0.4, 2) * reach
    shape = ellipse(rng.uniform(0.55, 1.1))
    for x in (-apart, apart):
        if white:
            layers.append((_fit(shape, reach, x, y), np.ones(3, np.float32), 0.0))
            layers.append((_fit(shape, 0.5 * reach, x + look[0], y + look[1]), ink, 0.0))
        else:
            layers.append((_fit(shape, 0.75 * reach, x, y), ink, 0.0))
    return layers


def _mouth(rng: np.random.Generator, *, y: float, wide: float) -> list[Layer]:
    """Return a mouth: a line that laughs or not, or an open one."""
    turn = np.linspace(0, math.pi, 16)
    arc = np.stack(
        [np.cos(turn), np.sin(turn) * rng.choice([rng.uniform(0.2, 0.8), rng.uniform(-0.5, 0)], p=[0.8, 0.2])], 1
    ) * wide + (0, y)
    if chance(rng, 0.35):
        return [(arc, from_hsv(rng.normal(355, 8) % 360, 0.8, rng.uniform(0.3, 0.8)), 0.0)]
    return [(arc, paint_colour(rng, INK), rng.uniform(0.05, 0.14))]


def _face(rng: np.random.Generator, under: FloatArray) -> list[Layer]:
    """Return eyes and a mouth, sometimes red cheeks or glasses."""
    apart, y = rng.uniform(0.22, 0.42), rng.uniform(-0.35, -0.1)
    layers = _eyes(rng, y=y, apart=apart, reach=rng.uniform(0.09, 0.2))
    layers += _mouth(rng, y=rng.uniform(0.1, 0.3), wide=rng.uniform(0.2, 0.5))
    if chance(rng, 0.25):
        layers += [(_fit(ellipse(1.3), 0.12, x, 0.12), np.array([1, 0.5, 0.5], np.float32), 0.0) for x in (-0.55, 0.55)]
    if chance(rng, 0.2):
        layers += [
            (_fit(ellipse(), 0.24, x, y), paint_colour(rng, INK), rng.uniform(0.04, 0.1)) for x in (-apart, apart)
        ]
    return layers


def _creature(rng: np.random.Generator, under: FloatArray) -> list[Layer]:
    """Return the patches, the belly and the face of a little animal or monster."""
    other, layers = near(under, rng, by=0.4), []
    if chance(rng, 0.6):
        layers.append((_fit(ellipse(rng.uniform(0.7, 1.4)), rng.uniform(0.3, 0.55), 0, 0.5), other, 0.0))
    for _ in range(int(rng.integers(0, 5))):
        x, y = rng.uniform(-0.9, 0.9, 2)
        layers.append((_fit(blob(rng), rng.uniform(0.06, 0.25), x, y), other, 0.0))
    return layers + _face(rng, under)


def _badge(rng: np.random.Generator, under: FloatArray) -> list[Layer]:
    """Return a ring, and a sign or lines of writing in it."""
    ink, layers = contrasting(under, rng), []
    if chance(rng, 0.6):
        rim = _fit(ellipse(), rng.uniform(0.65, 0.8))
        layers.append((np.concatenate([rim, rim[:1]]), ink, rng.uniform(0.03, 0.08)))
    if chance(rng, 0.5):
        sign = [star(5, 0.4), heart(), regular(3), OUTLINES['bolt'](rng), OUTLINES['cross'](rng)][rng.integers(5)]
        return [*layers, (_fit(sign, rng.uniform(0.3, 0.55)), ink, 0.0)]
    return layers + _lines(rng, ink)


def _lines(rng: np.random.Generator, ink: FloatArray) -> list[Layer]:
    """Return bars or wavy lines in place of writing."""
    count, wavy = int(rng.integers(1, 5)), chance(rng, 0.4)
    layers: list[Layer] = []
    for y in (np.arange(count) - (count - 1) / 2) * 0.9 / count:
        x = np.linspace(-1, 1, 30) * rng.uniform(0.3, 0.6)
        line = np.stack([x, y + (0.05 * np.sin(40 * x + rng.uniform(0, 6)) if wavy else 0 * x)], 1)
        layers.append((line, ink, rng.uniform(0.04, 0.3 / count)))
    return layers


def _bubble(rng: np.random.Generator, under: FloatArray) -> list[Layer]:
    """Return lines, dots, a heart, or an exclamation mark."""
    ink, what = contrasting(under, rng), int(rng.integers(4))
    if what == 0:
        return _lines(rng, ink)
    if what == 1:
        return [(_fit(ellipse(), 0.12, x, -0.15), ink, 0.0) for x in (-0.4, 0.0, 0.4)]
    if what == 2:
        return [(_fit(heart(), 0.35, 0, -0.15), ink, 0.0)]
    bar = np.array([[-0.1, -0.6], [0.1, -0.6], [0.05, 0], [-0.05, 0]])
    return [(bar, ink, 0.0), (_fit(ellipse(), 0.08, 0, 0.17), ink, 0.0)]


def _target(rng: np.random.Generator, under: FloatArray) -> list[Layer]:
    """Return smaller and smaller copies of one form, as in a target or a rainbow."""
    contour = OUTLINES[str(rng.choice(['circle', 'star', 'heart', 'polygon', 'flower', 'box']))](rng)
    colours = (
        [contrasting(under, rng), under] if chance(rng, 0.5) else [paint_colour(rng, BASE_COLOURS) for _ in range(5)]
    )
    reaches = np.linspace(1, 0, int(rng.integers(3, 7)) + 1)[1:-1]
    x, y = (0.0, 1.0) if chance(rng, 0.2) else (0.0, 0.0)
    return [
        (_fit(contour, float(reach), x, y), colours[number % len(colours)], 0.0) for number, reach in enumerate(reaches)
    ]


_BASES: dict[str, tuple[str, ...]] = {
    'face': ('circle', 'circle', 'circle', 'star', 'heart', 'badge', 'drop', 'flower', 'box', 'moon'),
    'creature': ('blob', 'blob', 'ellipse', 'drop', 'flower'),
    'badge': ('badge', 'circle', 'box', 'ribbon', 'torn', 'star', 'polygon'),
    'bubble': ('bubble',),
    'target': ('circle', 'circle', 'star', 'heart', 'polygon', 'box', 'flower'),
}
_CONTENTS: dict[str, Contents] = {
    'plain': _plain,
    'layers': _layers,
    'face': _face,
    'creature': _creature,
    'badge': _badge,
    'bubble': _bubble,
    'target': _target,
}
