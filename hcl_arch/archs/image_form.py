"""Padding of images to the sizes that strided stages and windows need."""

from __future__ import annotations

import torch
from torch import Tensor

from hcl_arch.archs.layers.exporting import is_exporting


def pad_to_multiple(image: Tensor, multiple: int) -> Tensor:
    """Extend an image at the bottom and right by mirroring until both sides are multiples of ``multiple``.

    The mirror repeats as often as needed (the edge pixel is doubled), so that any size works and the padding holds
    only content that the image has. Cut the result back with ``[..., :height, :width]``.

    Args:
        image: (B, C, H, W), any dtype.
        multiple: What H and W shall be divisible by.

    Returns:
        (B, C, H', W'); the input itself where nothing is to be added.
    """
    for axis in (-2, -1):
        size = image.shape[axis]
        target = (size + multiple - 1) // multiple * multiple
        if is_exporting() or target != size:
            image = image.index_select(axis, _mirrored_indices(size, target, image.device))
    return image


def _mirrored_indices(size: int, target: int, device: torch.device) -> Tensor:
    position = torch.arange(target, device=device) % (2 * size)
    return torch.minimum(position, 2 * size - 1 - position)
