"""A restorer that finds pure magenta, at once and always alike."""

from __future__ import annotations

import cv2
import numpy as np

from hcl_arch.restoration.result import Restoration
from hcl_arch.restoration.verdict import corruption_score

MAGENTA = (1.0, 0.0, 1.0)


class FakeRestorer:
    """The methods of `Restorer` that the page uses. It counts how often it was asked to find something."""

    name = 'fake'
    feather = 0.0

    def __init__(self, *, min_score: float = 0.0) -> None:
        self.detections = 0
        self.min_score = min_score

    def detect(self, image):
        """Confidence: mean distance of the colours from magenta."""
        self.detections += 1
        scale = np.iinfo(image.dtype).max
        colours = image[..., :3] if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2)
        return np.abs(colours / scale - np.array(MAGENTA)).mean(axis=2).astype(np.float32)

    def mask_of(self, confidence, *, threshold=0.5, grow=0):
        """As `Restorer.mask_of`, grown with squares."""
        mask = np.where(confidence < threshold, 255, 0).astype(np.uint8)
        return cv2.dilate(mask, np.ones((2 * int(grow) + 1,) * 2, np.uint8))

    def repair(self, image, mask, *, composite=True, reverse=False, feather=0, confidence=None):
        """Fill what is to be repainted with gray; without `composite` the rest becomes one level brighter or darker."""
        hole = (mask == 0) if reverse else (mask > 0)
        repaired = image.copy() if composite else np.where(image % 2, image - 1, image + 1).astype(image.dtype)
        (repaired if image.ndim == 2 else repaired[..., :3])[hole] = np.iinfo(image.dtype).max // 2
        score = corruption_score(np.float32(mask == 0) if confidence is None else confidence)
        return Restoration(repaired, mask, confidence, score, bool(mask.any()))

    def restore(self, image, *, threshold=0.5, grow=0, composite=True):
        """As `Restorer.restore`."""
        confidence = self.detect(image)
        is_suspect = corruption_score(confidence) >= self.min_score
        mask = self.mask_of(confidence, threshold=threshold if is_suspect else 0, grow=grow)
        return self.repair(image, mask, composite=composite, confidence=confidence)
