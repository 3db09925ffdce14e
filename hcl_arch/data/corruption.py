"""What fills the holes of an image, and how it is blended in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
# Returns a random photograph other than the truth: (H, W, 3) float32, RGB in [0, 1], of the size of the truth.
DrawPhoto = Callable[[np.random.Generator], FloatArray]


@dataclass(frozen=True)
class Fill:
    """A way to make the content of the holes.

    Attributes:
        draw: called as draw(truth, draw_photo, rng) -> noise. `truth` is the uncorrupted image, (H, W, 3) float32, RGB
            in [0, 1], and the noise has the same form. A fill with options of its own (a brush, a text) enters the
            table with these bound by `functools.partial`.
        needs_photo: whether it calls `draw_photo`, so that a noise data set has to be given.
    """

    draw: Callable[[FloatArray, DrawPhoto, np.random.Generator], FloatArray]
    needs_photo: bool = False


def fill_constant(truth: FloatArray, draw_photo: DrawPhoto, rng: np.random.Generator) -> FloatArray:
    """Return one random colour, uniform in the RGB cube, all over the image."""
    colour = rng.random(3, np.float32)
    return np.broadcast_to(colour, truth.shape).copy()


def fill_noise(truth: FloatArray, draw_photo: DrawPhoto, rng: np.random.Generator) -> FloatArray:
    """Return noise that is uniform in [0, 1] and independent for each pixel and channel."""
    return rng.random(truth.shape, np.float32)


def fill_patch(truth: FloatArray, draw_photo: DrawPhoto, rng: np.random.Generator) -> FloatArray:
    """Return the content of another photograph."""
    return draw_photo(rng)


FILLS: dict[str, Fill] = {
    'constant': Fill(fill_constant),
    'noise': Fill(fill_noise),
    'patch': Fill(fill_patch, needs_photo=True),
}


def blend(truth: FloatArray, noise: FloatArray, mask: FloatArray, *, sigma: float) -> FloatArray:
    """Return the corrupted image: the noise in the holes, with soft edges.

    input = s * truth + (1 - s) * noise, where s is the mask blurred with a Gaussian. Source: the paper, Section 4.1
    ("smooth the mask boundaries using alpha-blending"). Beyond the border the mask counts as mirrored.

    Args:
        truth: (H, W, 3), RGB in [0, 1].
        noise: (H, W, 3), RGB in [0, 1].
        mask: (H, W), 1 = uncorrupted, 0 = corrupted.
        sigma: standard deviation of the Gaussian in pixels; 0 keeps the edges hard.

    Returns:
        (H, W, 3) float32 in [0, 1].
    """
    soft = cv2.GaussianBlur(mask, (0, 0), sigma) if sigma > 0 else mask
    soft = np.clip(soft, 0, 1)[..., None]
    blended: FloatArray = soft * truth + (1 - soft) * noise
    return np.clip(blended, 0, 1, out=blended)
