"""Draw hole maps: from generators and from mask images, mixed by weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Callable

import numpy as np
from numpy.typing import NDArray

from hcl_arch.data.masks.combined_mask import COMBINED_GENERATORS, combined_mask
from hcl_arch.data.masks.line_mask import line_mask
from hcl_arch.data.masks.mask_images import MaskImages
from hcl_arch.data.weighted_choice import choose_by_weight

MASK_GENERATORS: dict[str, Callable[..., NDArray[np.bool_]]] = {
    **COMBINED_GENERATORS,
    'lines': line_mask,
    'combined': combined_mask,
}
# The kind that takes mask images instead of a generator.
FOLDER = 'folder'


class MaskSampler:
    """Random hole maps of several kinds.

    Args:
        weights: how often each kind is taken, relative to the others: the names in `MASK_GENERATORS`, and 'folder'.
        images: the mask images; needed if 'folder' has a weight.
    """

    def __init__(self, weights: Mapping[str, float], *, images: MaskImages | None = None) -> None:
        self._weights = dict(weights)
        self._generators = dict(MASK_GENERATORS)
        if images is not None:
            self._generators[FOLDER] = images.draw

    def draw(self, side: int, rng: np.random.Generator, *, hole_share: tuple[float, float]) -> NDArray[np.bool_]:
        """Return a square hole map.

        Args:
            side: height and width.
            rng: source of all randomness.
            hole_share: least and largest share of holes in [0, 1]; every draw keeps to it (the kinds 'half' and 'lines'
                may miss a range narrower than a row of pixels, by at most half a row).

        Returns:
            (side, side) bool, True = hole.

        Raises:
            OSError: a mask image cannot be read.
            ValueError: a mask image is not black and white.
        """
        kind = choose_by_weight(self._weights, rng)
        return self._generators[kind]((side, side), hole_share=hole_share, rng=rng)
