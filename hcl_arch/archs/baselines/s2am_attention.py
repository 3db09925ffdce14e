"""Spatial-separated attention: one treatment for corrupted regions, another for the rest (S2AM).

Cun, Pun: "Improving the Harmony of the Composite Image by Spatial-Separated Attention Module", TIP 2020.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_BLUR_RADIUS = 2


class ChannelGate(nn.Module):
    """x * sigmoid(W2 relu(W1 [mean(x), max(x)])), mean and maximum of each channel over all pixels.

    Args:
        dim: Number of channels.
        reduction: ``dim`` over the width of the hidden layer.
    """

    def __init__(self, dim: int, *, reduction: int = 16) -> None:
        super().__init__()
        hidden = max(dim // reduction, 1)
        self.fc1 = nn.Linear(2 * dim, hidden)
        self.fc2 = nn.Linear(hidden, dim)

    def forward(self, features: Tensor) -> Tensor:
        """(B, dim, H, W) -> (B, dim, H, W)."""
        summary = torch.cat([features.mean(dim=(2, 3)), features.amax(dim=(2, 3))], dim=1)
        gate = torch.sigmoid(self.fc2(F.relu(self.fc1(summary))))
        return features * gate[:, :, None, None]


class WidenedBlock(nn.Module):
    """ELU(norm(conv(ELU(norm(conv(x)))))): 3x3 convolutions to twice the width and back."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(dim, 2 * dim, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(2 * dim)
        self.conv2 = nn.Conv2d(2 * dim, dim, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(dim)

    def forward(self, features: Tensor) -> Tensor:
        """(B, dim, H, W) -> (B, dim, H, W)."""
        features = F.elu(self.norm1(self.conv1(features)))
        return F.elu(self.norm2(self.conv2(features)))


class SeparatedAttention(nn.Module):
    """G_b(x) (1 - m) + (L(G_s(x)) + G_m(x)) m, with three channel gates G and a learned block L.

    Args:
        dim: Number of channels.
        reduction: See :class:`ChannelGate`.
    """

    def __init__(self, dim: int, *, reduction: int = 16) -> None:
        super().__init__()
        self.background_gate = ChannelGate(dim, reduction=reduction)
        self.mixed_gate = ChannelGate(dim, reduction=reduction)
        self.spliced_gate = ChannelGate(dim, reduction=reduction)
        self.block = WidenedBlock(dim)

    def separate(self, features: Tensor, inside: Tensor, outside: Tensor) -> Tensor:
        """Treat regions apart.

        Args:
            features: (B, dim, H, W).
            inside: (B, 1, H, W), weight of the treatment for corrupted pixels, m.
            outside: (B, 1, H, W), weight of that for the others, 1 - m.

        Returns:
            (B, dim, H, W).
        """
        repainted = self.block(self.spliced_gate(features)) + self.mixed_gate(features)
        return self.background_gate(features) * outside + repainted * inside


class GivenMaskAttention(SeparatedAttention):
    """Separated attention by a mask that is given; its edges are softened.

    The mask is made smaller by 2x2 averages in steps of the ratio, and rounded, so that no gradient reaches it there.
    """

    blur_kernel: Tensor

    def __init__(self, dim: int, *, reduction: int = 16) -> None:
        super().__init__(dim, reduction=reduction)
        self.register_buffer('blur_kernel', _blur_kernel())

    def forward(self, features: Tensor, hole: Tensor) -> Tensor:
        """Treat the hole and the rest apart.

        Args:
            features: (B, dim, h, w).
            hole: (B, 1, H, W) in [0, 1], 1 = **corrupted**; H and W are h and w or the same multiple of both.

        Returns:
            (B, dim, h, w).
        """
        hole = mask_at_size(hole, features.shape[-1])
        return self.separate(features, self._blurred(hole), self._blurred(1 - hole))

    def _blurred(self, mask: Tensor) -> Tensor:
        padded = F.pad(mask, [_BLUR_RADIUS] * 4, mode='reflect')
        return F.conv2d(padded, self.blur_kernel.to(mask.dtype))


class BlindAttention(SeparatedAttention):
    """Separated attention by a mask that it finds itself, from mean and maximum over the channels."""

    def __init__(self, dim: int, *, reduction: int = 16, hidden: int = 16) -> None:
        super().__init__(dim, reduction=reduction)
        self.mask_conv1 = nn.Conv2d(2, hidden, 7, padding=3)
        self.mask_conv2 = nn.Conv2d(hidden, 1, 7, padding=3)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Find a region and treat it and the rest apart.

        Args:
            features: (B, dim, h, w).

        Returns:
            (B, dim, h, w), and the logits (B, 1, h, w) that pixels belong to the region, 1 = **corrupted**.
        """
        summary = torch.cat([features.mean(dim=1, keepdim=True), features.amax(dim=1, keepdim=True)], dim=1)
        logits = self.mask_conv2(F.relu(self.mask_conv1(summary)))
        inside = torch.sigmoid(logits)
        return self.separate(features, inside, 1 - inside), logits


def mask_at_size(mask: Tensor, width: int) -> Tensor:
    """A mask (B, 1, H, W) at the size of features that are ``width`` wide: 2x2 averages in steps of W / width, rounded.

    At the features' own size it is left as it is.
    """
    ratio = mask.shape[-1] // width
    return mask if ratio == 1 else F.avg_pool2d(mask, 2, stride=ratio).round()


def _blur_kernel() -> Tensor:
    """(1, 1, 5, 5), exp(-(d / 2)^2) along both axes, of sum 1."""
    line = [math.exp(-((offset / 2) ** 2)) for offset in range(-_BLUR_RADIUS, _BLUR_RADIUS + 1)]
    weights = torch.tensor(line, dtype=torch.float64)
    kernel = weights[:, None] * weights[None, :]
    return (kernel / kernel.sum()).float()[None, None]
