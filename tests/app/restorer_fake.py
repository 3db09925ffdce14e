"""A restorer that finds pure magenta, at once and always alike."""

from __future__ import annotations

import cv2
import numpy as np

from hcl_arch.restoration.result import Restoration
from hcl_arch.restoration.verdict import corruption_score, find_by

MAGENTA = (1.0, 0.0, 1.0)


class FakeRestorer:
    """The methods of `Restorer` that the page uses. It counts how often it was asked to find something."""

    name = 'fake'
    feather = 0.0

    def __init__(self, *, min_score: float = 0.0, level: float = 0.5) -> None:
        self.detections = 0
        self.min_score, self.level = min_score, level
        self.step = lambda: None  # called at each of the two steps of a repair

    def with_filler(self, filler):
        """Another one that fills with a darker gray."""
        return FakeRestorer(min_score=self.min_score, level=self.level if filler is None else 0.25)

    def detect(self, image):
        """Confidence: mean distance of the colours from magenta."""
        self.detections += 1
        scale = np.iinfo(image.dtype).max
        colours = image[..., :3] if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2)
        return np.abs(colours / scale - np.array(MAGENTA)).mean(axis=2).astype(np.float32)

    def find(self, image, *, threshold=0.5, grow=0, progress=None):
        """As `Restorer.find`."""
        return find_by(self.detect(image), threshold=threshold, grow=grow, min_score=self.min_score)

    def mask_of(self, confidence, *, threshold=0.5, grow=0):
        """As `Restorer.mask_of`, grown with squares."""
        mask = np.where(confidence < threshold, 255, 0).astype(np.uint8)
        return cv2.dilate(mask, np.ones((2 * int(grow) + 1,) * 2, np.uint8))

    def repair(
        self, image, mask, *, composite=True, reverse=False, erase=False, feather=0, confidence=None, progress=None
    ):
        """Fill what is to be repainted with gray; without `composite` the rest becomes one level brighter or darker."""
        self.erased = erase
        for done in range(2):
            if progress is not None:
                progress(done, 2)
            self.step()
        hole = (mask == 0) if reverse else (mask > 0)
        repaired = image.copy() if composite else np.where(image % 2, image - 1, image + 1).astype(image.dtype)
        (repaired if image.ndim == 2 else repaired[..., :3])[hole] = int(np.iinfo(image.dtype).max * self.level)
        score = corruption_score(np.float32(mask == 0) if confidence is None else confidence)
        return Restoration(repaired, mask, confidence, score, bool(mask.any()))

    def restore(
        self, image, *, mask=None, threshold=0.5, grow=0, composite=True, reverse=False, erase=False, progress=None
    ):
        """As `Restorer.restore`."""
        if mask is not None:
            return self.repair(image, mask, composite=composite, reverse=reverse, erase=erase, progress=progress)
        found = self.find(image, threshold=threshold, grow=grow)
        how = {'composite': composite, 'reverse': reverse, 'erase': erase}
        return self.repair(image, found.mask, **how, confidence=found.confidence, progress=progress)
