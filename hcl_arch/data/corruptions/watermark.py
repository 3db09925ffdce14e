"""Watermarks: a logo or a word mark, once or all over the photograph."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from hcl_arch.data.corruptions.graffiti import random_centre
from hcl_arch.data.corruptions.overlay import Overlay
from hcl_arch.data.corruptions.overlay_growth import DrawLayer
from hcl_arch.data.corruptions.placement import OverlayPictures, Picture, place, rgba_picture, tile
from hcl_arch.data.corruptions.text_overlay import random_words, text_colour, text_picture

# Letters of a word mark are rendered with this height in pixels.
WORD_MARK_LETTERS = 32
# Gap between tiled marks as a share of their width or height, at scale 1.
SPACING = (0.05, 0.4)
STAGGERED_SHARE = 0.5
# The largest hole share for which marks are placed singly; one or two then suffice.
MOST_BY_ONE = 0.15


@dataclass(frozen=True)
class Watermarks:
    """Watermarks for photographs, drawn as opaque as their pictures; `lay_over` makes them faint.

    Attributes:
        pictures: logos with alpha; without them each photograph gets a word mark in one of OpenCV's fonts.
        scale: least and largest length of a mark's longest side, as a share of the photograph's short side, within (0,
            1].
        rotation: least and largest angle in degrees, counter-clockwise.
        tiled_share: share of the photographs that are covered with rows of the mark, in [0, 1], among those with a hole
            share that one mark can cover. With larger hole shares all are tiled, since many single marks would overlap.
    """

    pictures: OverlayPictures | None = None
    scale: tuple[float, float] = (0.25, 0.9)
    rotation: tuple[float, float] = (-45.0, 45.0)
    tiled_share: float = 0.4

    def start(self, rng: np.random.Generator, *, hole_share: tuple[float, float]) -> DrawLayer:
        """Return the function that draws one photograph's layers, all with one mark and angle, all tiled or all single.

        Args:
            rng: source of all randomness.
            hole_share: the range that the overlay will be grown to; best a narrow one.

        Raises:
            ValueError: the picture has no alpha channel.
        """
        mark = _word_mark(rng) if self.pictures is None else rgba_picture(self.pictures.draw(rng))
        angle = rng.uniform(*self.rotation)
        if rng.random() >= self.tiled_share and hole_share[1] <= MOST_BY_ONE:
            return partial(_draw_single, mark=mark, side_range=self.scale, angle=angle)
        stagger = 0.5 if rng.random() < STAGGERED_SHARE else 0.0
        return partial(_draw_tiled, mark=mark, side_range=self.scale, angle=angle, stagger=stagger)


def _draw_single(
    size: tuple[int, int],
    scale: float,
    rng: np.random.Generator,
    *,
    mark: Picture,
    side_range: tuple[float, float],
    angle: float,
) -> Overlay:
    """Return the mark once, at a random place; `scale` multiplies its size."""
    longest = scale * rng.uniform(*side_range) * min(size)
    return place(mark, size, centre=random_centre(size, rng), scale=longest / max(mark.size), angle=angle)


def _draw_tiled(
    size: tuple[int, int],
    scale: float,
    rng: np.random.Generator,
    *,
    mark: Picture,
    side_range: tuple[float, float],
    angle: float,
    stagger: float,
) -> Overlay:
    """Return the mark in rows; a smaller `scale` makes it smaller and spaces it out."""
    # The covered share follows the square of mark size over pitch, and this ratio follows the scale. The marks shrink
    # too, otherwise one copy could cover too much. Copies take the lower half of the sizes.
    longest = rng.uniform(side_range[0], sum(side_range) / 2) * min(size) * scale**0.5
    gaps = [float(1 + gap) / scale - 1 for gap in rng.uniform(*SPACING, 2)]
    x, y = rng.uniform(0, 1, 2) * size[::-1]
    return tile(
        mark,
        size,
        spacing=(gaps[0], gaps[1]),
        stagger=stagger,
        origin=(x, y),
        scale=longest / max(mark.size),
        angle=angle,
    )


def _word_mark(rng: np.random.Generator) -> Picture:
    """Return one or two words as a logo."""
    lines = [random_words(rng, 1) for _ in range(int(rng.integers(1, 3)))]
    return text_picture(lines, letter_height=WORD_MARK_LETTERS, colour=text_colour(rng), rng=rng)
