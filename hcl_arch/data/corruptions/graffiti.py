"""Graffiti: drawn pictures, and strokes, letters and signs as from a spray can."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from hcl_arch.data.corruptions.corruption import FloatArray
from hcl_arch.data.corruptions.overlay import Overlay
from hcl_arch.data.corruptions.placement import OverlayPictures, Picture, painted, place, rgba_picture
from hcl_arch.data.weighted_choice import choose_by_weight

Points = NDArray[np.float64]  # (n, 2), x and y

# Spray paint: what is drawn, relative frequencies.
SPRAY_FORMS = {'signature': 0.35, 'scribble': 0.2, 'bubble letters': 0.3, 'sign': 0.15}
# Longest side of a sprayed form as a share of the photograph's short side, at scale 1.
SPRAY_LENGTH = (0.7, 1.2)
# Shapes are rendered at this share of their length, which saves half of the time and does not show at soft edges, but
# with at least this many pixels, which keeps small ones smooth.
RENDERED_SHARE = 0.65
LEAST_RENDERED = 96
# Number of points on the smooth curve per given point.
STEPS = 6

# Catmull-Rom: weights of the point before, the two ends of a span and the point after, at STEPS places of the span.
_SPLINE = (
    0.5
    * np.vander(np.arange(STEPS) / STEPS, 4, increasing=True)
    @ np.array([[0, 2, 0, 0], [-1, 0, 1, 0], [2, -5, 4, -1], [-1, 3, -3, 1]])
)

# 4 a (1 - a): 1 on an edge, and 0 where there is full paint or none.
_EDGE = np.rint(4 * 255 * np.linspace(0, 1, 256) * np.linspace(1, 0, 256)).astype(np.uint8)


def _skeletons(table: dict[str, str]) -> dict[str, list[Points]]:
    """Return the strokes of each form as points."""
    return {
        name: [
            np.array([[int(digit) for digit in point] for point in stroke.split()], np.float64)
            for stroke in strokes.split('|')
        ]
        for name, strokes in table.items()
    }


# Skeletons of letters: points 'xy' on a grid 4 wide and 6 high, y downwards, strokes parted by '|'.
_LETTERS = _skeletons(
    {
        'A': '06 13 20 33 46|13 33',
        'B': '00 06 36 45 44 33 03|00 30 41 42 33',
        'C': '41 30 10 01 05 16 36 45',
        'D': '00 06 26 45 41 20 00',
        'E': '40 00 03 06 46|03 33',
        'F': '40 00 06|03 33',
        'G': '41 30 10 01 05 16 36 45 43 23',
        'H': '00 06|40 46|03 43',
        'I': '20 26',
        'J': '40 45 36 16 05',
        'K': '00 06|40 03 46',
        'L': '00 06 46',
        'M': '06 00 23 40 46',
        'N': '06 00 46 40',
        'O': '20 41 45 26 05 01 20',
        'P': '06 00 30 41 42 33 03',
        'R': '06 00 30 41 42 33 03 23 46',
        'S': '41 30 10 01 02 13 33 44 45 36 16 05',
        'T': '00 40|20 26',
        'U': '00 05 16 36 45 40',
        'V': '00 26 40',
        'W': '00 16 23 36 40',
        'X': '00 46|40 06',
        'Y': '00 23 40|23 26',
        'Z': '00 40 06 46',
        '0': '20 41 45 26 05 01 20|41 05',
        '1': '02 20 26',
        '2': '01 10 30 41 42 06 46',
        '3': '00 40 13 33 44 45 36 16 05',
        '4': '36 30 04 44',
        '5': '40 00 03 33 44 45 36 16 05',
        '7': '00 40 16',
        '8': '13 02 01 10 30 41 42 33 13 04 05 16 36 45 44 33',
    }
)
_SIGNS = _skeletons(
    {
        'arrow': '03 43|22 43 24',
        'crown': '05 01 13 20 33 41 45 05',
        'heart': '26 03 01 10 22 30 41 43 26',
        'star': '06 20 46 02 42 06',
        'cross': '00 46|40 06',
        'ring': '20 41 45 26 05 01 20',
        'face': '20 40 45 26 05 00 20|11 12|31 32|14 25 34',
        'bolt': '30 03 33 06',
        'bars': '00 06|20 26|40 46',
        'spiral': '23 33 32 12 05 36 45 40 10 00',
    }
)


@dataclass(frozen=True)
class PictureGraffiti:
    """Graffiti from pictures with alpha; `draw` is a `DrawLayer`.

    Attributes:
        pictures: where the pictures come from.
        size: least and largest length of a placed picture's longest side, as a share of the photograph's short side, at
            scale 1.
        recoloured_share: share of the layers that get one random vivid colour in place of the picture's own colours.
    """

    pictures: OverlayPictures
    size: tuple[float, float] = (0.6, 1.3)
    recoloured_share: float = 0.5

    def draw(self, size: tuple[int, int], scale: float, rng: np.random.Generator) -> Overlay:
        """Return one picture at a random place, turned and mirrored at random.

        Raises:
            ValueError: the picture has no alpha channel.
        """
        pixels = self.pictures.draw(rng)
        if rng.random() < self.recoloured_share:
            picture = painted([cv2.extractChannel(pixels, 3)], [vivid_colour(rng)])  # type: ignore[list-item]
        else:
            picture = rgba_picture(pixels)
        length = scale * rng.uniform(*self.size) * min(size)
        return place(
            picture,
            size,
            centre=random_centre(size, rng),
            scale=length / max(picture.size),
            angle=rng.uniform(-180, 180),
            mirrored=rng.random() < 0.5,
        )


def draw_spray(size: tuple[int, int], scale: float, rng: np.random.Generator) -> Overlay:
    """Return one sprayed form at a random place: a signature, a scribble, bubble letters or a sign.

    Smooth curves of varying width with grainy edges; sometimes with an outline of a second colour, with paint running
    down, with spatter. A `DrawLayer`; `scale` multiplies length and widths.
    """
    form = choose_by_weight(SPRAY_FORMS, rng)
    strokes, width = _form(form, rng)
    length = scale * rng.uniform(*SPRAY_LENGTH) * min(size) * (0.6 if form == 'sign' else 1.0)
    rendered_length = max(RENDERED_SHARE * length, LEAST_RENDERED)
    # The grain takes as many random numbers as there are pixels. It is drawn last, so a shape redrawn at another scale
    # stays the same.
    centre = random_centre(size, rng)
    picture = _sprayed(strokes, width, rendered_length, form == 'bubble letters', rng)
    return place(picture, size, centre=centre, scale=length / rendered_length)


def random_centre(size: tuple[int, int], rng: np.random.Generator) -> tuple[float, float]:
    """Return x and y of a random place on the image; a drawing there may extend beyond the border.

    If all drawings lay wholly on the image, a network would learn that borders are clean.
    """
    return float(rng.uniform(0, size[1])), float(rng.uniform(0, size[0]))


def vivid_colour(rng: np.random.Generator) -> FloatArray:
    """Return a random spray can colour: mostly saturated, occasionally black, white or silver."""
    if rng.random() < 0.25:
        grey = rng.choice([0.03, 0.97, 0.75])
        return np.full(3, grey, np.float32)
    hsv = np.array([[[rng.uniform(0, 360), rng.uniform(0.75, 1), rng.uniform(0.6, 1)]]], np.float32)
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)[0, 0]


def _form(form: str, rng: np.random.Generator) -> tuple[list[Points], float]:
    """Return the curves of a shape, turned, in a box of longest side 1 around (0, 0), and their stroke width."""
    if form == 'scribble':
        strokes, width = [_scribble(rng)], rng.uniform(0.03, 0.09)
    elif form == 'sign':
        strokes, width = _glyph(_SIGNS[str(rng.choice(list(_SIGNS)))], rng), rng.uniform(0.05, 0.14)
    else:
        bubble = form == 'bubble letters'
        letters = rng.choice(list(_LETTERS), int(rng.integers(2, 5) if bubble else rng.integers(3, 7)))
        advance, slant = (rng.uniform(4.6, 5.6), 0.0) if bubble else (rng.uniform(4.2, 6.0), rng.uniform(-0.1, 0.5))
        strokes = [
            (stroke - (0, 3)) @ [[1, 0], [-slant, 1]] * rng.uniform(0.85, 1.15) + (place * advance, 0)
            for place, letter in enumerate(letters)
            for stroke in _glyph(_LETTERS[str(letter)], rng)
        ]
        width = rng.uniform(0.17, 0.24) if bubble else rng.uniform(0.05, 0.1)
        # Relative to the height of the letters so far, in the end to the length of the word.
        width *= 6 / max(len(letters) * advance, 6)
        if not bubble and rng.random() < 0.4:
            strokes.append(_underline(len(letters) * advance, rng))
    turn = math.radians(rng.normal(0, 12) if form != 'scribble' else rng.uniform(-90, 90))
    turned = [stroke @ [[math.cos(turn), math.sin(turn)], [-math.sin(turn), math.cos(turn)]] for stroke in strokes]
    lowest, highest = (function(np.concatenate(turned), 0) for function in (np.min, np.max))
    return [(stroke - (lowest + highest) / 2) / max(highest - lowest) for stroke in turned], width


def _glyph(skeleton: list[Points], rng: np.random.Generator) -> list[Points]:
    """Return the strokes of a letter or sign as smooth curves, with shaken points."""
    return [_smooth(stroke + rng.normal(0, 0.25, stroke.shape)) for stroke in skeleton]


def _scribble(rng: np.random.Generator) -> Points:
    """Return a looping curve that runs to and fro while it moves on."""
    count = int(rng.integers(6, 16))
    x = np.arange(count) * rng.uniform(0.15, 0.5) + rng.normal(0, 0.3, count)
    y = np.where(np.arange(count) % 2, 1, -1) * rng.uniform(0.3, 1.3, count)
    return _smooth(np.stack([x, y], 1))


def _underline(length: float, rng: np.random.Generator) -> Points:
    """Return a slightly wavy stroke below a word, from right to left and perhaps back."""
    x = np.array([length, length / 2, 0, length * rng.uniform(0, 0.9)])[: int(rng.integers(3, 5))]
    return _smooth(np.stack([x, 4.5 + rng.normal(0, 0.4, len(x)) + 0.6 * (np.arange(len(x)) > 2)], 1))


def _smooth(points: Points) -> Points:
    """Return the Catmull-Rom curve through the points (Catmull and Rom 1974), `STEPS` points for each span."""
    padded = np.concatenate([points[:1], points, points[-1:]])
    spans = np.stack([padded[:-3], padded[1:-2], padded[2:-1], padded[3:]], 1)
    return np.concatenate([(_SPLINE @ spans).reshape(-1, 2), points[-1:]])


def _sprayed(strokes: list[Points], width: float, length: float, bubble: bool, rng: np.random.Generator) -> Picture:
    """Return a picture of the strokes (in a box of longest side 1), scaled so the box is `length` pixels long."""
    brush = width * length
    drips, spatter, outlined = rng.random() < 0.5, rng.random() < 0.5, bubble or rng.random() < 0.25
    # Room for outline and spatter, and at the bottom for drips.
    corner = np.concatenate(strokes).min(0) * length - 1.3 * brush
    far = np.concatenate(strokes).max(0) * length + (1.3 * brush, (3.8 if drips else 1.3) * brush)
    canvas = np.zeros((int(far[1] - corner[1]) + 1, int(far[0] - corner[0]) + 1), np.uint8)
    strokes = [stroke * length - corner for stroke in strokes]
    for stroke in strokes:
        _draw_curve(canvas, stroke, np.clip(np.exp(_wander(len(stroke), rng)), 0.6, 1.5) * brush)
    rim = widened(canvas, brush * rng.uniform(0.2, 0.4)) if outlined else None
    if drips:
        _add_drips(canvas, strokes, brush, rng)
    if spatter:
        _add_spatter(canvas, strokes, brush, rng)
    soft, grain = brush * rng.uniform(0.04, 0.16), rng.uniform(0, 2)
    colours = [vivid_colour(rng), vivid_colour(rng)]
    if rim is None:
        return painted([_grainy(canvas, soft, grain, rng)], colours[:1])
    masks = [
        _grainy(cv2.max(rim, canvas), soft / 2, grain, rng),  # type: ignore[arg-type]
        _grainy(canvas, soft / 2, 0.5 * grain, rng),
    ]
    return painted(masks, colours)


def _wander(count: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return a slow random variation of about +-0.2, one value for each point."""
    knots = rng.normal(0, 0.2, count // 8 + 2)
    return np.interp(np.arange(count) / 8, np.arange(len(knots)), knots)


def _draw_curve(canvas: NDArray[np.uint8], points: Points, brushes: NDArray[np.float64]) -> None:
    """Draw a curve of varying width into the canvas."""
    fixed = np.rint(points * 8).astype(np.int32)
    # Several points share one width, which saves calls; the blur hides the steps.
    for start in range(0, len(points) - 1, 4):
        span = fixed[start : start + 5]
        cv2.polylines(canvas, [span], False, 255, max(1, round(float(brushes[start]))), cv2.LINE_8, 3)


def widened(canvas: NDArray[np.uint8], by: float) -> NDArray[np.uint8]:
    """Return the drawing dilated by some pixels."""
    side = 2 * max(1, round(by)) + 1
    return cv2.dilate(canvas, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)))  # type: ignore[return-value]


