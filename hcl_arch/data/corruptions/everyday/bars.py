"""Bars and boxes over photographs: redaction bars, rectangles, lines, frames and other plain forms."""

from __future__ import annotations

import math
from typing import Callable

import numpy as np

from hcl_arch.data.corruptions.corruption import FloatArray
from hcl_arch.data.corruptions.everyday import outlines
from hcl_arch.data.corruptions.everyday.draws import log_uniform
from hcl_arch.data.corruptions.everyday.outlines import put_at_random, sized
from hcl_arch.data.corruptions.everyday.paint_colours import contrasting, paint_colour, spread
from hcl_arch.data.corruptions.everyday.paint_patterns import noisy, pattern
from hcl_arch.data.corruptions.everyday.spoiled import Materials, Spoiled
from hcl_arch.data.corruptions.everyday.stencils import (
    Points,
    Stencil,
    StencilCanvas,
    StencilPainting,
    chance,
)
from hcl_arch.data.corruptions.hole_contents import Truth
from hcl_arch.data.weighted_choice import choose_by_weight

# What is put on, relative frequencies.
LAYOUTS = {'boxes': 0.34, 'forms': 0.2, 'lines': 0.18, 'frame': 0.12, 'text bars': 0.1, 'edge': 0.06}
# Wanted share of covered pixels; small ones are as frequent as large ones.
SHARE = (0.003, 0.3)
# At least this many pixels are covered, however small the image is.
LEAST_PIXELS = 6
# Width of a thin line in pixels.
LINE_WIDTH = (1.0, 6.0)

# One thing to fill: its contours (the second one is a hole), or a line and its width.
Form = tuple[list[Points], float]


def spoil_bars(truth: Truth, materials: Materials, rng: np.random.Generator) -> Spoiled:
    """Return the image with opaque bars, boxes, lines or frames over it; a `Spoil`.

    They are plain or have a pattern, noise, an outline; one sample in six is not quite opaque (0.85 at least).
    """
    painting = StencilPainting(truth.image)
    pixels = painting.image.shape[0] * painting.image.shape[1]
    area = max(log_uniform(SHARE, rng) * pixels, LEAST_PIXELS)
    forms = _LAYOUTS[choose_by_weight(LAYOUTS, rng)](painting.size, area, rng)
    smooth = chance(rng, 0.7)
    opacity = float(rng.uniform(0.85, 1)) if chance(rng, 0.17) else 1.0
    alike = chance(rng, 0.7)
    first = _Look(painting, rng, smooth=smooth, opacity=opacity)
    for form in forms:
        look = first if alike else _Look(painting, rng, smooth=smooth, opacity=opacity)
        look.put(form)
    return painting.finished()


class _Look:
    """Colours and edges that forms share.

    Args:
        painting: what they are put on.
        rng: source of all randomness.
        smooth: anti-aliased edges.
        opacity: of the paint, in [0, 1].
    """

    def __init__(self, painting: StencilPainting, rng: np.random.Generator, *, smooth: bool, opacity: float) -> None:
        self._painting = painting
        self._rng = rng
        self._smooth = smooth
        self._opacity = opacity
        self._side = min(painting.size)
        self._colour = paint_colour(rng)
        self._patterned = chance(rng, 0.22)
        self._noise = float(log_uniform((0.01, 0.15), rng)) if chance(rng, 0.15) else 0.0
        self._rim = max(1.0, log_uniform((0.005, 0.03), rng) * self._side) if chance(rng, 0.2) else 0.0
        self._rim_colour = contrasting(self._colour, rng)

    def put(self, form: Form) -> None:
        """Put a form on."""
        contours, width = form
        canvas = self._canvas(contours, width)
        if width:
            canvas.stroke(contours[0], width)
        else:
            canvas.fill(*contours)
        stencil = canvas.stencil()
        self._painting.lay(stencil, self._paint(stencil), opacity=self._opacity)
        if self._rim and not width:
            rim = self._canvas(contours, self._rim)
            for contour in contours:
                rim.stroke(contour, self._rim, closed=True)
            self._painting.lay(rim.stencil(), self._rim_colour, opacity=self._opacity)

    def _canvas(self, contours: list[Points], width: float) -> StencilCanvas:
        return StencilCanvas(self._painting.size, contours[0], margin=width / 2, smooth=self._smooth)

    def _paint(self, stencil: Stencil) -> FloatArray:
        size = stencil.size
        plane = pattern(size, self._rng, side=self._side) if self._patterned else self._colour
        if not self._noise:
            return plane
        return noisy(plane if plane.ndim == 3 else spread(plane, size), self._rng, amount=self._noise)


