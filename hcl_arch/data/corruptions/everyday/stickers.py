"""Stickers and cut-outs over photographs: drawn ones, pictures with alpha, pieces of other photographs."""

from __future__ import annotations

import numpy as np

from hcl_arch.data.corruptions.corruption import FloatArray
from hcl_arch.data.corruptions.everyday.draws import log_uniform
from hcl_arch.data.corruptions.everyday.outlines import put_at_random
from hcl_arch.data.corruptions.everyday.spoiled import Materials, Spoiled
from hcl_arch.data.corruptions.everyday.stencils import StencilPainting, chance
from hcl_arch.data.corruptions.everyday.sticker_cutouts import (
    Cutout,
    photo_cutout,
    picture_cutout,
    polaroid,
    random_finish,
    stick,
)
from hcl_arch.data.corruptions.everyday.sticker_drawings import drawn_cutout
from hcl_arch.data.corruptions.hole_contents import Truth
from hcl_arch.data.weighted_choice import choose_by_weight

# Content of a sticker, relative frequencies; kinds that the materials lack are left out.
SOURCES = {'drawing': 0.4, 'photo': 0.38, 'polaroid': 0.07, 'picture': 0.4}
# Wanted share of covered pixels, without borders and shadows; small ones are as frequent as large ones.
SHARE = (0.003, 0.28)
LEAST_PIXELS = 9
MOST_STICKERS = 5


def spoil_stickers(truth: Truth, materials: Materials, rng: np.random.Generator) -> Spoiled:
    """Return the image with one to five stickers over it; a `Spoil`.

    With or without a border and a drop shadow. A shadow counts as corrupted where it is visible.
    """
    painting = StencilPainting(truth.image)
    height, width = painting.size
    area = max(log_uniform(SHARE, rng) * height * width, LEAST_PIXELS)
    count = int(min(log_uniform((1, MOST_STICKERS + 1), rng), max(1, area // LEAST_PIXELS)))
    parts = np.maximum(rng.dirichlet(np.full(count, 3.0)) * area, LEAST_PIXELS)
    maker = _CutoutMaker(truth, materials, rng)
    finish = random_finish(min(height, width), rng)
    for part in parts:
        if chance(rng, 0.3):
            finish = random_finish(min(height, width), rng)
        cutout = maker.make(float(part))
        half = np.array([cutout.mask.shape[1::-1]], np.float64) / 2
        centre = put_at_random(np.concatenate([half, -half]), painting.size, rng, cut=0.25).mean(0)
        stick(painting, cutout, finish, (float(centre[0]), float(centre[1])), rng)
    return painting.finished()


class _CutoutMaker:
    """Makes cut-outs for one photograph; they share one other photograph, because reading one takes longest.

    Args:
        truth: the photograph they will be put on.
        materials: what they are made from.
        rng: source of all randomness.
    """

    def __init__(self, truth: Truth, materials: Materials, rng: np.random.Generator) -> None:
        self._truth = truth
        self._materials = materials
        self._rng = rng
        self._photo: FloatArray | None = None
        self._sources = dict(SOURCES)
        if materials.photo is None:
            self._sources['photo'] = self._sources['polaroid'] = 0.0
        if materials.pictures is None:
            self._sources['picture'] = 0.0
        self._source = choose_by_weight(self._sources, rng) if chance(rng, 0.6) else None

    def make(self, area: float) -> Cutout:
        """Return a cut-out of about this area in pixels."""
        source = self._source or choose_by_weight(self._sources, self._rng)
        height, width = self._truth.image.shape[:2]
        longest = min(0.9 * max(height, width), 1.3 * min(height, width))
        if source == 'drawing':
            return drawn_cutout(area, longest, self._rng, side=min(height, width))
        if source == 'picture' and self._materials.pictures is not None:
            return picture_cutout(self._materials.pictures.draw(self._rng), area, longest, self._rng)
        make = polaroid if source == 'polaroid' else photo_cutout
        return make(self._other_photo(), area, longest, self._rng)

    def _other_photo(self) -> FloatArray:
        if self._photo is None:
            assert self._materials.photo is not None
            self._photo = self._materials.photo(self._truth, self._rng)
        return self._photo
