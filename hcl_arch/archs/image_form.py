"""Convert images to the form that networks need, and back: size, padding and range.

Outside the networks an image may have any size from 16 pixels up and has values in [0, 1]. Inside, its size is a
multiple of the strides and its values are in [-1, 1].
"""

from __future__ import annotations

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from hcl_arch.archs.layers.exporting import is_exporting
from hcl_arch.utils.image_limits import MIN_IMAGE_SIZE

MapUpsampling = Literal['nearest', 'bilinear']


def pad_to_multiple(image: Tensor, multiple: int) -> Tensor:
    """Extend an image at the bottom and right by mirroring until both sides are multiples of ``multiple``.

    The mirror repeats as often as needed (the edge pixel is doubled), so that any size works and the padding holds
    only content that the image has. Cut the result back with ``[..., :height, :width]``.

    Args:
        image: (B, C, H, W), any dtype.
        multiple: What H and W shall be divisible by.

    Returns:
        (B, C, H', W'); the input itself where nothing is to be added.

    >>> pad_to_multiple(torch.zeros(1, 3, 20, 33), 16).shape
    torch.Size([1, 3, 32, 48])
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


def to_network_range(image: Tensor) -> Tensor:
    """Map an image from [0, 1] (registry boundary) to [-1, 1] (inside the networks)."""
    return image * 2 - 1


def to_image_range(image: Tensor) -> Tensor:
    """Map an image from [-1, 1] (inside the networks) to [0, 1]; the inverse of :func:`to_network_range`.

    >>> to_image_range(to_network_range(torch.tensor([0.0, 0.25, 1.0])))
    tensor([0.0000, 0.2500, 1.0000])
    """
    return (image + 1) / 2


def check_image(image: Tensor) -> tuple[int, int]:
    """Height and width of a batch of images that the networks accept.

    Raises:
        ValueError: If it is not (B, 3, H, W) with H and W at least 16.
    """
    if image.ndim != 4 or image.shape[1] != 3 or min(image.shape[-2:]) < MIN_IMAGE_SIZE:
        raise ValueError(
            f'Expected images of shape (B, 3, H, W) with H and W >= {MIN_IMAGE_SIZE}, got {tuple(image.shape)}; '
            'enlarge smaller ones first.'
        )
    return image.shape[-2], image.shape[-1]


def to_image_size(
    stage_map: Tensor, height: int, width: int, size_multiple: int, mode: MapUpsampling = 'nearest'
) -> Tensor:
    """Bring the finest stage's map to an image's size, then cut the padding off.

    Args:
        stage_map: (B, C, h, w) on the padded grid.
        height: H of the image.
        width: W of the image.
        size_multiple: What the image was padded to a multiple of.
        mode: Nearest neighbour, or bilinear for smooth borders.

    Returns:
        (B, C, H, W).
    """
    scale = math.ceil(height / size_multiple) * size_multiple // stage_map.shape[-2]
    if scale > 1:
        stage_map = F.interpolate(stage_map, scale_factor=scale, mode=mode)
    return stage_map[..., :height, :width]


def binary_mask(confidence: Tensor) -> Tensor:
    """1 where a confidence is at least 0.5, 0 where it is less; what is no number stays none."""
    return (confidence >= 0.5) + 0 * confidence.detach()
