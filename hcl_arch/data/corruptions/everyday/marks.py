"""Content of watermarks, and how they are painted: flat, in outlines, embossed; light, dark or coloured."""

from __future__ import annotations

import cv2
import numpy as np

from hcl_arch.data.corruptions.corruption import FloatArray
from hcl_arch.data.corruptions.everyday.letter_styles import any_colour, filled, grey, thinner
from hcl_arch.data.corruptions.everyday.lettering import Face, Mask, Setting, random_face, scripts_of, text_mask
from hcl_arch.data.corruptions.everyday.logos import logo_mask
from hcl_arch.data.corruptions.everyday.mask_effects import arched, blurred, outlined, padded, shifted, thickened
from hcl_arch.data.corruptions.everyday.painting import Blend, Coat
from hcl_arch.data.corruptions.everyday.random_texts import made_up_word, pick, some_text
from hcl_arch.data.corruptions.everyday.spoiled import Materials
from hcl_arch.data.weighted_choice import choose_by_weight

SHOWN = {'text': 0.46, 'logo': 0.22, 'logo and text': 0.32}
STYLES = {'flat': 0.4, 'outline': 0.17, 'embossed': 0.17, 'flat and outline': 0.1, 'shadow': 0.09, 'soft': 0.07}
BLENDS: dict[str, float] = {'normal': 0.58, 'add': 0.13, 'screen': 0.1, 'multiply': 0.12, 'subtract': 0.07}
FINE_SHARE = 0.2


def mark_mask(
    width: float, materials: Materials, rng: np.random.Generator, *, longest: int = 24, shown: str = ''
) -> Mask:
    """Return a random mark as (h, w) uint8, cropped.

    Args:
        width: about how wide it is, in pixels.
        materials: its fonts are used.
        rng: source of all randomness.
        longest: most characters in a line.
        shown: a name in `SHOWN`; empty: a random one.
    """
    width = max(width, 8.0)
    shown = shown or choose_by_weight(SHOWN, rng)
    face = random_face(materials.fonts, rng)
    if shown == 'text':
        return _fine_at_times(_text(width, face, rng, longest, pick((1, 1, 1, 2, 3), rng)), rng)
    share = 1.0 if shown == 'logo' else float(rng.uniform(0.2, 0.6))
    letters = made_up_word(rng).upper()[: int(rng.integers(1, 3))]
    logo = logo_mask(width * share, rng, lambda height: text_mask([letters], face, Setting(height)))
    if shown == 'logo':
        return _fine_at_times(logo, rng)
    beside = rng.random() < 0.5
    text = _text(width * (1 - share if beside else rng.uniform(0.7, 1)), face, rng, longest, pick((1, 1, 2), rng))
    return _fine_at_times(_joined(logo, text, max(2, round(width * rng.uniform(0.02, 0.06))), beside), rng)


def mark_colour(rng: np.random.Generator) -> FloatArray:
    """Return a colour of a mark: often white, else black, grey or any."""
    way = rng.random()
    if way < 0.45:
        return grey(rng.uniform(0.9, 1))
    if way < 0.6:
        return grey(rng.uniform(0, 0.1))
    if way < 0.7:
        return grey(rng.uniform(0.3, 0.8))
    return any_colour(rng)


def mark_opacity(span: tuple[float, float], boldness: float, rng: np.random.Generator) -> float:
    """Return an opacity in a range, more often low than high; `boldness` multiplies it."""
    return min(1.0, boldness * float(span[0] + (span[1] - span[0]) * rng.beta(1.3, 1.6)))


