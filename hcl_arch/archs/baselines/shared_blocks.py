"""Blocks that several baselines share."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_BLUR_REACH = 2


class ChannelGate(nn.Module):
    """Weights each channel by statistics s(x) of the whole map: x * sigmoid(W2 relu(W1 s(x))).

    s(x) are the channels' means, or their means followed by their maxima. Sources: Hu et al., "Squeeze-and-Excitation
    Networks", CVPR 2018; with the maxima Cun and Pun, "Improving the Harmony of the Composite Image by
    Spatial-Separated Attention Module", TIP 2020.

    Args:
        dim: Number C of channels.
        reduction: C over the width between the two linear layers; that width is at least 1.
        with_maxima: Whether the maxima count as well.
    """

    def __init__(self, dim: int, *, reduction: int = 16, with_maxima: bool = False) -> None:
        super().__init__()
        hidden = max(dim // reduction, 1)
        self.with_maxima = with_maxima
        self.layers = nn.Sequential(
            nn.Linear(2 * dim if with_maxima else dim, hidden), nn.ReLU(), nn.Linear(hidden, dim)
        )

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        statistics = features.mean(dim=(2, 3))
        if self.with_maxima:
            statistics = torch.cat([statistics, features.amax(dim=(2, 3))], dim=1)
        return features * torch.sigmoid(self.layers(statistics))[:, :, None, None]


class SeparatedAttention(nn.Module):
    """S2AM for a given region map: gates background, mixed and spliced features separately.

    out = G_b(x) * keep + (L(G_s(x)) + G_m(x)) * change, with three channel gates G and two convolutions L that learn
    what the region should look like. Source: Cun and Pun, TIP 2020, "S2AM".

    Args:
        dim: Number C of channels.
        reduction: See :class:`ChannelGate`.
    """

    def __init__(self, dim: int, *, reduction: int = 16) -> None:
        super().__init__()
        self.background_gate = ChannelGate(dim, reduction=reduction, with_maxima=True)
        self.mixed_gate = ChannelGate(dim, reduction=reduction, with_maxima=True)
        self.spliced_gate = ChannelGate(dim, reduction=reduction, with_maxima=True)
        self.learned = nn.Sequential(
            nn.Conv2d(dim, 2 * dim, 3, padding=1, bias=False),
            nn.BatchNorm2d(2 * dim),
            nn.ELU(),
            nn.Conv2d(2 * dim, dim, 3, padding=1, bias=False),
            nn.BatchNorm2d(dim),
            nn.ELU(),
        )

    def forward(self, features: Tensor, *, keep: Tensor, change: Tensor) -> Tensor:
        """Attend by two maps.

        Args:
            features: (B, C, H, W).
            keep: (B, 1, H, W) in [0, 1], weight of the background's features.
            change: (B, 1, H, W) in [0, 1], weight of the features that are to become another's.

        Returns:
            (B, C, H, W).
        """
        changed = self.learned(self.spliced_gate(features)) + self.mixed_gate(features)
        return self.background_gate(features) * keep + changed * change


class HoleGuidedAttention(nn.Module):
    """S2AM for a given region (Cun and Pun, TIP 2020).

    A hole map larger than the features is averaged over 2 x 2 pixels of every cell and rounded, half to even, so no
    gradient passes. Then its borders are blurred by exp(-d^2 / 4) over 5 x 5 cells.

    Args:
        dim: Number C of channels.
        reduction: See :class:`ChannelGate`.
    """

    kernel: Tensor

    def __init__(self, dim: int, *, reduction: int = 16) -> None:
        super().__init__()
        self.attention = SeparatedAttention(dim, reduction=reduction)
        distances = torch.arange(-_BLUR_REACH, _BLUR_REACH + 1, dtype=torch.float32)
        profile = torch.exp(-(distances**2) / 4)
        profile = profile / profile.sum()
        self.register_buffer('kernel', torch.outer(profile, profile)[None, None], persistent=False)

    def forward(self, features: Tensor, hole: Tensor) -> Tensor:
        """Attend by a region.

        Args:
            features: (B, C, h, w), at least 3 x 3 cells.
            hole: (B, 1, H, W) in [0, 1], 1 = to be changed, a whole number of times as large.

        Returns:
            (B, C, h, w).
        """
        ratio = hole.shape[-1] // features.shape[-1]
        if ratio > 1:
            hole = torch.round(F.avg_pool2d(hole, 2, stride=ratio))
        bordered = F.pad(hole, (_BLUR_REACH,) * 4, mode='reflect')
        change = F.conv2d(bordered, self.kernel.to(bordered.dtype))
        return self.attention(features, keep=1 - change, change=change)
