"""Base class of detectors that classify pixels."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from hcl_arch.archs.image_form import check_image, pad_to_multiple, to_network_range


class PixelDetector(nn.Module, ABC):
    """A detector with a logit for each pixel; subclasses set ``size_multiple`` and define ``_logits``."""

    size_multiple: int

    def forward(self, image: Tensor) -> Tensor:
        """Find the corrupted regions of an image.

        Args:
            image: (B, 3, H, W) RGB in [0, 1], of any size from 16 pixels up.

        Returns:
            (B, 1, H, W), the confidence that a pixel is uncorrupted, in [0, 1].

        Raises:
            ValueError: If the image has another shape.
        """
        height, width = check_image(image)
        return torch.sigmoid(self.mask_logits(image)[..., :height, :width])

    def mask_logits(self, image: Tensor) -> Tensor:
        """Logits behind the confidence, (B, 1, h, w), h and w being H and W rounded up to ``size_multiple``."""
        check_image(image)
        return self._logits(to_network_range(pad_to_multiple(image, self.size_multiple)))

    @abstractmethod
    def _logits(self, image: Tensor) -> Tensor:
        """(B, 3, h, w) in [-1, 1], h and w multiples of ``size_multiple`` -> (B, 1, h, w)."""
