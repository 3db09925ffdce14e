"""Calls of a network with arrays, whatever computes it."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from typing import Any, Optional

import numpy as np

from hcl_arch.utils.errors import ComputationError
from hcl_arch.utils.image_limits import MIN_IMAGE_SIZE
from hcl_arch.utils.precision import Precision


class Calls(ABC):
    """Runs a network on one image at a time; threads wait for each other.

    Besides the calls it says how holes are to be filled, see :mod:`hcl_arch.restoration.painting`.
    """

    device: Any
    """Where it computes, in PyTorch's words."""
    network_name: str
    """For messages."""
    precision: Precision
    """In which it computes."""
    size_multiple: int
    """To which sides are padded for a repair."""
    largest_side: Optional[int]
    """The longest side of what it paints at once; None = any."""
    takes_confidence = False
    """Whether its repair sees how surely a pixel is uncorrupted."""
    takes_looks: bool
    """Whether it detects in several looks."""
    look_multiple: int
    """To which sides are padded for a look."""
    look_cell: int
    """Side of a look's finest cells, in pixels."""
    looks_mirrored: bool
    """Whether each look is the mean of one at the image and one at its mirror image."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    @property
    def reach(self) -> float:
        """How far from known pixels the network fills well, in pixels."""
        return self.size_multiple

    def padded(self, size: int) -> int:
        """The length to which the network pads a side of this many pixels."""
        return -(-max(size, MIN_IMAGE_SIZE) // self.size_multiple) * self.size_multiple

    def look(self, image: np.ndarray, prior: Optional[np.ndarray] = None) -> np.ndarray:
        """Take one look at an image, with a detector that takes several looks.

        Args:
            image: (H, W, 3) float32 RGB in [0, 1].
            prior: The result of the look at half the size: its logits, (H / (2 cell), W / (2 cell)) float32; None for
                the first look.

        Returns:
            Logits that pixels are uncorrupted, on the detector's finest grid, (H / cell, W / cell) float32.
        """
        height, width = image.shape[:2]
        pixels = padded_to(image.transpose(2, 0, 1)[None], self.look_multiple)
        known = None
        if prior is not None:
            ratio = -(-height // prior.shape[0])
            known = padded_to(prior[None, None], max(1, self.look_multiple // ratio))
        with self._lock:
            logits = self._logits(pixels, known)
            if self.looks_mirrored:
                mirrored = self._logits(_flipped(pixels), None if known is None else _flipped(known))
                logits = (logits + mirrored[..., ::-1]) / 2
        cell = pixels.shape[-1] // logits.shape[-1]
        logits = logits[0, 0, : -(-height // cell), : -(-width // cell)]
        self._check_finite(logits)
        return logits

    def repair(self, image: np.ndarray, hole: np.ndarray, confidence: Optional[np.ndarray] = None) -> np.ndarray:
        """Repaint an image by a given mask.

        Args:
            image: (H, W, 3) float32 RGB in [0, 1].
            hole: (H, W) bool, True = repaint.
            confidence: (H, W) float32 in [0, 1], that a pixel is uncorrupted, for a network that takes it; by default 0
                in the hole and 1 outside.

        Returns:
            (H, W, 3) float32, the network's whole picture.

        Raises:
            ValueError: If the network is a detector only.
        """
        self.check_restores()
        pixels = padded_to_least(image.transpose(2, 0, 1)[None])
        mask = padded_to_least((~hole).astype(np.float32)[None, None])
        known = mask if confidence is None else padded_to_least(confidence[None, None])
        with self._lock:
            painted = self._repainted(pixels, mask, known)
        return self._cut(painted, image).transpose(1, 2, 0)

    @abstractmethod
    def check_restores(self) -> None:
        """Raise ValueError if the network only detects."""

    @abstractmethod
    def repair_bytes(self) -> float:
        """Memory that repairing needs for each pixel, in bytes."""

    @abstractmethod
    def _logits(self, pixels: np.ndarray, prior: Optional[np.ndarray]) -> np.ndarray:
        """The logits, (1, 1, h, w) float32, of (1, 3, H, W) in [0, 1] and of a prior (1, 1, h, w), both padded."""

    @abstractmethod
    def _repainted(self, pixels: np.ndarray, mask: np.ndarray, confidence: np.ndarray) -> np.ndarray:
        """The picture, (1, 3, H, W) float32, for (1, 3, H, W) in [0, 1], a mask and a confidence.

        These are (1, 1, H, W), 1 = uncorrupted; the confidence is for networks that take it.
        """

    def _cut(self, found: np.ndarray, image: np.ndarray) -> np.ndarray:
        """A result (1, C, H', W') without padding: (C, H, W) in [0, 1]."""
        found = found[0, :, : image.shape[0], : image.shape[1]]
        self._check_finite(found)
        return found.clip(0, 1)

    def _check_finite(self, array: np.ndarray) -> None:
        if not np.isfinite(array).all():
            raise ComputationError(
                f'{self.network_name} computed values that are not finite (precision {self.precision}): '
                'try precision fp32, and check the weights.'
            )


def padded_to(maps: np.ndarray, multiple: int) -> np.ndarray:
    """Extend maps (B, C, H, W) as :func:`hcl_arch.archs.image_form.pad_to_multiple` does; the result is contiguous."""
    for axis in (-2, -1):
        size = maps.shape[axis]
        position = np.arange(-(-size // multiple) * multiple) % (2 * size)
        if position.size > size:
            maps = maps.take(np.minimum(position, 2 * size - 1 - position), axis)
    return np.ascontiguousarray(maps)


def padded_to_least(maps: np.ndarray) -> np.ndarray:
    """Extend maps (B, C, H, W) to a size that networks take; the result is contiguous."""
    return padded_to(maps, MIN_IMAGE_SIZE if min(maps.shape[-2:]) < MIN_IMAGE_SIZE else 1)


def _flipped(maps: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(maps[..., ::-1])
