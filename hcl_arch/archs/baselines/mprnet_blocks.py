"""Blocks of MPRNet; its convolutions have no bias, and all blocks share one PReLU."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def conv3(in_dim: int, dim: int) -> nn.Conv2d:
    """A 3 x 3 convolution that keeps the size."""
    return nn.Conv2d(in_dim, dim, 3, padding=1, bias=False)


def conv1(in_dim: int, dim: int) -> nn.Conv2d:
    """A 1 x 1 convolution."""
    return nn.Conv2d(in_dim, dim, 1, bias=False)


class ChannelAttentionBlock(nn.Module):
    """CAB: x + y * gate, y = two convolutions of x, the gate made from y's channel means.

    Args:
        dim: Number C of channels.
        reduction: C over the width of the gate's hidden layer.
        slope: The PReLU between the convolutions, the network's one.
    """

    def __init__(self, dim: int, *, reduction: int, slope: nn.PReLU) -> None:
        super().__init__()
        hidden = dim // reduction
        self.convs = nn.Sequential(conv3(dim, dim), slope, conv3(dim, dim))
        self.gate = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), conv1(dim, hidden), nn.ReLU(), conv1(hidden, dim), nn.Sigmoid()
        )

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        residual = self.convs(features)
        return features + residual * self.gate(residual)


class SupervisedAttention(nn.Module):
    """SAM: computes a stage's picture, and weights the stage's features with it for the next stage.

    Args:
        dim: Number C of channels.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.features = conv1(dim, dim)
        self.to_picture = conv1(dim, 3)
        self.weights = conv1(3, dim)

    def forward(self, features: Tensor, image: Tensor) -> tuple[Tensor, Tensor]:
        """Finish a stage.

        Args:
            features: (B, C, H, W).
            image: (B, 3, H, W), the input.

        Returns:
            Features for the next stage, (B, C, H, W), and the picture, (B, 3, H, W) around [0, 1].
        """
        picture = self.to_picture(features) + image
        return features + self.features(features) * torch.sigmoid(self.weights(picture)), picture


class OriginalResolutionBlock(nn.Module):
    """ORB: channel attention blocks and a convolution, plus the input.

    Args:
        dim: Number C of channels.
        n_blocks: Number of channel attention blocks.
        reduction: See :class:`ChannelAttentionBlock`.
        slope: See :class:`ChannelAttentionBlock`.
    """

    def __init__(self, dim: int, *, n_blocks: int, reduction: int, slope: nn.PReLU) -> None:
        super().__init__()
        blocks = (ChannelAttentionBlock(dim, reduction=reduction, slope=slope) for _ in range(n_blocks))
        self.body = nn.Sequential(*blocks, conv3(dim, dim))

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        return features + self.body(features)


def halved(in_dim: int, dim: int) -> nn.Sequential:
    """(B, in_dim, H, W) -> (B, dim, H / 2, W / 2), bilinear."""
    return nn.Sequential(nn.Upsample(scale_factor=0.5, mode='bilinear', align_corners=False), conv1(in_dim, dim))


def doubled(in_dim: int, dim: int) -> nn.Sequential:
    """(B, in_dim, H, W) -> (B, dim, 2H, 2W), bilinear."""
    return nn.Sequential(nn.Upsample(scale_factor=2, mode='bilinear', align_corners=False), conv1(in_dim, dim))
