"""What fillers have in common that take a picture of any size as a whole."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Optional

import numpy as np


class WholePictureFiller(ABC):
    """A :class:`hcl_arch.restoration.painting.Painter` that sees no confidence, and needs no padding and no tiles."""

    size_multiple = 1
    largest_side: Optional[int] = None
    takes_confidence = False
    reach = math.inf
    _bytes_per_pixel: float

    def check_restores(self) -> None:  # noqa: B027, nothing can be wrong
        """It does."""

    def padded(self, size: int) -> int:
        """Nothing is padded."""
        return size

    def repair_bytes(self) -> float:
        """Memory for each pixel, in bytes."""
        return self._bytes_per_pixel

    def repair(self, image: np.ndarray, hole: np.ndarray, confidence: Optional[np.ndarray] = None) -> np.ndarray:
        """Fill the holes, True, of an image (H, W, 3) float32 in [0, 1]; without any known pixel it is gray."""
        return np.full_like(image, 0.5) if hole.all() else self._filled(image, hole)

    @abstractmethod
    def _filled(self, image: np.ndarray, hole: np.ndarray) -> np.ndarray:
        """The image with its holes filled, likewise; some of it is known."""
