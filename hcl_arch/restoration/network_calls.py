"""Calls of a network with arrays, for a confidence map or for a repaired part."""

from __future__ import annotations

import inspect
import math
import threading
from collections.abc import Callable
from typing import Any, Optional

import numpy as np
import torch
from torch import Tensor, nn

from hcl_arch.archs.hcl_detector_arch import HCLDetector
from hcl_arch.archs.image_form import MIN_IMAGE_SIZE, pad_to_multiple, to_network_range
from hcl_arch.archs.layers.norm_folding import fold_norms
from hcl_arch.restoration.memory_use import peak_bytes
from hcl_arch.utils.errors import ComputationError, InputError
from hcl_arch.utils.precision import Precision, autocast, lower_weights

# Side of the picture on which memory is measured.
_TRIAL_SIDE = 256


class NetworkCalls:
    """Runs a network on one image at a time; threads wait for each other.

    Besides the calls it says how holes are to be filled, see :mod:`hcl_arch.restoration.painting`.

    Args:
        network: Supports the calls of :class:`HCLNet`, or returns confidences (B, 1, H, W) for images (detectors).
            It is moved and changed in place.
        device: Where it computes.
        precision: The precision in which it computes.
    """

    def __init__(self, network: nn.Module, device: torch.device, precision: Precision) -> None:
        self.device, self.precision = device, precision
        self.network = network.eval().requires_grad_(False).to(device)
        fold_norms(self.network)
        lower_weights(self.network, precision)
        self.size_multiple = _size_multiple(network)
        self.largest_side = _largest_side(network)
        self._looker = _looker(network)
        self.takes_looks = self._looker is not None
        self.look_multiple: int = getattr(self._looker, 'look_multiple', 1)
        self.look_cell: int = getattr(self._looker, 'mask_cell', 1)
        self.restores = 'return_all' in inspect.signature(network.forward).parameters
        self._lock = threading.Lock()
        self._bytes_per_pixel: dict[str, float] = {}

    @property
    def reach(self) -> float:
        """How far from known pixels the network fills well, in pixels."""
        return self.size_multiple

    def detect(self, image: np.ndarray) -> np.ndarray:
        """Return the confidence of an image, (H, W, 3) float32 RGB in [0, 1]: (H, W) float32 in [0, 1].

        Raises:
            ValueError: If the network does not compute a confidence.
        """
        return self._run(self._confidence, image)[0]

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
        pixels = torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))[None].to(self.device)
        pixels = to_network_range(pad_to_multiple(pixels, self.look_multiple))
        known = None
        if prior is not None:
            ratio = -(-height // prior.shape[0])
            known = torch.from_numpy(np.ascontiguousarray(prior))[None, None].to(self.device)
            known = pad_to_multiple(known, max(1, self.look_multiple // ratio))
        with self._lock, torch.no_grad(), autocast(self.precision, self.device):
            logits = self._logits(pixels, known)
        cell = pixels.shape[-1] // logits.shape[-1]
        array = logits[0, 0, : -(-height // cell), : -(-width // cell)].float().cpu().numpy()
        self._check_finite(array)
        return array

    def _logits(self, pixels: Tensor, prior: Optional[Tensor]) -> Tensor:
        assert self._looker is not None
        logits = self._looker.finest_logits(pixels, prior)
        if not getattr(self.network, 'detect_mirrored', False):
            return logits
        mirrored = self._looker.finest_logits(pixels.flip(-1), None if prior is None else prior.flip(-1))
        return (logits + mirrored.flip(-1)) / 2

    def repair(self, image: np.ndarray, hole: np.ndarray) -> np.ndarray:
        """Repaint an image by a given mask.

        Args:
            image: (H, W, 3) float32 RGB in [0, 1].
            hole: (H, W) bool, True = repaint.

        Returns:
            (H, W, 3) float32, the network's whole picture.

        Raises:
            ValueError: If the network is a detector only.
        """
        self.check_restores()
        mask = torch.from_numpy((~hole).astype(np.float32))[None]
        return self._run(self._repaired, image, mask).transpose(1, 2, 0)

    def check_restores(self) -> None:
        """Raise ValueError if the network only detects."""
        if not self.restores:
            raise InputError(
                f'{type(self.network).__name__} only detects: it has no decoder to repair with. Use Restorer.detect, '
                'or a model that restores, such as HCLNet or DetectThenRestore.'
            )

    def detection_bytes(self) -> float:
        """Memory that detection needs for each pixel, in bytes, measured once."""
        return self._bytes('detect', lambda: self.detect(_trial_image()))

    def repair_bytes(self) -> float:
        """Memory that repairing needs for each pixel, in bytes, measured once."""
        return self._bytes('repair', lambda: self.repair(_trial_image(), np.ones((_TRIAL_SIDE, _TRIAL_SIDE), bool)))

    def padded(self, size: int) -> int:
        """The length to which the network pads a side of this many pixels."""
        return -(-max(size, MIN_IMAGE_SIZE) // self.size_multiple) * self.size_multiple

    def _bytes(self, name: str, run: Callable[[], object]) -> float:
        if name not in self._bytes_per_pixel:
            self._bytes_per_pixel[name] = peak_bytes(run, self.device) / self.padded(_TRIAL_SIDE) ** 2
        return self._bytes_per_pixel[name]

    def _run(self, call: Callable[..., Tensor], image: np.ndarray, *maps: Tensor) -> np.ndarray:
        """Call with a batch of one image and maps (1, H, W), padded to the least size: (C, H, W) float32 in [0, 1]."""
        height, width = image.shape[:2]
        image = np.ascontiguousarray(image.transpose(2, 0, 1))
        tensors = [_padded_to_least(each[None].to(self.device)) for each in (torch.from_numpy(image), *maps)]
        with self._lock, torch.no_grad(), autocast(self.precision, self.device):
            result = call(*tensors)
        array = result[0, :, :height, :width].float().cpu().numpy()
        self._check_finite(array)
        return array.clip(0, 1)

    def _check_finite(self, array: np.ndarray) -> None:
        if not np.isfinite(array).all():
            raise ComputationError(
                f'{type(self.network).__name__} computed values that are not finite (precision {self.precision}): '
                'try precision fp32, and check the weights.'
            )

    def _confidence(self, image: Tensor) -> Tensor:
        if self.restores:
            return self.network(image, return_all=True, restore=False).soft_mask
        confidence = self.network(image)
        if not isinstance(confidence, Tensor) or confidence.shape != (1, 1, *image.shape[-2:]):
            raise InputError(
                f'{type(self.network).__name__} finds no corruption: expected a network that answers as HCLNet does, '
                'or a detector that gives a confidence (B, 1, H, W).'
            )
        return confidence

    def _repaired(self, image: Tensor, mask: Tensor) -> Tensor:
        repair: Any = getattr(self.network, 'repair', None)
        if repair is not None:
            return repair(image, mask)
        return self.network(image, true_mask=mask, guidance='true')


def _looker(network: nn.Module) -> Optional[HCLDetector]:
    """A network's detector, or the network itself, if it takes several looks at an image."""
    detector = getattr(network, 'detector', network)
    return detector if isinstance(detector, HCLDetector) and detector.looks > 1 else None


def _size_multiple(network: nn.Module) -> int:
    """The multiple to which the sides of pictures are padded; for a network with parts, one that suits all parts."""
    multiples = [getattr(module, 'size_multiple', 1) for module in (network, *network.children())]
    return math.lcm(*(multiple for multiple in multiples if isinstance(multiple, int)))


def _largest_side(network: nn.Module) -> Optional[int]:
    """The longest side of what the network, or a part of it, can paint at once; None = any."""
    sides = [getattr(module, 'largest_side', None) for module in (network, *network.children())]
    return min((side for side in sides if isinstance(side, int)), default=None)


def _padded_to_least(tensor: Tensor) -> Tensor:
    return pad_to_multiple(tensor, MIN_IMAGE_SIZE) if min(tensor.shape[-2:]) < MIN_IMAGE_SIZE else tensor


def _trial_image() -> np.ndarray:
    generator = np.random.default_rng(0)
    return generator.random((_TRIAL_SIDE, _TRIAL_SIDE, 3), np.float32)