def _parts(area: float, rng: np.random.Generator, *, most: int) -> list[float]:
    """Return the areas of one to `most` things with a given total area; one is the most frequent number."""
    count = min(int(log_uniform((1, most + 1), rng)), max(1, int(area // LEAST_PIXELS)))
    return [float(part) for part in np.maximum(rng.dirichlet(np.full(count, 2.0)) * area, LEAST_PIXELS)]


def _angle(rng: np.random.Generator) -> float:
    """Return an angle in degrees: half of the things are upright."""
    return float(rng.choice([0.0, rng.normal(0, 8), rng.uniform(-90, 90)], p=[0.5, 0.2, 0.3]))


def _boxes(size: tuple[int, int], area: float, rng: np.random.Generator) -> list[Form]:
    """Return rectangles; upright ones often end at whole pixels."""
    angle, snapped = _angle(rng), chance(rng, 0.6)
    one_way = 0.5 if chance(rng, 0.6) else 0.0
    forms: list[Form] = []
    for part in _parts(area, rng, most=8):
        aspect = math.exp(rng.normal(one_way, 0.8))
        radius = rng.uniform(0.05, 0.5) if chance(rng, 0.2) else 0.0
        contour = outlines.rounded_rectangle(aspect, radius) if radius else outlines.rectangle(aspect)
        contour = put_at_random(sized(contour, part, longest=1.1 * max(size), angle=angle), size, rng, cut=0.25)
        # A polygon's border pixels belong to it: with whole pixels it is filled up to the half pixel.
        forms.append(([np.rint(contour) if snapped and angle == 0 and not radius else contour], 0.0))
    return forms


def _forms(size: tuple[int, int], area: float, rng: np.random.Generator) -> list[Form]:
    """Return ellipses, polygons, stars, crosses and blobs, of one sort or mixed."""
    names = ['circle', 'ellipse', 'polygon', 'box', 'cut', 'blob', 'cross', 'star', 'arrow']
    one, mixed = str(rng.choice(names)), chance(rng, 0.4)
    forms: list[Form] = []
    for part in _parts(area, rng, most=8):
        contour = outlines.OUTLINES[str(rng.choice(names)) if mixed else one](rng)
        contour = contour * (math.exp(rng.normal(0, 0.2)), 1)
        turned = sized(contour, part, longest=1.1 * max(size), angle=_angle(rng))
        forms.append(([put_at_random(turned, size, rng, cut=0.25)], 0.0))
    return forms


def _lines(size: tuple[int, int], area: float, rng: np.random.Generator) -> list[Form]:
    """Return thin lines: at random, side by side, or as a grid."""
    width = min(log_uniform(LINE_WIDTH, rng), max(1.0, 0.05 * min(size)))
    long = chance(rng, 0.5)
    length = float(np.hypot(*size)) if long else rng.uniform(0.15, 1) * min(size)
    # At most forty; the area limits the width of a line right across the image, and the length of other lines.
    if long:
        width = min(width, max(1.0, area / (0.8 * length)))
    else:
        length = max(3.0, min(length, area / width))
    count = int(np.clip(round(area / (width * min(length, 0.8 * max(size)))), 1, 40))
    angle, arranged = math.radians(_angle(rng) + 90 * rng.integers(2)), chance(rng, 0.5) and count > 1
    crossed = chance(rng, 0.3)
    offsets = np.linspace(-0.5, 0.5, count) * rng.uniform(0.2, 1) * min(size)
    middle = rng.uniform(0.2, 0.8, 2) * size[::-1]
    forms: list[Form] = []
    for number in range(count):
        if arranged:
            turn = angle + (0.5 * math.pi if crossed and number % 2 else 0)
            place = middle + offsets[number] * np.array([-math.sin(turn), math.cos(turn)])
        else:
            turn, place = angle + rng.normal(0, 0.5) * crossed, rng.uniform(0, 1, 2) * size[::-1]
        reach = 0.5 * length * np.array([math.cos(turn), math.sin(turn)])
        forms.append(([np.stack([place - reach, place + reach])], width))
    return forms


def _frame(size: tuple[int, int], area: float, rng: np.random.Generator) -> list[Form]:
    """Return one to three frames: a shape with a hole of the same shape."""
    name = str(rng.choice(['rectangle', 'rectangle', 'circle', 'ellipse', 'box', 'polygon', 'heart', 'star']))
    forms: list[Form] = []
    for part in _parts(area, rng, most=3):
        # From a form that the frame nearly fills up to one with a frame of little more than a pixel.
        least = 1.1 * math.sqrt(part)
        side = log_uniform((least, max(least, min(0.95 * min(size), part / 5))), rng)
        contour = (
            outlines.rectangle(log_uniform((0.4, 2.5), rng)) if name == 'rectangle' else outlines.OUTLINES[name](rng)
        )
        outer = sized(contour, side**2, longest=1.1 * max(size), angle=_angle(rng))
        own = float(np.prod(np.ptp(outer, 0)))
        inner = max(0.0, 1 - min(part, own) / own) ** 0.5
        # At least about a pixel of frame is left all around.
        inner = min(inner, max(0.0, 1 - 2.5 / float(np.ptp(outer, 0).min())))
        outer = put_at_random(outer, size, rng, cut=0.15)
        middle = (outer.min(0) + outer.max(0)) / 2
        forms.append(([outer, middle + (outer - middle) * inner], 0.0))
    return forms


def _text_bars(size: tuple[int, int], area: float, rng: np.random.Generator) -> list[Form]:
    """Return bars one below the other, like blacked-out lines of text."""
    count = int(rng.integers(2, 8))
    lengths = rng.uniform(0.3, 1, count)
    longest = min(rng.uniform(0.3, 0.9) * size[1], math.sqrt(area) * 3)
    height = max(1.0, area / float(lengths.sum() * longest))
    pitch = height * rng.uniform(1.15, 2.2)
    top, left = (float(rng.uniform(0, max(1.0, room))) for room in (size[0] - pitch * count, size[1] - longest))
    turn = math.radians(_angle(rng) if chance(rng, 0.2) else 0)
    rotation = np.array([[math.cos(turn), math.sin(turn)], [-math.sin(turn), math.cos(turn)]])
    middle = np.array([left + longest / 2, top + pitch * count / 2])
    forms: list[Form] = []
    for number, length in enumerate(lengths * longest):
        box = (outlines.rectangle(1) + 0.5) * (length, height) + (left, top + number * pitch)
        forms.append(([(box - middle) @ rotation + middle], 0.0))
    return forms


def _edge(size: tuple[int, int], area: float, rng: np.random.Generator) -> list[Form]:
    """Return bars along one border or two opposite ones, or a stripe right through the image."""
    along = int(rng.integers(2))  # 0: bars run from left to right
    length, across = float(size[1 - along]), float(size[along])
    thickness = max(1.0, area / length)
    places = {'one': [0.0], 'two': [0.0, 1.0], 'through': [float(rng.uniform(0, 1))]}
    starts = places[str(rng.choice(list(places)))]
    if starts == [0.0] and chance(rng, 0.5):
        starts = [1.0]
    forms: list[Form] = []
    for start in starts:
        high = thickness / len(starts)
        low = start * (across - high) - 0.5
        box = np.array([[-1, low], [length, low], [length, low + high], [-1, low + high]])
        forms.append(([box if along == 0 else box[:, ::-1]], 0.0))
    return forms


_LAYOUTS: dict[str, Callable[[tuple[int, int], float, np.random.Generator], list[Form]]] = {
    'boxes': _boxes,
    'forms': _forms,
    'lines': _lines,
    'frame': _frame,
    'text bars': _text_bars,
    'edge': _edge,
}
