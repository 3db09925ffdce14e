"""Convert images of BasicSR's metrics into tensors for networks."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def image_pair(img: NDArray, img2: NDArray, device: torch.device) -> Tensor:
    """Stack two images into a batch.

    Args:
        img: (H, W, 3) uint8 BGR.
        img2: (H, W, 3) uint8 BGR.
        device: Where the batch is to be.

    Returns:
        (2, 3, H, W) float32 RGB in [0, 1].

    Raises:
        ValueError: If an image has another form or type, or the two differ in size.
    """
    for image in (img, img2):
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
            raise ValueError(f'Expected an image (H, W, 3) of uint8, got {image.shape} of {image.dtype}.')
    if img.shape != img2.shape:
        raise ValueError(f'Expected two images of one size, got {img.shape} and {img2.shape}.')
    rgb = np.stack([img, img2])[..., ::-1].transpose(0, 3, 1, 2)
    return torch.from_numpy(np.ascontiguousarray(rgb)).to(device).float() / 255
