"""Cut-outs: content and outline of a sticker, and how it is stuck onto a photograph."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from hcl_arch.data.corruptions.corruption import FloatArray
from hcl_arch.data.corruptions.everyday.draws import log_uniform
from hcl_arch.data.corruptions.everyday.outlines import OUTLINES, sized
from hcl_arch.data.corruptions.everyday.paint_colours import paint_colour
from hcl_arch.data.corruptions.everyday.stencils import (
    Points,
    Stencil,
    StencilCanvas,
    StencilPainting,
    chance,
)
from hcl_arch.data.corruptions.everyday.stroke_paths import smoothed
from hcl_arch.data.corruptions.placement import place, rgba_picture

PHOTO_OUTLINES = (
    'circle',
    'ellipse',
    'box',
    'box',
    'blob',
    'blob',
    'cut',
    'cut',
    'star',
    'heart',
    'badge',
    'torn',
    'person',
    'polygon',
    'cloud',
)


@dataclass(frozen=True)
class Cutout:
    """A sticker of its final size, turned, with some empty pixels around it.

    Attributes:
        mask: (h, w) uint8, 255 = opaque.
        colour: (h, w, 3) float32, RGB in [0, 1].
    """

    mask: NDArray[np.uint8]
    colour: FloatArray


@dataclass(frozen=True)
class Finish:
    """How a sticker is finished and stuck on.

    Attributes:
        border: width in pixels of a margin around it; 0 = none.
        border_colour: RGB in [0, 1], (3,).
        shadow: opacity of its drop shadow; 0 = none.
        shadow_blur: standard deviation in pixels.
        shadow_offset: in pixels to the right and down.
        gloss: how much a gradient of light brightens it, at most.
        opacity: of the sticker.
    """

    border: float
    border_colour: FloatArray
    shadow: float
    shadow_blur: float
    shadow_offset: tuple[int, int]
    gloss: float
    opacity: float


def random_finish(side: int, rng: np.random.Generator) -> Finish:
    """Return a finish for photographs of this short side."""
    border = max(1.0, rng.uniform(0.005, 0.03) * side) if chance(rng, 0.45) else 0.0
    colour = np.full(3, rng.uniform(0.93, 1), np.float32) if chance(rng, 0.7) else paint_colour(rng)
    shadow = rng.uniform(0.15, 0.65) if chance(rng, 0.4) else 0.0
    blur = log_uniform((0.004, 0.025), rng) * side
    x, y = (int(round(shift)) for shift in rng.normal(0.006, 0.012, 2) * side)
    gloss = rng.uniform(0.1, 0.4) if chance(rng, 0.15) else 0.0
    opacity = float(rng.uniform(0.85, 1)) if chance(rng, 0.1) else 1.0
    return Finish(border, colour, shadow, max(blur, 0.5), (x, y), gloss, opacity)


def stick(
    painting: StencilPainting, cutout: Cutout, finish: Finish, centre: tuple[float, float], rng: np.random.Generator
) -> None:
    """Put a cut-out on, its middle at `centre` (x and y in pixels): first its shadow, then its border, then itself."""
    pad = math.ceil(finish.border) + 1 if finish.border else 0
    mask: Any = cv2.copyMakeBorder(cutout.mask, pad, pad, pad, pad, cv2.BORDER_CONSTANT)
    corner = (round(centre[0] - mask.shape[1] / 2), round(centre[1] - mask.shape[0] / 2))
    whole = _grown(mask, finish.border) if finish.border else mask
    if finish.shadow:
        painting.lay(
            _shadow(Stencil(corner, whole), finish), np.zeros(3, np.float32), opacity=finish.shadow, solid=False
        )
    if finish.border:
        painting.lay(Stencil(corner, whole), finish.border_colour, opacity=finish.opacity)
    colour = _lit(cutout.colour, finish.gloss, rng) if finish.gloss else cutout.colour
    painting.lay(Stencil((corner[0] + pad, corner[1] + pad), cutout.mask), colour, opacity=finish.opacity)


def own_canvas(contour: Points, *, smooth: bool) -> tuple[Points, StencilCanvas, tuple[int, int]]:
    """Return a contour moved onto its own sheet, a canvas for it, and the sheet's height and width."""
    low = contour.min(0) - 2
    size = np.ceil(contour.max(0) - low + 3).astype(int)
    height, width = int(size[1]), int(size[0])
    corners = np.array([[0, 0], [width - 1, height - 1]], np.float64)
    return contour - low, StencilCanvas((height, width), corners, smooth=smooth), (height, width)