def mark_coats(mask: Mask, stroke: float, opacity: float, rng: np.random.Generator) -> list[Coat]:
    """Return the coats of paint for a mark, of the size of the mask.

    Args:
        mask: the mark, with an empty border of a few pixels where there is room for one.
        stroke: about the width of its outlines in pixels.
        opacity: of its main coat.
        rng: source of all randomness.
    """
    style, colour = choose_by_weight(STYLES, rng), mark_colour(rng)
    blend: Blend = choose_by_weight(BLENDS, rng)  # type: ignore[assignment]
    # White changes nothing when multiplied, nor does black in the other blend modes.
    bright = float(colour.mean())
    if (blend == 'multiply' and bright > 0.6) or (blend in ('add', 'screen', 'subtract') and bright < 0.3):
        colour = 1 - colour
    if style == 'embossed':
        return _embossed(mask, stroke, opacity, rng)
    if style == 'outline':
        return [Coat(outlined(mask, stroke), colour, min(1.0, 1.3 * opacity), blend)]
    if style == 'soft':
        return [Coat(blurred(mask, stroke), colour, opacity, blend)]
    main = Coat(mask, filled(mask.shape, colour, rng), opacity, blend)
    other = grey(0.0 if colour.mean() > 0.45 else 1.0)
    if style == 'flat and outline':
        return [Coat(outlined(mask, stroke), other, opacity * float(rng.uniform(0.4, 1))), main]
    if style == 'shadow':
        fallen = cv2.subtract(shifted(mask, stroke, stroke * rng.uniform(0.3, 1)), mask)
        return [Coat(fallen, other, opacity * float(rng.uniform(0.4, 1))), main]  # type: ignore[arg-type]
    return [main]


def _embossed(mask: Mask, stroke: float, opacity: float, rng: np.random.Generator) -> list[Coat]:
    """Return a light coat on the side of the light, a dark one on the other, and sometimes a faint one between."""
    depth, angle = max(0.6, 0.8 * stroke), rng.uniform(0, 2 * np.pi)
    soft = blurred(mask, depth * rng.uniform(0.2, 0.7))
    near, far = (shifted(soft, sign * depth * np.cos(angle), sign * depth * np.sin(angle)) for sign in (-0.5, 0.5))
    strong = min(1.0, 1.5 * opacity)
    coats = [Coat(cv2.subtract(near, far), grey(1.0), strong), Coat(cv2.subtract(far, near), grey(0.0), strong)]  # type: ignore[arg-type]
    if rng.random() < 0.4:
        coats.append(Coat(mask, mark_colour(rng), 0.4 * opacity))
    return coats


def _text(width: float, face: Face, rng: np.random.Generator, longest: int, count: int) -> Mask:
    """Return lines of text of a given width in pixels; the longest line sets the height of the letters."""
    lines = [some_text(rng, longest=int(rng.integers(3, longest + 1)), scripts=scripts_of(face)) for _ in range(count)]
    # Rendered at about its size, then brought to it.
    letter = float(np.clip(width / (0.9 * max(2, *map(len, lines))), 5, 160))
    spacing = float(rng.uniform(0.1, 0.8)) if rng.random() < 0.15 else 0.0
    slant = float(rng.uniform(0.1, 0.35)) if rng.random() < 0.12 else 0.0
    mask = text_mask(lines, face, Setting(letter, float(rng.uniform(1.3, 1.9)), spacing, 0.5, slant))
    factor = width / mask.shape[1]
    if factor < 0.95 or factor > 1.6:
        wanted = (max(1, round(width)), max(1, round(mask.shape[0] * min(factor, 3))))
        way = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
        mask = cv2.resize(mask, wanted, interpolation=way)  # type: ignore[assignment]
    return arched(mask, float(rng.uniform(30, 160))) if count == 1 and rng.random() < 0.06 else mask


def _joined(first: Mask, second: Mask, gap: int, beside: bool) -> Mask:
    """Return two pictures side by side, or one above the other, each in the middle of the other's side."""
    if not beside:
        return _joined(first.T, second.T, gap, True).T.copy()
    height = max(first.shape[0], second.shape[0])
    canvas = np.zeros((height, first.shape[1] + gap + second.shape[1]), np.uint8)
    for mask, left in ((first, 0), (second, first.shape[1] + gap)):
        top = (height - mask.shape[0]) // 2
        canvas[top : top + mask.shape[0], left : left + mask.shape[1]] = mask
    return canvas


def _fine_at_times(mask: Mask, rng: np.random.Generator) -> Mask:
    """Return the picture with fine strokes, in outlines, or unchanged."""
    way = rng.random()
    if way < FINE_SHARE / 2:
        return thinner(mask, rng)
    if way < FINE_SHARE:
        line = float(rng.uniform(0.5, 1.5))
        return outlined(padded(mask, 2), line)
    return thickened(mask, float(rng.uniform(0.2, 1))) if way > 0.92 else mask
