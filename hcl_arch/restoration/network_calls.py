"""Calls of a network by PyTorch."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any, Optional

import numpy as np
import torch
from torch import Tensor, nn

from hcl_arch.archs.hcl_detector_arch import HCLDetector
from hcl_arch.archs.image_form import to_network_range
from hcl_arch.archs.layers.norm_folding import fold_norms
from hcl_arch.restoration.calls import Calls, padded_to_least
from hcl_arch.restoration.memory_use import peak_bytes
from hcl_arch.utils.errors import InputError
from hcl_arch.utils.precision import Precision, autocast, lower_weights

# Side of the picture on which memory is measured.
_TRIAL_SIDE = 256


class NetworkCalls(Calls):
    """Runs a network by PyTorch.

    Args:
        network: Supports the calls of :class:`HCLNet`, or returns confidences (B, 1, H, W) for images (detectors).
            It is moved and changed in place.
        device: Where it computes.
        precision: The precision in which it computes.
    """

    def __init__(self, network: nn.Module, device: torch.device, precision: Precision) -> None:
        super().__init__()
        self.device, self.precision = device, precision
        self.network_name = type(network).__name__
        self.network = network.eval().requires_grad_(False).to(device)
        fold_norms(self.network)
        lower_weights(self.network, precision)
        self.size_multiple = _size_multiple(network)
        self.largest_side = _largest_side(network)
        self._looker = _looker(network)
        self.takes_looks = self._looker is not None
        self.look_multiple = getattr(self._looker, 'look_multiple', 1)
        self.look_cell = getattr(self._looker, 'mask_cell', 1)
        self.looks_mirrored = bool(getattr(network, 'detect_mirrored', False))
        self.takes_confidence = bool(getattr(network, 'takes_confidence', False))
        self.restores = 'return_all' in inspect.signature(network.forward).parameters
        self._bytes_per_pixel: dict[str, float] = {}

    def detect(self, image: np.ndarray) -> np.ndarray:
        """Return the confidence of an image, (H, W, 3) float32 RGB in [0, 1]: (H, W) float32 in [0, 1].

        Raises:
            ValueError: If the network does not compute a confidence.
        """
        pixels = padded_to_least(image.transpose(2, 0, 1)[None])
        with self._lock:
            confidence = self._run(self._confidence, pixels)
        return self._cut(confidence, image)[0]

    def check_restores(self) -> None:
        """Raise ValueError if the network only detects."""
        if not self.restores:
            raise InputError(
                f'{self.network_name} only detects: it has no decoder to repair with. Use Restorer.detect, '
                'or a model that restores, such as HCLNet or DetectThenRestore.'
            )

    def detection_bytes(self) -> float:
        """Memory that detection needs for each pixel, in bytes, measured once."""
        return self._bytes('detect', lambda: self.detect(_trial_image()))

    def repair_bytes(self) -> float:
        """Memory that repairing needs for each pixel, in bytes, measured once."""
        return self._bytes('repair', lambda: self.repair(_trial_image(), np.ones((_TRIAL_SIDE, _TRIAL_SIDE), bool)))

    def _bytes(self, name: str, run: Callable[[], object]) -> float:
        if name not in self._bytes_per_pixel:
            self._bytes_per_pixel[name] = peak_bytes(run, self.device) / self.padded(_TRIAL_SIDE) ** 2
        return self._bytes_per_pixel[name]

    def _logits(self, pixels: np.ndarray, prior: Optional[np.ndarray]) -> np.ndarray:
        assert self._looker is not None
        look = self._looker.finest_logits
        if prior is None:
            return self._run(lambda image: look(to_network_range(image)), pixels)
        return self._run(lambda image, known: look(to_network_range(image), known), pixels, prior)

    def _repainted(self, pixels: np.ndarray, mask: np.ndarray, confidence: np.ndarray) -> np.ndarray:
        return self._run(self._repaired, pixels, mask, *([confidence] if self.takes_confidence else []))

    def _run(self, call: Callable[..., Tensor], *maps: np.ndarray) -> np.ndarray:
        tensors = [torch.from_numpy(each).to(self.device) for each in maps]
        with torch.no_grad(), autocast(self.precision, self.device):
            return call(*tensors).float().cpu().numpy()

    def _confidence(self, image: Tensor) -> Tensor:
        if self.restores:
            return self.network(image, return_all=True, restore=False).soft_mask
        confidence = self.network(image)
        if not isinstance(confidence, Tensor) or confidence.shape != (1, 1, *image.shape[-2:]):
            raise InputError(
                f'{self.network_name} finds no corruption: expected a network that answers as HCLNet does, '
                'or a detector that gives a confidence (B, 1, H, W).'
            )
        return confidence

    def _repaired(self, image: Tensor, mask: Tensor, confidence: Optional[Tensor] = None) -> Tensor:
        repair: Any = getattr(self.network, 'repair', None)
        if confidence is not None:
            return repair(image, mask, confidence=confidence)
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


def _trial_image() -> np.ndarray:
    generator = np.random.default_rng(0)
    return generator.random((_TRIAL_SIDE, _TRIAL_SIDE, 3), np.float32)