def photo_cutout(photo: FloatArray, area: float, longest: float, rng: np.random.Generator) -> Cutout:
    """Return a piece of a photograph, cut out along a random outline.

    Args:
        photo: (h, w, 3) float32, RGB in [0, 1].
        area: in pixels.
        longest: the longest side in pixels.
        rng: source of all randomness.
    """
    name = str(rng.choice(PHOTO_OUTLINES))
    angle = float(rng.choice([0, rng.normal(0, 15), rng.uniform(-180, 180)], p=[0.3, 0.5, 0.2]))
    contour = _person(rng) if name == 'person' else OUTLINES['flower' if name == 'cloud' else name](rng)
    contour, canvas, size = own_canvas(sized(contour, area, longest=longest, angle=angle), smooth=chance(rng, 0.85))
    canvas.fill(contour)
    return Cutout(canvas.stencil().mask, _piece(photo, size, rng))


def polaroid(photo: FloatArray, area: float, longest: float, rng: np.random.Generator) -> Cutout:
    """Return a print with a white border that is wider at the bottom; see `photo_cutout`."""
    aspect, margin, foot = rng.uniform(0.7, 1.4), rng.uniform(0.04, 0.1), rng.uniform(0.05, 0.3)
    inner = np.array([[0, 0], [aspect, 0], [aspect, 1], [0, 1]])
    outer = inner + np.array([[-margin, -margin], [margin, -margin], [margin, foot], [-margin, foot]])
    turned = sized(np.concatenate([outer, inner]), area, longest=longest, angle=rng.normal(0, 15))
    # The combined area of the two is not that of the outer one, but of the same order.
    moved, canvas, size = own_canvas(turned, smooth=True)
    canvas.fill(moved[:4])
    mask = canvas.stencil().mask
    window = StencilCanvas(size, moved[:4], smooth=True)
    window.fill(moved[4:])
    sheet = StencilPainting(np.full((*size, 3), rng.uniform(0.88, 1), np.float32))
    seen = window.stencil()
    sheet.lay(seen, _piece(photo, seen.size, rng))
    return Cutout(mask, np.clip(sheet.image, 0, 1))


def picture_cutout(pixels: NDArray[np.uint8], area: float, longest: float, rng: np.random.Generator) -> Cutout:
    """Return a picture with alpha, (h, w, 4) uint8, as a cut-out; see `photo_cutout`."""
    own = max(1.0, float(cv2.countNonZero(cv2.extractChannel(pixels, 3))))
    scale = min(math.sqrt(area / own), longest / max(pixels.shape[:2]))
    angle = float(rng.choice([0, rng.normal(0, 15), rng.uniform(-180, 180)], p=[0.35, 0.45, 0.2]))
    height, width = (side * scale for side in pixels.shape[:2])
    cosine, sine = abs(math.cos(math.radians(angle))), abs(math.sin(math.radians(angle)))
    size = (math.ceil(height * cosine + width * sine) + 3, math.ceil(width * cosine + height * sine) + 3)
    overlay = place(
        rgba_picture(pixels),
        size,
        centre=((size[1] - 1) / 2, (size[0] - 1) / 2),
        scale=scale,
        angle=angle,
        mirrored=chance(rng, 0.5),
    )
    mask = np.rint(overlay.alpha * 255).astype(np.uint8)
    return Cutout(mask, overlay.colour)


