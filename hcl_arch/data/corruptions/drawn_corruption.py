"""Corrupt an image by drawing over it."""

from __future__ import annotations

from typing import Callable

import numpy as np

from hcl_arch.data.corruptions.corruption import Span
from hcl_arch.data.corruptions.hole_contents import Truth
from hcl_arch.data.corruptions.hole_corruption import Corruption
from hcl_arch.data.corruptions.overlay import Overlay, lay_over, overlay_changes
from hcl_arch.data.corruptions.overlay_growth import DrawLayer, grow_overlay

HALF_WIDTH = 0.02
# Returns what draws the layers of one image. Arguments: random generator, range of the share of corrupted pixels.
StartDrawing = Callable[[np.random.Generator, Span], DrawLayer]


class DrawnOver:
    """Semi-transparent drawings with forms of their own.

    Args:
        start: called for each image; what it returns draws layers until enough of the image has changed.
    """

    def __init__(self, start: StartDrawing) -> None:
        self._start = start

    def __call__(self, truth: Truth, opacity: float, hole_share: Span, rng: np.random.Generator) -> Corruption:
        """Return what is put over the truth, see `Corrupt`."""

        def count_covered(overlay: Overlay) -> int:
            return int(np.count_nonzero(overlay_changes(truth.image, overlay, opacity)))

        # Drawings that suit the share are chosen by it: a logo or rows of them.
        share = _narrowed(hole_share, rng)
        size = truth.image.shape[0], truth.image.shape[1]
        overlay = grow_overlay(
            size, hole_share=share, rng=rng, draw_layer=self._start(rng, share), count_covered=count_covered)
        return Corruption(lay_over(truth.image, overlay, opacity), overlay.alpha > 0,
                          overlay_changes(truth.image, overlay, opacity))


def _narrowed(hole_share: Span, rng: np.random.Generator) -> Span:
    """Return the part of the range around a share drawn from it."""
    share = float(rng.uniform(*hole_share))
    return max(hole_share[0], share - HALF_WIDTH), min(hole_share[1], share + HALF_WIDTH)
