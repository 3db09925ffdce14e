"""Corrupt an image by filling holes; which pixels count as corrupted is decided here."""

from __future__ import annotations

from typing import Callable, NamedTuple, Optional

import cv2
import numpy as np

from hcl_arch.data.corruptions.corruption import BoolArray, FloatArray, Span, changed_pixels, mix
from hcl_arch.data.corruptions.hole_contents import Truth
from hcl_arch.data.masks.mask_sampler import MaskSampler

# Makes the content of the holes, all over the image: (H, W, 3) float32, RGB in [0, 1].
Fill = Callable[[Truth, np.random.Generator], FloatArray]

class Corruption(NamedTuple):
    """What is put over an image, before the edges are softened.

    Attributes:
        noise: the content at its opacity, (H, W, 3) float32, RGB in [0, 1].
        holes: where it is put, (H, W) bool.
        corrupted: which of these pixels count as corrupted, (H, W) bool; see `changed_pixels`.
        truth: the image to be restored, in the form of `noise`; None = the given one.
    """

    noise: FloatArray
    holes: BoolArray
    corrupted: BoolArray
    truth: Optional[FloatArray] = None


# Arguments: truth, opacity, range of the share of corrupted pixels, random generator.
Corrupt = Callable[[Truth, float, Span, np.random.Generator], Corruption]


class FilledHoles:
    """Holes of any form with content.

    Args:
        fill: makes the content.
        masks: draws the holes.
        opaque: whether the content counts as a change wherever it is put, if its opacity is 1.
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
    """Grow holes until as many of the pixels that change lie in them as the holes had pixels.

    So the share of corrupted pixels keeps to its range although some of what is put there cannot be seen. The holes
    grow evenly, by the distance to their border. If too few pixels change, all of these are in the holes in the end.

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
    grown[nearest[:reached + 1]] = True
    return grown.reshape(holes.shape)
