"""Examples to try: photographs from scikit-image, spoiled by our own corruptions."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import skimage.data
from numpy.typing import NDArray

from hcl_arch.data.corruptions.corruption import FloatArray, blend
from hcl_arch.data.corruptions.graffiti import draw_spray
from hcl_arch.data.corruptions.overlay import lay_over
from hcl_arch.data.corruptions.overlay_growth import DrawLayer, grow_overlay
from hcl_arch.data.corruptions.text_overlay import draw_text
from hcl_arch.data.corruptions.watermark import Watermarks
from hcl_arch.data.masks.free_form_mask import free_form_mask

_SIDE = 512
_HOLE_SHARE = (0.08, 0.16)
_SEED = 7


@dataclass(frozen=True)
class Example:
    """A spoiled photograph: its name, and (H, W, 3) uint8 RGB."""

    name: str
    pixels: NDArray[np.uint8]


def make_examples() -> list[Example]:
    """Return the examples, always the same. Nothing is downloaded: the photographs are part of scikit-image."""
    astronaut, cat = _photo(skimage.data.astronaut()), _photo(skimage.data.chelsea())
    coffee, rocket = _photo(skimage.data.coffee()), _photo(skimage.data.rocket())
    rng = np.random.default_rng(_SEED)
    return [
        Example('Part of another photograph', _to_8_bit(_with_patches(astronaut, coffee, rng))),
        Example('Graffiti', _to_8_bit(_with_drawing(cat, draw_spray, rng, opacity=1.0))),
        Example('Text', _to_8_bit(_with_drawing(rocket, draw_text, rng, opacity=1.0))),
        Example(
            'Watermark',
            _to_8_bit(_with_drawing(coffee, Watermarks().start(rng, hole_share=_HOLE_SHARE), rng, opacity=0.6)),
        ),
    ]


def _with_patches(truth: FloatArray, other: FloatArray, rng: np.random.Generator) -> FloatArray:
    height, width = truth.shape[:2]
    holes = free_form_mask((height, width), hole_share=_HOLE_SHARE, rng=rng)
    scale = max(height / other.shape[0], width / other.shape[1])
    noise = cv2.resize(other, None, fx=scale, fy=scale)[:height, :width]
    return blend(truth, noise, 1 - holes.astype(np.float32), sigma=1.0)  # type: ignore[arg-type]


def _with_drawing(truth: FloatArray, draw_layer: DrawLayer, rng: np.random.Generator, *, opacity: float) -> FloatArray:
    overlay = grow_overlay(
        (truth.shape[0], truth.shape[1]),
        hole_share=_HOLE_SHARE,
        rng=rng,
        draw_layer=draw_layer,
        count_covered=lambda drawn: int(np.count_nonzero(drawn.alpha > 0)),
    )
    return lay_over(truth, overlay, opacity)


def _photo(image: NDArray[np.uint8]) -> FloatArray:
    height, width = image.shape[:2]
    scale = _SIDE / max(height, width)
    reduced = cv2.resize(image, (round(width * scale), round(height * scale)), interpolation=cv2.INTER_AREA)
    return reduced.astype(np.float32) / np.float32(255)


def _to_8_bit(image: FloatArray) -> NDArray[np.uint8]:
    return np.rint(image * 255).astype(np.uint8)
