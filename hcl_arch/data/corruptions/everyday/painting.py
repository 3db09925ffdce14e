"""Coats of paint that are laid on a photograph one by one, each only within its box."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Callable, Literal, NamedTuple

import cv2
import numpy as np

from hcl_arch.data.corruptions.corruption import FloatArray
from hcl_arch.data.corruptions.everyday.lettering import Mask
from hcl_arch.data.corruptions.everyday.spoiled import Materials, Spoiled, is_seen, with_change
from hcl_arch.data.corruptions.hole_contents import Truth

Blend = Literal['normal', 'add', 'subtract', 'multiply', 'screen']

# A drawing that changes less of the image than this, or that is hardly seen, is drawn again, more boldly.
LEAST_SHARE = 0.001
TRIES = 4


class Coat(NamedTuple):
    """One coat of paint.

    Attributes:
        mask: (h, w) uint8, 255 = full.
        colour: RGB in [0, 1], (3,), or (h, w, 3) float32.
        opacity: in [0, 1], multiplies the mask.
        blend: how colour c and weight w change a value b: w c + (1 - w) b; b + w c; b - w c; b (1 - w (1 - c));
            b + w c (1 - b).
    """

    mask: Mask
    colour: FloatArray
    opacity: float = 1.0
    blend: Blend = 'normal'


# Draws over an image in place. The number is the boldness: 1 in the first try, larger after that.
Draw = Callable[[FloatArray, Materials, np.random.Generator, float], None]


def paint(image: FloatArray, coats: Iterable[Coat], corner: tuple[float, float]) -> None:
    """Lay coats of the same size over an image, in place; what lies outside is cut off.

    Args:
        image: (H, W, 3) float32, RGB in [0, 1].
        coats: the lowest first.
        corner: row and column of the coats' first pixel, rounded.
    """
    top, left = round(corner[0]), round(corner[1])
    for coat in coats:
        height, width = coat.mask.shape
        rows = slice(max(0, top), max(0, min(image.shape[0], top + height)))
        columns = slice(max(0, left), max(0, min(image.shape[1], left + width)))
        if rows.stop > rows.start and columns.stop > columns.start:
            own = (slice(rows.start - top, rows.stop - top), slice(columns.start - left, columns.stop - left))
            colour = coat.colour if coat.colour.ndim == 1 else coat.colour[own]
            _paint_part(image[rows, columns], coat.mask[own], colour, coat.opacity, coat.blend)


def paint_centred(image: FloatArray, coats: list[Coat], centre: tuple[float, float]) -> None:
    """Lay coats of the same size over an image, in place, around a point: row and column."""
    if coats:
        height, width = coats[0].mask.shape
        paint(image, coats, (centre[0] - height / 2, centre[1] - width / 2))


def box_coat(
    image: FloatArray, rows: tuple[float, float], columns: tuple[float, float], colour: FloatArray, opacity: float
) -> None:
    """Fill a box of an image in place; its ends are in pixels and rounded."""
    (top, bottom), (left, right) = (map(round, rows), map(round, columns))
    mask = np.full((max(0, bottom - top), max(0, right - left)), 255, np.uint8)
    paint(image, [Coat(mask, colour, opacity)], (top, left))


def drawn_visibly(truth: Truth, materials: Materials, rng: np.random.Generator, draw: Draw) -> Spoiled:
    """Return a truth with a drawing over it; a hardly visible drawing is drawn again, up to three times."""
    for attempt in range(TRIES):
        image = truth.image.copy()
        draw(image, materials, rng, 1 + 0.8 * attempt)
        spoiled = with_change(truth.image, np.clip(image, 0, 1, out=image))
        changed = cv2.countNonZero(spoiled.corrupted.view(np.uint8))
        if changed > LEAST_SHARE * spoiled.corrupted.size and is_seen(truth.image, image, spoiled.corrupted):
            break
    return spoiled


def _paint_part(part: FloatArray, mask: Mask, colour: FloatArray, opacity: float, blend: Blend) -> None:
    """Lay one coat over a part of an image of its size, in place: b becomes b (1 - cover) + gain."""
    weight = np.multiply(mask, np.float32(opacity / 255), dtype=np.float32)
    own = _times(weight, colour)
    if blend == 'normal':
        cover: FloatArray = cv2.merge([weight, weight, weight])  # type: ignore[assignment]
    elif blend == 'multiply':
        cover, own = _times(weight, 1 - colour), np.zeros_like(own)
    else:
        cover = own
    if blend != 'add' and blend != 'subtract':
        part -= cv2.multiply(part, cover)
    part += -own if blend == 'subtract' else own
    np.clip(part, 0, 1, out=part)


def _times(weight: FloatArray, colour: FloatArray) -> FloatArray:
    """Return weight (h, w) times a colour, (3,) or (h, w, 3), as (h, w, 3)."""
    if colour.ndim == 1:
        return cv2.merge([weight * np.float32(channel) for channel in colour])  # type: ignore[return-value]
    return cv2.multiply(cv2.merge([weight, weight, weight]), colour)  # type: ignore[return-value]
