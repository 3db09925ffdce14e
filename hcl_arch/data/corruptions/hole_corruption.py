"""Corrupt an image by filling holes or by drawing; which pixels count as corrupted is decided here."""

from __future__ import annotations

from typing import Callable, NamedTuple, Optional

import cv2
import numpy as np

from hcl_arch.data.corruptions.corruption import BoolArray, FloatArray, Span, changed_pixels, mix
from hcl_arch.data.corruptions.hole_contents import Truth
from hcl_arch.data.corruptions.overlay import Overlay, lay_over, overlay_changes
from hcl_arch.data.corruptions.overlay_growth import DrawLayer, grow_overlay
from hcl_arch.data.masks.mask_sampler import MaskSampler

# Makes the content of the holes, for the whole image: (H, W, 3) float32, RGB in [0, 1].
Fill = Callable[[Truth, np.random.Generator], FloatArray]


class Corruption(NamedTuple):
    """What is put over an image, before the edges are softened.

    Attributes:
        noise: the content at its opacity, (H, W, 3) float32, RGB in [0, 1].
        holes: where it is put, (H, W) bool.
        corrupted: which of these pixels count as corrupted, (H, W) bool; see `changed_pixels`.
        truth: the image to be restored, in the shape of `noise`; None = the given one.
    """

    noise: FloatArray
    holes: BoolArray
    corrupted: BoolArray
    truth: Optional[FloatArray] = None


# Arguments: truth, opacity, range of the share of corrupted pixels, random generator.
Corrupt = Callable[[Truth, float, Span, np.random.Generator], Corruption]


class FilledHoles:
    """Holes of any shape with content.

    Args:
        fill: makes the content.
        masks: draws the holes.
        opaque: whether content with opacity 1 counts as a change everywhere in the holes.
    """

    def __init__(self, fill: Fill, masks: MaskSampler, *, opaque: bool = True) -> None:
        self._fill = fill
        self._masks = masks
        self._opaque = opaque

    def __call__(self, truth: Truth, opacity: float, hole_share: Span, rng: np.random.Generator) -> Corruption:
        """Return what is put over the truth, see `Corrupt`."""
        noise = mix(truth.image, self._fill(truth, rng), opacity)
        holes = self._masks.draw(truth.image.shape[0], rng, hole_share=hole_share)
        if self._opaque and opacity == 1:
            return Corruption(noise, holes, holes)
        changed = changed_pixels(truth.image, noise)
        holes = fit_to_changed(holes, changed)
        return Corruption(noise, holes, holes & changed)


def fit_to_changed(holes: BoolArray, changed: BoolArray) -> BoolArray:
    """Grow holes until they contain as many changed pixels as they had pixels at first.

    This keeps the share of corrupted pixels in its range although part of the content is invisible. The holes grow
    evenly, by the distance to their border. If too few pixels change, the holes end up containing all of them.

    Args:
        holes: (H, W) bool.
        changed: (H, W) bool, the pixels that count.

    Returns:
        (H, W) bool, a superset of `holes`.
    """
    wanted = min(np.count_nonzero(holes), np.count_nonzero(changed))
    if np.count_nonzero(holes & changed) >= wanted:
        return holes
    distance = cv2.distanceTransform((~holes).astype(np.uint8), cv2.DIST_L2, 3).reshape(-1)
    nearest = np.argsort(distance, kind='stable')  # the holes themselves come first, with distance 0
    reached = np.searchsorted(np.cumsum(changed.reshape(-1)[nearest]), wanted)
    grown = np.zeros(holes.size, bool)
    grown[nearest[: reached + 1]] = True
    return grown.reshape(holes.shape)


HALF_WIDTH = 0.02
# Returns the function that draws the layers of one image. Arguments: random generator, range of the share of corrupted
# pixels.
StartDrawing = Callable[[np.random.Generator, Span], DrawLayer]


class DrawnOver:
    """Semi-transparent drawings with shapes of their own.

    Args:
        start: called for each image; returns a function that draws layers until enough of the image has changed.
    """

    def __init__(self, start: StartDrawing) -> None:
        self._start = start

    def __call__(self, truth: Truth, opacity: float, hole_share: Span, rng: np.random.Generator) -> Corruption:
        """Return what is put over the truth, see `Corrupt`."""

        def count_covered(overlay: Overlay) -> int:
            return int(np.count_nonzero(overlay_changes(truth.image, overlay, opacity)))

        # The share decides which drawings suit it: one logo or rows of them.
        share = _narrowed(hole_share, rng)
        size = truth.image.shape[0], truth.image.shape[1]
        overlay = grow_overlay(
            size, hole_share=share, rng=rng, draw_layer=self._start(rng, share), count_covered=count_covered
        )
        return Corruption(
            lay_over(truth.image, overlay, opacity), overlay.alpha > 0, overlay_changes(truth.image, overlay, opacity)
        )


def _narrowed(hole_share: Span, rng: np.random.Generator) -> Span:
    """Return the part of the range around a share drawn from it."""
    share = float(rng.uniform(*hole_share))
    return max(hole_share[0], share - HALF_WIDTH), min(hole_share[1], share + HALF_WIDTH)
