"""How letters are painted: plain, with an outline, a shadow or a glow, hollow, in one colour or several."""

from __future__ import annotations

import cv2
import numpy as np

from hcl_arch.data.corruptions.corruption import FloatArray
from hcl_arch.data.corruptions.everyday.lettering import Mask
from hcl_arch.data.corruptions.everyday.mask_effects import blurred, outlined, padded, shifted, thickened, thinned
from hcl_arch.data.corruptions.everyday.painting import Coat
from hcl_arch.data.weighted_choice import choose_by_weight

# Weights of the styles.
STYLES = {
    'plain': 0.34,
    'outline': 0.2,
    'shadow': 0.16,
    'soft shadow': 0.08,
    'outline and shadow': 0.08,
    'glow': 0.06,
    'hollow': 0.05,
    'double outline': 0.03,
}
GRADIENT_SHARE = 0.15
TRANSLUCENT_SHARE = 0.25


def grey(value: float) -> FloatArray:
    """Return a grey, (3,)."""
    return np.full(3, value, np.float32)


def any_colour(rng: np.random.Generator) -> FloatArray:
    """Return a colour of any hue; how vivid and light it is varies."""
    hsv = np.array([[[rng.uniform(0, 360), rng.uniform(0.15, 1), rng.uniform(0.3, 1)]]], np.float32)
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)[0, 0]


def letter_colour(rng: np.random.Generator) -> FloatArray:
    """Return a typical colour of captions: often white, black, yellow or red."""
    way = rng.random()
    if way < 0.38:
        return grey(rng.uniform(0.88, 1))
    if way < 0.52:
        return grey(rng.uniform(0, 0.12))
    if way < 0.58:
        return grey(rng.uniform(0.2, 0.8))
    if way < 0.66:
        return np.array([1, rng.uniform(0.8, 1), rng.uniform(0, 0.4)], np.float32)
    if way < 0.71:
        return np.array([rng.uniform(0.75, 1), rng.uniform(0, 0.15), rng.uniform(0, 0.15)], np.float32)
    return any_colour(rng)


def contrasting(colour: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Return a colour for an outline or a shadow: dark for light letters, light for dark ones, or any."""
    if rng.random() < 0.2:
        return any_colour(rng)
    light = float(colour @ (0.3, 0.6, 0.1)) > 0.45
    return grey(rng.uniform(0, 0.15) if light else rng.uniform(0.85, 1))


def dressed(mask: Mask, letter: float, colour: FloatArray, rng: np.random.Generator, style: str = '') -> list[Coat]:
    """Return the coats of paint for a text.

    Args:
        mask: the text.
        letter: height of a capital letter in pixels.
        colour: of the letters.
        rng: source of all randomness.
        style: a name in `STYLES`; empty: a random one.
    """
    style = style or choose_by_weight(STYLES, rng)
    stroke = max(letter * float(rng.uniform(0.03, 0.13)), 0.6)
    reach = 1 if style == 'plain' else int(max(letter * 0.5, 3)) + 1
    mask = padded(mask, reach)
    if rng.random() < 0.15:
        mask = thickened(mask, min(letter * rng.uniform(0.01, 0.06), 3))
    behind = contrasting(colour, rng)
    coats = []
    if 'shadow' in style:
        coats.append(_shadow(mask, letter, behind, rng, soft=style == 'soft shadow'))
    if style == 'glow':
        coats += _glow(mask, letter, behind if rng.random() < 0.6 else any_colour(rng), rng)
    if style == 'double outline':
        coats.append(Coat(thickened(mask, min(2.2 * stroke, reach - 1)), any_colour(rng)))
    if 'outline' in style:
        coats.append(Coat(thickened(mask, min(stroke, reach - 1)), behind))
    fill = outlined(mask, max(0.6 * stroke, 0.8)) if style == 'hollow' else mask
    opacity = float(rng.uniform(0.35, 1)) if rng.random() < TRANSLUCENT_SHARE else 1.0
    coats.append(Coat(fill, filled(mask.shape, colour, rng), opacity))
    return coats


def filled(size: tuple[int, ...], colour: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Return the colour, or occasionally a gradient from it to another, (h, w, 3), smooth or in two halves."""
    if rng.random() >= GRADIENT_SHARE or min(size) < 4:
        return colour
    other = any_colour(rng)
    height, width = size
    if rng.random() < 0.6:
        way = np.repeat(np.linspace(0, 1, height, dtype=np.float32)[:, None], width, 1)
    else:
        way = np.repeat(np.linspace(0, 1, width, dtype=np.float32)[None], height, 0)
    if rng.random() < 0.25:
        way = (way > 0.5).astype(np.float32)
    steps = [way * (end - start) + start for start, end in zip(colour, other)]
    return cv2.merge(steps)


def _shadow(mask: Mask, letter: float, colour: FloatArray, rng: np.random.Generator, *, soft: bool) -> Coat:
    """Return a shadow that falls to one side, mostly to the lower right."""
    length = float(np.clip(letter * rng.uniform(0.04, 0.2), 0.7, 12))
    angle = rng.normal(0.8, 0.3) if rng.random() < 0.8 else rng.uniform(0, 2 * np.pi)
    fallen = shifted(mask, length * np.cos(angle), length * np.sin(angle))
    sigma = letter * rng.uniform(0.04, 0.16) if soft else letter * rng.uniform(0, 0.03)
    return Coat(blurred(fallen, sigma), colour, float(rng.uniform(0.4, 1)))


def _glow(mask: Mask, letter: float, colour: FloatArray, rng: np.random.Generator) -> list[Coat]:
    """Return light, or dark, around letters."""
    halo = blurred(thickened(mask, min(letter * 0.06, 4)), float(np.clip(letter * rng.uniform(0.08, 0.2), 0.8, 8)))
    return [Coat(cv2.convertScaleAbs(halo, alpha=float(rng.uniform(1, 1.8))), colour)]  # type: ignore[arg-type]


def thinner(mask: Mask, rng: np.random.Generator) -> Mask:
    """Return the picture with finer strokes, unless that would leave little of it."""
    fine = thinned(mask, float(rng.uniform(0.3, 0.9)))
    return fine if cv2.countNonZero(fine) > 0.3 * cv2.countNonZero(mask) else mask