def _add_drips(canvas: NDArray[np.uint8], strokes: list[Points], brush: float, rng: np.random.Generator) -> None:
    """Let paint run down from some points of the strokes."""
    points = np.concatenate(strokes)
    for x, y in points[rng.integers(len(points), size=int(rng.integers(1, 7)))]:
        end = y + brush * rng.uniform(0.8, 3.5)
        ends = np.rint(np.array([[x, y], [x, end]]) * 8).astype(np.int32)
        cv2.polylines(canvas, [ends], False, 255, max(1, round(brush * rng.uniform(0.12, 0.3))), cv2.LINE_8, 3)


def _add_spatter(canvas: NDArray[np.uint8], strokes: list[Points], brush: float, rng: np.random.Generator) -> None:
    """Add fine drops around the strokes."""
    points = np.concatenate(strokes)
    chosen = points[rng.integers(len(points), size=int(rng.integers(10, 60)))]
    places = np.rint(8 * (chosen + rng.normal(0, 0.7 * brush, chosen.shape))).astype(int)
    radii = np.rint(8 * np.maximum(0.6, brush * rng.uniform(0.02, 0.08, len(chosen)))).astype(int)
    for place_, radius in zip(places.tolist(), radii.tolist()):
        cv2.circle(canvas, place_, radius, 255, cv2.FILLED, cv2.LINE_8, 3)


def _grainy(canvas: NDArray[np.uint8], soft: float, grain: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return the drawing as alpha: edges softened over `soft` pixels and broken up into grains."""
    # Two box filters of this width have the variance of a Gaussian of `soft`, and are faster.
    width = max(2, round(math.sqrt(6 * soft**2 + 1)))
    blurred = cv2.blur(cv2.blur(canvas, (width, width)), (width, width))
    noise = np.frombuffer(rng.bytes(canvas.size), np.uint8).reshape(canvas.shape)
    grains = cv2.multiply(noise, cv2.LUT(blurred, _EDGE), scale=grain / 255, dtype=cv2.CV_16S)
    # The grains' mean is 0.5 * grain * edge; subtracting it keeps the drawing's weight.
    level = np.rint(np.arange(256) - 0.5 * grain * _EDGE).astype(np.int16)
    return cv2.add(grains, cv2.LUT(blurred, level), dtype=cv2.CV_8U)  # type: ignore[return-value]