def _person(rng: np.random.Generator) -> Points:
    """Return the outline of a head and shoulders."""
    half = np.array(
        [
            [0, -1],
            [0.25, -0.95],
            [0.38, -0.7],
            [0.35, -0.4],
            [0.18, -0.2],
            [0.25, -0.05],
            [0.65, 0.1],
            [0.8, 0.4],
            [0.85, 1],
        ]
    ) * (rng.uniform(0.8, 1.2), 1)
    sides = [half + rng.normal(0, 0.04, half.shape), (half + rng.normal(0, 0.04, half.shape))[::-1] * (-1, 1)]
    outline = np.concatenate(sides)
    return smoothed(outline) if chance(rng, 0.7) else outline


def _piece(photo: FloatArray, size: tuple[int, int], rng: np.random.Generator) -> FloatArray:
    """Return a part of a photograph as large as `size`: at its own scale, or all of it shrunk, or between."""
    height, width = size
    least = max(height / photo.shape[0], width / photo.shape[1])
    scale = least ** rng.uniform(0, 1) if least < 1 else least
    rows, columns = (min(max(1, round(side / scale)), limit) for side, limit in zip(size, photo.shape))
    top, left = (int(rng.integers(limit - side + 1)) for side, limit in zip((rows, columns), photo.shape))
    part = photo[top : top + rows, left : left + columns]
    if chance(rng, 0.5):
        part = part[:, ::-1]
    piece = cv2.resize(part, (width, height), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    look = rng.random()
    if look < 0.1:  # black and white
        piece = cv2.merge([cv2.cvtColor(piece, cv2.COLOR_RGB2GRAY)] * 3)
    elif look < 0.4:  # another exposure
        piece = cv2.pow(piece, float(rng.uniform(0.6, 1.6)))
    return np.clip(piece, 0, 1)


def _grown(mask: NDArray[np.uint8], by: float) -> NDArray[np.uint8]:
    """Return the mask grown by some pixels, with smooth edges."""
    far = cv2.distanceTransform(cv2.threshold(mask, 127, 255, cv2.THRESH_BINARY_INV)[1], cv2.DIST_L2, 3)
    return np.rint(np.clip(by + 0.5 - far, 0, 1) * 255).astype(np.uint8)


def _shadow(whole: Stencil, finish: Finish) -> Stencil:
    """Return the shadow of a sticker."""
    pad = math.ceil(2.5 * finish.shadow_blur)
    mask: Any = cv2.copyMakeBorder(whole.mask, pad, pad, pad, pad, cv2.BORDER_CONSTANT)
    # Two box filters of this width have the variance of the Gaussian, and are faster.
    width = max(2, round(math.sqrt(6 * finish.shadow_blur**2 + 1)))
    mask = cv2.blur(cv2.blur(mask, (width, width)), (width, width))
    x, y = finish.shadow_offset
    return Stencil((whole.corner[0] - pad + x, whole.corner[1] - pad + y), mask)


def _lit(colour: FloatArray, gloss: float, rng: np.random.Generator) -> FloatArray:
    """Return the colours brightened along a direction, as on a glossy sheet."""
    turn = rng.uniform(0, 2 * math.pi)
    x = np.linspace(-1, 1, colour.shape[1], dtype=np.float32) * np.float32(math.cos(turn))
    y = np.linspace(-1, 1, colour.shape[0], dtype=np.float32) * np.float32(math.sin(turn))
    light = np.clip((y[:, None] + x + np.float32(rng.uniform(-0.5, 0.5))) * np.float32(rng.uniform(0.7, 4)), 0, 1)
    three = cv2.merge([light * np.float32(gloss)] * 3)
    return np.clip(colour + cv2.multiply(three, 1 - colour), 0, 1)
