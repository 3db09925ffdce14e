"""One large watermark."""

from __future__ import annotations

import cv2
import numpy as np

from hcl_arch.data.corruptions.corruption import FloatArray
from hcl_arch.data.corruptions.everyday.marks import mark_coats, mark_mask, mark_opacity
from hcl_arch.data.corruptions.everyday.mask_effects import padded, shrunk_to, turned
from hcl_arch.data.corruptions.everyday.painting import Coat, drawn_visibly, paint_centred
from hcl_arch.data.corruptions.everyday.random_texts import pick
from hcl_arch.data.corruptions.everyday.spoiled import Materials, Spoiled
from hcl_arch.data.corruptions.hole_contents import Truth
from hcl_arch.data.corruptions.placement import OverlayPictures

# Width as a share of the image's width.
WIDTH = (0.25, 1.0)
OPACITY = (0.08, 0.6)
# Share of marks that are pictures, if there are any, and share of pictures that keep their own colours.
PICTURE_SHARE = 0.35
COLOURED_SHARE = 0.6


def spoil_single_mark(truth: Truth, materials: Materials, rng: np.random.Generator) -> Spoiled:
    """Return the truth with one large translucent mark over its middle or anywhere."""
    return drawn_visibly(truth, materials, rng, _draw)


def _draw(image: FloatArray, materials: Materials, rng: np.random.Generator, boldness: float) -> None:
    """Draw one mark, rarely two."""
    for _ in range(1 if rng.random() < 0.93 else 2):
        _draw_one(image, materials, rng, boldness)


def _draw_one(image: FloatArray, materials: Materials, rng: np.random.Generator, boldness: float) -> None:
    """Draw one mark, level, leaning or along a diagonal."""
    height, width = image.shape[:2]
    # Large ones are somewhat more frequent than small ones.
    wide = width * float(WIDTH[0] + (WIDTH[1] - WIDTH[0]) * rng.beta(1.5, 1.2))
    opacity = mark_opacity(OPACITY, boldness, rng)
    angle = _angle(height, width, rng)
    if materials.pictures is not None and rng.random() < PICTURE_SHARE:
        coats = _picture_coats(materials.pictures, wide, 0.95 * height, opacity, rng)
    else:
        mask = shrunk_to(turned(mark_mask(wide, materials, rng), angle), 1.2 * width, 1.1 * height)
        stroke = float(np.clip(max(mask.shape) * rng.uniform(0.004, 0.02), 0.6, 4))
        coats = mark_coats(padded(mask, int(2 * stroke) + 2), stroke, opacity, rng)
    paint_centred(image, coats, _centre(height, width, coats[0].mask.shape, rng))


def _angle(height: int, width: int, rng: np.random.Generator) -> float:
    """Return degrees counter-clockwise: 0 mostly, a diagonal's, or any."""
    way = rng.random()
    if way < 0.55:
        return 0.0
    if way < 0.75:
        return float(np.degrees(np.arctan2(height, width))) * pick((1, 1, -1), rng) + float(rng.normal(0, 4))
    return float(rng.normal(0, 12) if way < 0.9 else rng.uniform(-90, 90))


def _centre(height: int, width: int, own: tuple[int, ...], rng: np.random.Generator) -> tuple[float, float]:
    """Return row and column of the mark's middle: that of the image, or anywhere, wholly on it or not."""
    way = rng.random()
    if way < 0.45:
        return height * float(rng.uniform(0.45, 0.55)), width * float(rng.uniform(0.47, 0.53))
    ends = [(min(part, side) / 2, side - min(part, side) / 2) for part, side in zip(own, (height, width))]
    if way < 0.85:
        return float(rng.uniform(*ends[0])), float(rng.uniform(*ends[1]))
    return height * float(rng.random()), width * float(rng.random())


def _picture_coats(
    pictures: OverlayPictures, width: float, most_height: float, opacity: float, rng: np.random.Generator
) -> list[Coat]:
    """Return a picture of the folder as coats of paint: in its own colours, or painted like any other mark."""
    pixels = pictures.draw(rng)
    factor = min(width / pixels.shape[1], most_height / pixels.shape[0])
    size = (max(1, round(pixels.shape[1] * factor)), max(1, round(pixels.shape[0] * factor)))
    alpha = pixels[..., 3]
    if rng.random() >= COLOURED_SHARE:
        mask = padded(_resized(alpha, size), 4)
        return mark_coats(mask, float(np.clip(width * 0.01, 0.6, 3)), opacity, rng)
    # Colours are multiplied by alpha before shrinking: a transparent pixel has no colour to mix in.
    weight = np.multiply(alpha, np.float32(1 / 255), dtype=np.float32)
    bright = pixels[..., :3] * (weight[..., None] / np.float32(255))
    small = _resized(weight, size)
    colour = _resized(bright, size) / np.maximum(small, np.float32(1e-3))[..., None]
    mask = np.round(np.clip(small, 0, 1) * 255).astype(np.uint8)
    return [Coat(mask, np.clip(colour, 0, 1).astype(np.float32), opacity)]


def _resized(plane: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return a plane in the width and height `size`, smooth."""
    smaller = size[0] < plane.shape[1]
    return cv2.resize(plane, size, interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)
