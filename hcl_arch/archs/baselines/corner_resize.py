"""Bilinear resizing with grids aligned at the first pixel, as in SIRF and DHAN."""

from __future__ import annotations

import torch
from torch import Tensor


def corner_resize(features: Tensor, height: int, width: int) -> Tensor:
    """Resize bilinearly by the rule: source coordinate = target index * (source size / target size).

    There is no shift by half a pixel, and beyond the last source pixel its value stays. It is what TensorFlow 1 does;
    no mode of ``torch.nn.functional.interpolate`` is equal to it.

    Args:
        features: (B, C, h, w).
        height: H.
        width: W.

    Returns:
        (B, C, H, W); the input itself where it has that size.
    """
    return _resize_axis(_resize_axis(features, -2, height), -1, width)


def _resize_axis(features: Tensor, axis: int, size: int) -> Tensor:
    source_size = features.shape[axis]
    if source_size == size:
        return features
    position = torch.arange(size, device=features.device, dtype=torch.float32) * (source_size / size)
    before = position.floor().long().clamp(max=source_size - 1)
    after = (before + 1).clamp(max=source_size - 1)
    share = (position - before).to(features.dtype)
    if axis == -2:
        share = share[:, None]
    return torch.lerp(features.index_select(axis, before), features.index_select(axis, after), share)
