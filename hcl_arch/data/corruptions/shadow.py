"""Shadows: what a photograph looks like where light is kept from it."""

from __future__ import annotations

import cv2
import numpy as np

from hcl_arch.data.corruptions.corruption import FloatArray

# What is left of the pixel values in a shadow, mean over the channels. 90 % of 98 pairs of faces with and without a
# foreign shadow (the UCB set of Zhang et al. 2020) lie in 0.25-0.60, median 0.46; one ISTD scene (Wang et al. 2018) at
# 0.64.
BRIGHTNESS = (0.25, 0.65)
# Sky light is blue: red over blue is 0.59-0.96 (5-95 %, median 0.88) in the face pairs and 0.89 in the ISTD scene,
# green over blue 0.70-0.95 (median 0.89) and 0.93. Of a tint t, red keeps 1 - t / 2, green 1 - t / 4, blue 1 + t / 2.
TINT = (0.02, 0.3)
TINT_SHARES = (-0.5, -0.25, 0.5)
# The shadow varies by up to this factor, exp(+-0.25), over the image. In the face pairs the standard deviation of the
# logarithm within a shadow is 0.11-0.25 (10-50 %), its soft edge included.
VARIATION = 0.25
# The field is drawn at this many points a side and interpolated.
KNOTS = 4


def fill_shadow(truth: FloatArray, rng: np.random.Generator, *,
                brightness: tuple[float, float] = BRIGHTNESS) -> FloatArray:
    """Return the whole photograph in shadow: truth * min(left * exp(field) * tint, 1), for each channel.

    `left` is drawn uniformly from `brightness`, `field` is a smooth random field in [-0.25, 0.25], and the tint keeps
    more of blue than of red. The form of the shadow and its soft edge are the caller's.

    The product is taken on sRGB values, not on linear light. For a pure power law the two agree: if sRGB =
    linear^(1/2.2), then k * linear is k^(1/2.2) * sRGB. Cameras bend dark and bright tones besides, and measured on the
    face pairs the ratio of shadow to lit is the same for dark and for bright pixels in sRGB (1.05 : 1) but not in
    linear light (1.42 : 1). It is quicker too.

    Args:
        truth: (H, W, 3) float32, RGB in [0, 1].
        rng: source of all randomness.
        brightness: least and largest share that is left of the sRGB values, within (0, 1].

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
