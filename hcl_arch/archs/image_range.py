"""The two conversions between the registry boundary's image range and the networks' own."""

from __future__ import annotations

from torch import Tensor


def to_network_range(image: Tensor) -> Tensor:
    """Map an image from [0, 1] (registry boundary) to [-1, 1] (inside the networks)."""
    return image * 2 - 1


def to_image_range(image: Tensor) -> Tensor:
    """Map an image from [-1, 1] (inside the networks) to [0, 1]; the inverse of :func:`to_network_range`."""
    return (image + 1) / 2
