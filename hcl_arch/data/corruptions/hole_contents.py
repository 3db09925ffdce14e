"""Opaque content for holes: photographs, colours, noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hcl_arch.data.corruptions.corruption import FloatArray
from hcl_arch.data.square_crop import least_side_for, random_square, resize_square, to_float
from hcl_arch.data.storage.image_source import ImageSource


@dataclass(frozen=True)
class Truth:
    """A true image.

    Attributes:
        image: (H, W, 3) float32, RGB in [0, 1]; square.
        identity: see `ImageSource.identity_of`.
    """

    image: FloatArray
    identity: str


def fill_noise(truth: Truth, rng: np.random.Generator) -> FloatArray:
    """Return noise that is uniform in [0, 1] and independent for each pixel and channel, in the form of the truth."""
    return rng.random(truth.image.shape, np.float32)


@dataclass(frozen=True)
class ConstantFill:
    """One colour all over the image.

    Attributes:
        colour: RGB in [0, 1]; None = a random one, uniform in the RGB cube.
    """

    colour: tuple[float, float, float] | None = None

    def __call__(self, truth: Truth, rng: np.random.Generator) -> FloatArray:
        """Return (H, W, 3) float32, RGB in [0, 1], in the form of the truth."""
        colour = rng.random(3, np.float32) if self.colour is None else np.array(self.colour, np.float32)
        return np.broadcast_to(colour, truth.image.shape).copy()


class PhotoFill:
    """A random crop of a photograph that is not the truth itself.

    It is cropped, decoded and resized by the rules for the truth. Otherwise one of them would be sharper, and sharpness
    alone would tell the corruption.

    Args:
        photos: at least two different images.
        crop_scale: least and largest side of the crop, as a share of the photograph's short side.
        reduced: whether a JPEG may be decoded at a fraction of its size.

    Raises:
        ValueError: there is only one image, so that a truth among them could not be avoided.
    """

    def __init__(self, photos: ImageSource, *, crop_scale: tuple[float, float], reduced: bool) -> None:
        if not _has_two_images(photos):
            raise ValueError(f'expects at least 2 different images, found 1 in {", ".join(photos.paths)}. Add '
                             'photographs to it.')
        self._photos = photos
        self._crop_scale = crop_scale
        self._reduced = reduced

    def __call__(self, truth: Truth, rng: np.random.Generator) -> FloatArray:
        """Return (H, W, 3) float32, RGB in [0, 1], in the form of the truth.

        Raises:
            OSError: the photograph cannot be read.
        """
        side = truth.image.shape[0]
        index = int(rng.integers(len(self._photos)))
        while self._photos.identity_of(index) == truth.identity:
            index = int(rng.integers(len(self._photos)))
        least_side = least_side_for(side, self._crop_scale) if self._reduced else None
        photo = self._photos.read_rgb(index, least_side=least_side)
        return to_float(resize_square(random_square(photo, scale=self._crop_scale, rng=rng), side))


def _has_two_images(photos: ImageSource) -> bool:
    first = photos.identity_of(0)
    return any(photos.identity_of(index) != first for index in range(1, len(photos)))
