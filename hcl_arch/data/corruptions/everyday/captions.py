"""Captions: lines of text anywhere, subtitles, large words above and below, news boxes."""

from __future__ import annotations

import numpy as np

from hcl_arch.data.corruptions.corruption import FloatArray
from hcl_arch.data.corruptions.everyday.letter_styles import any_colour, contrasting, dressed, grey, letter_colour
from hcl_arch.data.corruptions.everyday.lettering import (
    Face,
    Mask,
    Setting,
    random_face,
    random_setting,
    scripts_of,
    text_mask,
)
from hcl_arch.data.corruptions.everyday.mask_effects import arched, shrunk_to, tilted, turned, waved
from hcl_arch.data.corruptions.everyday.painting import Coat, box_coat, drawn_visibly, paint, paint_centred
from hcl_arch.data.corruptions.everyday.random_texts import pick, some_text
from hcl_arch.data.corruptions.everyday.spoiled import Materials, Spoiled
from hcl_arch.data.corruptions.hole_contents import Truth
from hcl_arch.data.weighted_choice import choose_by_weight

KINDS = {'lines': 0.46, 'subtitle': 0.22, 'above and below': 0.12, 'news': 0.2}
# Height of a capital letter as a share of the image's short side.
LETTERS = (0.035, 0.16)
LEAST_LETTER = 5.0
# Approximate width of a character, in heights of a capital letter.
WIDTH = 0.85


def spoil_captions(truth: Truth, materials: Materials, rng: np.random.Generator) -> Spoiled:
    """Return the truth with a caption of one of the kinds in `KINDS`, and occasionally lines of another text."""
    return drawn_visibly(truth, materials, rng, _draw)


def _draw(image: FloatArray, materials: Materials, rng: np.random.Generator, boldness: float) -> None:
    """Draw one caption, or two or three."""
    kind = choose_by_weight(KINDS, rng)
    if kind == 'lines':
        for _ in range(pick((1, 1, 1, 2, 3), rng)):
            _draw_lines(image, materials, rng)
        return
    {'subtitle': _draw_subtitle, 'above and below': _draw_above_and_below, 'news': _draw_news}[kind](
        image, materials, rng
    )
    if rng.random() < 0.15:
        _draw_lines(image, materials, rng)


def letter_height(image: FloatArray, rng: np.random.Generator, span: tuple[float, float]) -> float:
    """Return a height of a capital letter in pixels; small ones are as frequent as large ones."""
    share = float(np.exp(rng.uniform(*np.log(span))))
    return max(share * min(image.shape[:2]), LEAST_LETTER)


def _lines(face: Face, count: int, width: float, letter: float, rng: np.random.Generator) -> list[str]:
    """Return lines of text of about this width or less."""
    longest = max(2, int(width / (WIDTH * letter)))
    return [some_text(rng, longest=longest, scripts=scripts_of(face)) for _ in range(count)]


def _draw_lines(image: FloatArray, materials: Materials, rng: np.random.Generator) -> None:
    """Draw one to three lines anywhere, sometimes turned, bent or in perspective, sometimes on a box."""
    height, width = image.shape[:2]
    letter, face = letter_height(image, rng, LETTERS), random_face(materials.fonts, rng)
    room = width * rng.uniform(0.3, 1.1)
    mask = text_mask(_lines(face, int(rng.integers(1, 4)), room, letter, rng), face, random_setting(letter, rng))
    if rng.random() < 0.9:
        mask = shrunk_to(mask, 0.98 * width)
    mask = _bent(mask, letter, rng)
    colour = letter_colour(rng)
    # It mostly lies wholly on the image.
    loose = rng.random() < 0.15
    centre = [
        rng.uniform(0, side) if loose or side <= own else rng.uniform(own / 2, side - own / 2)
        for side, own in zip((height, width), mask.shape)
    ]
    if rng.random() < 0.12:
        half = [own / 2 + letter * rng.uniform(0.2, 0.9) for own in mask.shape]
        box_coat(
            image,
            (centre[0] - half[0], centre[0] + half[0]),
            (centre[1] - half[1], centre[1] + half[1]),
            contrasting(colour, rng),
            pick((1.0, rng.uniform(0.3, 0.9)), rng),
        )
    paint_centred(image, dressed(mask, letter, colour, rng), (centre[0], centre[1]))


def _bent(mask: Mask, letter: float, rng: np.random.Generator) -> Mask:
    """Return the text straight, or turned, bent, waved or in perspective."""
    way = rng.random()
    if way < 0.55:
        return mask
    if way < 0.8:
        return turned(mask, float(rng.normal(0, 15) if rng.random() < 0.6 else rng.uniform(-90, 90)))
    if way < 0.88:
        return arched(mask, float(rng.uniform(25, 170)) * pick((1, 1, -1), rng))
    if way < 0.94:
        return waved(mask, letter * rng.uniform(0.15, 0.6), letter * rng.uniform(4, 14), rng.uniform(0, 6))
    return tilted(mask, rng)


