"""How content is put over an image, and which pixels then count as corrupted."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
BoolArray = NDArray[np.bool_]
# Least and largest value.
Span = tuple[float, float]

# A pixel has changed if a channel did by four of 255 gray levels: a JPEG of good quality changes less than that anyway,
# and neither a network nor an eye can tell the two apart.
CHANGE_THRESHOLD = 4 / 255


def blend(truth: FloatArray, noise: FloatArray, mask: FloatArray, *, sigma: float) -> FloatArray:
    """Return the corrupted image: the noise in the holes, with soft edges.

    input = s * truth + (1 - s) * noise, where s is the mask blurred with a Gaussian. Source: the paper, Section 4.1
    ("smooth the mask boundaries using alpha-blending"). The mask is mirrored beyond the border.

    Args:
        truth: (H, W, 3), RGB in [0, 1].
        noise: (H, W, 3), RGB in [0, 1].
        mask: (H, W), 1 = uncorrupted, 0 = corrupted.
        sigma: standard deviation of the Gaussian in pixels; 0 keeps the edges hard.

    Returns:
        (H, W, 3) float32 in [0, 1].

    >>> white, black = np.ones((1, 3, 3), np.float32), np.zeros((1, 3, 3), np.float32)
    >>> blend(white, black, np.array([[1, 0, 1]], np.float32), sigma=0)[..., 0]
    array([[1., 0., 1.]], dtype=float32)
    """
    soft = cv2.GaussianBlur(mask, (0, 0), sigma) if sigma > 0 else mask
    # Done in OpenCV, which takes half the time: NumPy is slow to broadcast (H, W) over three channels.
    weight = cv2.merge((soft, soft, soft))
    blended: FloatArray = cv2.multiply(truth, weight)  # type: ignore[assignment]
    cv2.accumulateProduct(noise, np.subtract(1, weight, out=weight), blended)
    return np.clip(blended, 0, 1, out=blended)


def round_to_8_bit(image: FloatArray) -> FloatArray:
    """Round an image to multiples of 1/255, in place.

    Differs from the paper, which uses the blended image as it is: the truth comes from 8-bit files, and so will the
    images to be repaired. Values between two gray levels would give the corruption away in training.
    """
    np.rint(np.multiply(image, 255, out=image), out=image)
    return np.divide(image, 255, out=image)


def mix(truth: FloatArray, noise: FloatArray, opacity: float) -> FloatArray:
    """Return opacity * noise + (1 - opacity) * truth: the noise as a semi-transparent layer over the truth.

    Args:
        truth: (H, W, 3), RGB in [0, 1].
        noise: (H, W, 3), RGB in [0, 1].
        opacity: in [0, 1]; at 1 the noise itself is returned.
    """
    return noise if opacity == 1 else cv2.addWeighted(noise, opacity, truth, 1 - opacity, 0)  # type: ignore[return-value]


def changed_pixels(truth: FloatArray, noise: FloatArray, *, threshold: float = CHANGE_THRESHOLD) -> BoolArray:
    """Return where the noise differs from the truth: max over the channels of |noise - truth| >= threshold.

    This defines the target mask of semi-transparent content. A pixel is corrupted if it lies in a hole *and* what is
    put there, at its opacity and before the edges of the hole are softened, differs from the truth by the threshold. A
    white watermark on a white wall, or a shadow in the dark, is no corruption: it cannot be found and needs no repair.
    For opaque content the whole hole counts, as in the paper, even where a pixel happens to be equal.

    Args:
        truth: (H, W, 3), RGB in [0, 1].
        noise: (H, W, 3), RGB in [0, 1].
        threshold: least difference, in [0, 1].

    Returns:
        (H, W) bool.
    """
    # The margin keeps a difference of exactly four gray levels from being lost to rounding.
    difference = cv2.absdiff(noise, truth) >= threshold - 1e-6
    changed: BoolArray = difference[..., 0] | difference[..., 1] | difference[..., 2]
    return changed
