"""The inputs and results of the everyday kinds of corruption."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, NamedTuple, Optional

import numpy as np

from hcl_arch.data.corruptions.corruption import BoolArray, FloatArray, changed_pixels
from hcl_arch.data.corruptions.hole_contents import Truth
from hcl_arch.data.corruptions.placement import OverlayPictures

# The median change of pixels that a person notices, in photographs with the usual texture.
LEAST_CHANGE = 12 / 255


class Spoiled(NamedTuple):
    """A spoiled image.

    Attributes:
        image: (H, W, 3) float32, RGB in [0, 1]; equal to the picture to be restored outside of what was put over it.
        corrupted: (H, W) bool, the pixels that count as corrupted.
        truth: the target, if it is not the given image: an old print is toned all over, and only its damage is to be
            repaired. (H, W, 3) float32, RGB in [0, 1]; None = the given one.
    """

    image: FloatArray
    corrupted: BoolArray
    truth: Optional[FloatArray] = None


@dataclass(frozen=True)
class Materials:
    """What the kinds of a data set share.

    Attributes:
        photo: returns a crop of a photograph other than the truth, in the truth's shape; None if there are none.
        fonts: TrueType and OpenType files; if empty, OpenCV's own fonts are used.
        pictures: RGBA pictures of a folder; None if there are none.
    """

    photo: Optional[Callable[[Truth, np.random.Generator], FloatArray]] = None
    fonts: Sequence[Path] = ()
    pictures: Optional[OverlayPictures] = None


# Spoils a true image of any height and width of at least 16 pixels, at random.
Spoil = Callable[[Truth, Materials, np.random.Generator], Spoiled]


def with_change(truth: FloatArray, image: FloatArray) -> Spoiled:
    """Return an image whose visible differences from the truth count as corrupted."""
    return Spoiled(image, changed_pixels(truth, image))


def is_seen(below: FloatArray, image: FloatArray, corrupted: BoolArray) -> bool:
    """Whether what was put over an image is seen: half of the corrupted pixels changed by `LEAST_CHANGE` or more.

    Little can be learned from fainter corruption, and watermarks with it were nearly half of the loss of a training.
    """
    if not corrupted.any():
        return False
    return bool(np.median(np.abs(image[corrupted] - below[corrupted]).max(axis=1)) >= LEAST_CHANGE)