def _draw_subtitle(image: FloatArray, materials: Materials, rng: np.random.Generator) -> None:
    """Draw one or two lines at the bottom: white or yellow, outlined, shadowed, or on a dark box."""
    height, width = image.shape[:2]
    letter, face = letter_height(image, rng, (0.03, 0.075)), random_face(materials.fonts, rng)
    lines = _lines(face, int(rng.integers(1, 3)), width * rng.uniform(0.5, 0.95), letter, rng)
    mask = shrunk_to(text_mask(lines, face, Setting(letter, float(rng.uniform(1.4, 1.9)))), 0.96 * width)
    colour = (
        grey(rng.uniform(0.85, 1))
        if rng.random() < 0.65
        else np.array([1, rng.uniform(0.8, 1), rng.uniform(0, 0.5)], np.float32)
    )
    bottom = height * (1 - rng.uniform(0.015, 0.12))
    if rng.random() < 0.06:
        bottom = height * rng.uniform(0.05, 0.2) + mask.shape[0]
    centre = (bottom - mask.shape[0] / 2, width * (0.5 if rng.random() < 0.8 else rng.uniform(0.45, 0.55)))
    style = pick(('outline', 'outline', 'outline', 'shadow', 'soft shadow', 'outline and shadow', 'glow'), rng)
    if rng.random() < 0.45:
        half = (mask.shape[0] / 2 + letter * rng.uniform(0.3, 0.8), mask.shape[1] / 2 + letter * rng.uniform(0.3, 1.5))
        columns = (0.0, float(width)) if rng.random() < 0.5 else (centre[1] - half[1], centre[1] + half[1])
        box_coat(
            image,
            (centre[0] - half[0], centre[0] + half[0]),
            columns,
            grey(rng.uniform(0, 0.15)),
            float(rng.uniform(0.3, 1)),
        )
        style = 'plain'
    paint_centred(image, dressed(mask, letter, colour, rng, style), centre)


def _draw_above_and_below(image: FloatArray, materials: Materials, rng: np.random.Generator) -> None:
    """Draw large capitals at the top, at the bottom or at both."""
    height, width = image.shape[:2]
    letter, face = letter_height(image, rng, (0.07, 0.16)), random_face(materials.fonts, rng)
    colour = grey(1.0) if rng.random() < 0.75 else letter_colour(rng)
    style = pick(('outline', 'outline', 'outline', 'outline and shadow', 'plain', 'shadow', 'double outline'), rng)
    for above in pick(((True, False), (True,), (False,), (True, False)), rng):
        lines = _lines(face, int(rng.integers(1, 3)), 0.95 * width, letter, rng)
        if rng.random() < 0.85:
            lines = [line.upper() for line in lines]
        mask = shrunk_to(text_mask(lines, face, Setting(letter, float(rng.uniform(1.2, 1.6)))), 0.96 * width)
        margin = height * rng.uniform(0.01, 0.05) + mask.shape[0] / 2
        paint_centred(
            image, dressed(mask, letter, colour, rng, style), (margin if above else height - margin, width / 2)
        )


def _draw_news(image: FloatArray, materials: Materials, rng: np.random.Generator) -> None:
    """Draw a box in the lower part with a line of text on it, and sometimes another one with a word beside it."""
    height, width = image.shape[:2]
    letter, face = letter_height(image, rng, (0.03, 0.085)), random_face(materials.fonts, rng)
    high = letter * rng.uniform(1.5, 2.4)
    top = height * (1 - rng.uniform(0.0, 0.25)) - high
    if rng.random() < 0.12:
        top = height * rng.uniform(0, 0.1)
    left, right = (0.0, float(width)) if rng.random() < 0.5 else sorted(width * rng.uniform((0, 0.6), (0.25, 1)))
    opacity = 1.0 if rng.random() < 0.45 else float(rng.uniform(0.35, 0.95))
    colours = [_box_colour(rng) for _ in range(2)]
    if rng.random() < 0.5:
        word = some_text(rng, longest=int(rng.integers(3, 9))).upper()
        left = _boxed_text(image, [word], face, letter, (top, left), None, colours[1], opacity, rng)
    line = _lines(face, 1, (right - left) * rng.uniform(0.6, 1.1), letter, rng)
    _boxed_text(image, line, face, letter, (top, left), right, colours[0], opacity, rng, high)
    if rng.random() < 0.35:
        small = max(LEAST_LETTER, letter * rng.uniform(0.5, 0.9))
        below = _lines(face, 1, (right - left) * rng.uniform(0.4, 1), small, rng)
        _boxed_text(image, below, face, small, (top + high, left), pick((right, None), rng), colours[1], opacity, rng)


def _boxed_text(
    image: FloatArray,
    lines: list[str],
    face: Face,
    letter: float,
    corner: tuple[float, float],
    right: float | None,
    colour: FloatArray,
    opacity: float,
    rng: np.random.Generator,
    high: float = 0.0,
) -> float:
    """Draw text on a box that reaches to `right`, or to the text's end, and return where the box ends."""
    mask = text_mask(lines, face, Setting(letter, align=0.0))
    high, gap = max(high, 1.7 * letter), letter * float(rng.uniform(0.3, 1.0))
    end = corner[1] + mask.shape[1] + 2 * gap if right is None else right
    box_coat(image, (corner[0], corner[0] + high), (corner[1], end), colour, opacity)
    mask = mask[:, : max(1, round(end - corner[1] - gap))]
    ink = contrasting(colour, rng) if rng.random() < 0.9 else letter_colour(rng)
    paint(image, [Coat(mask, ink)], (corner[0] + (high - mask.shape[0]) / 2, corner[1] + gap))
    return end


def _box_colour(rng: np.random.Generator) -> FloatArray:
    """Return a colour for a box: red, blue, dark, white or any."""
    way = rng.random()
    if way < 0.2:
        return np.array([rng.uniform(0.6, 0.95), rng.uniform(0, 0.15), rng.uniform(0, 0.2)], np.float32)
    if way < 0.4:
        return np.array([rng.uniform(0, 0.2), rng.uniform(0.05, 0.4), rng.uniform(0.4, 0.9)], np.float32)
    if way < 0.75:
        return grey(rng.uniform(0, 0.15) if way < 0.6 else rng.uniform(0.85, 1))
    return any_colour(rng)
