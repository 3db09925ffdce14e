"""Blocks of DHAN: gated aggregation of layers, and a pooling pyramid."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hcl_arch.archs.baselines.adaptive_conv import AdaptiveConv
from hcl_arch.archs.baselines.corner_resize import corner_resize
from hcl_arch.archs.baselines.shared_blocks import ChannelGate

_GATE_REDUCTION = 8
_WINDOWS = (4, 8, 16, 32)


class Aggregation(nn.Module):
    """Concatenates layers, gates their channels, and reduces them to ``dim`` channels with a 3x3 convolution.

    Args:
        n_layers: Number of layers of ``dim`` channels.
        dim: Width.
    """

    def __init__(self, n_layers: int, dim: int) -> None:
        super().__init__()
        self.gate = ChannelGate(n_layers * dim, reduction=_GATE_REDUCTION)
        self.conv = AdaptiveConv(n_layers * dim, dim, 3)
        for layer in self.gate.layers:
            if isinstance(layer, nn.Linear):
                nn.init.trunc_normal_(layer.weight, std=layer.in_features**-0.5)
                nn.init.zeros_(layer.bias)

    def forward(self, layers: Sequence[Tensor]) -> Tensor:
        """n_layers x (B, dim, H, W) -> (B, dim, H, W)."""
        return self.conv(self.gate(torch.cat(list(layers), dim=1)))


class PoolingPyramid(nn.Module):
    """Joins features with their averages over windows of 4, 8, 16 and 32 pixels."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.convs = nn.ModuleList(AdaptiveConv(dim, dim, 1) for _ in _WINDOWS)
        self.fusion = AdaptiveConv((len(_WINDOWS) + 1) * dim, dim, 3)

    def forward(self, features: Tensor) -> Tensor:
        """(B, dim, H, W) -> (B, dim, H, W)."""
        height, width = features.shape[-2:]
        averages = [
            corner_resize(conv(window_means(features, window)), height, width)
            for conv, window in zip(self.convs, _WINDOWS)
        ]
        return self.fusion(torch.cat([*averages, features], dim=1))


def window_means(features: Tensor, window: int) -> Tensor:
    """Means over windows side by side; where they do not fit, those at the borders are cut, on both sides alike.

    Args:
        features: (B, C, H, W).
        window: Side of a window in pixels.

    Returns:
        (B, C, h, w), h and w being H / window and W / window, rounded up.
    """
    height, width = features.shape[-2:]
    missing_rows, missing_columns = -height % window, -width % window
    if not missing_rows and not missing_columns:
        return F.avg_pool2d(features, window)
    top, left = missing_rows // 2, missing_columns // 2
    border = (left, missing_columns - left, top, missing_rows - top)
    covered = F.avg_pool2d(F.pad(features.new_ones(1, 1, height, width), border), window)
    return F.avg_pool2d(F.pad(features, border), window) / covered
