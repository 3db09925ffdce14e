"""Contents of holes: photographs, colours, noise, shadow."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
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
    """Return noise, uniform in [0, 1] and independent for each pixel and channel, in the truth's shape."""
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

    It is cropped, decoded and resized in the same way as the truth. Otherwise one of them would be sharper, and
    sharpness alone would reveal the corruption.

    Args:
        photos: at least two different images.
        crop_scale: least and largest side of the crop, as a share of the photograph's short side.
        reduced: whether a JPEG may be decoded at a fraction of its size.

    Raises:
        ValueError: there is only one image, which might be the truth itself.
    """

    def __init__(self, photos: ImageSource, *, crop_scale: tuple[float, float], reduced: bool) -> None:
        if not _has_two_images(photos):
            raise ValueError(
                f'expects at least 2 different images, found 1 in {", ".join(photos.paths)}. Add photographs to it.'
            )
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


# Share of the pixel values that remains in a shadow, mean over the channels. 90 % of 98 pairs of faces with and without
# a foreign shadow (the UCB set of Zhang et al. 2020) lie in 0.25-0.60, median 0.46; one ISTD scene (Wang et al. 2018)
# at 0.64.
BRIGHTNESS = (0.25, 0.65)
# Sky light is blue: red over blue is 0.59-0.96 (5-95 %, median 0.88) in the face pairs and 0.89 in the ISTD scene,
# green over blue 0.70-0.95 (median 0.89) and 0.93. With a tint t, red is multiplied by 1 - t / 2, green by 1 - t / 4,
# blue by 1 + t / 2.
TINT = (0.02, 0.3)
TINT_SHARES = (-0.5, -0.25, 0.5)
# The shadow varies by up to this factor, exp(+-0.25), over the image. In the face pairs the standard deviation of the
# logarithm within a shadow is 0.11-0.25 (10-50 %), its soft edge included.
VARIATION = 0.25
# The field is drawn at this many points a side and interpolated.
KNOTS = 4


def fill_shadow(
    truth: FloatArray, rng: np.random.Generator, *, brightness: tuple[float, float] = BRIGHTNESS
) -> FloatArray:
    """Return the whole photograph in shadow: truth * min(left * exp(field) * tint, 1), for each channel.

    `left` is drawn uniformly from `brightness`, `field` is a smooth random field in [-0.25, 0.25], and the tint keeps
    more of blue than of red. The caller decides the shadow's shape and its soft edge.

    The product is taken on sRGB values, not on linear light. For a pure power law the two agree: if sRGB =
    linear^(1/2.2), then k * linear is k^(1/2.2) * sRGB. Cameras also bend dark and bright tones, and measured on the
    face pairs the ratio of shadow to lit is the same for dark and for bright pixels in sRGB (1.05 : 1) but not in
    linear light (1.42 : 1). It is also faster.

    Args:
        truth: (H, W, 3) float32, RGB in [0, 1].
        rng: source of all randomness.
        brightness: least and largest remaining share of the sRGB values, within (0, 1].

    Returns:
        (H, W, 3) float32 in [0, 1], nowhere brighter than the truth.
    """
    left = rng.uniform(*brightness)
    tint = 1 + rng.uniform(*TINT) * np.array(TINT_SHARES)
    knots = rng.uniform(-VARIATION, VARIATION, (KNOTS, KNOTS)).astype(np.float32)
    # Cubic interpolation overshoots the knots; the clip keeps the bound.
    field = cv2.resize(knots, truth.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    attenuation = np.float32(left) * cv2.exp(np.clip(field, -VARIATION, VARIATION))
    planes = [np.minimum(attenuation * np.float32(share), 1) for share in tint]
    return cv2.multiply(truth, cv2.merge(planes))  # type: ignore[return-value]
