"""Variation of true images, as from other cameras and times: sharpened, gray, sepia, faded."""

from __future__ import annotations

import cv2
import numpy as np

from hcl_arch.data.corruptions.corruption import FloatArray, round_to_8_bit
from hcl_arch.data.corruptions.everyday.print_toning import tone

SIGMA = (0.6, 2.0)
AMOUNT = (0.3, 2.5)


def varied(image: FloatArray, rng: np.random.Generator, *, sharpen_prob: float, tone_prob: float) -> FloatArray:
    """Return a true image, perhaps sharpened and perhaps toned, before anything corrupts it.

    Otherwise sharp or gray content would only ever occur as corruption, since training images are mostly enlarged
    colour photographs. A sharpened image is image + amount * (image - its Gaussian blur), clipped.

    Args:
        image: (H, W, 3) float32, RGB in [0, 1].
        rng: source of all randomness; untouched by chances of 0.
        sharpen_prob: probability of sharpening, in [0, 1].
        tone_prob: probability of toning, in [0, 1].

    Returns:
        (H, W, 3) float32 in [0, 1], in steps of 1/255.
    """
    changed = image
    if sharpen_prob > 0 and rng.random() < sharpen_prob:
        blurred = cv2.GaussianBlur(image, (0, 0), float(rng.uniform(*SIGMA)))
        amount = float(rng.uniform(*AMOUNT))
        changed = np.clip(cv2.addWeighted(image, 1 + amount, blurred, -amount, 0), 0, 1)
    if tone_prob > 0 and rng.random() < tone_prob:
        changed = tone(changed, rng)
    return image if changed is image else round_to_8_bit(changed.astype(np.float32))
