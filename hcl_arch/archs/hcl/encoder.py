"""The encoder: strided convolutions and three stages of transformer layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

from hcl_arch.archs.layers.transformer_layer import TransformerLayer

ConvStageOrder = Literal['conv_gelu', 'gelu_conv']


class Encoder(nn.Module):
    """F_enc: turns an image into one feature map per stage, fine to coarse (Section 3.1).

    Args:
        widths: Width of each stage, fine to coarse.
        depths: Number of Swin blocks of each stage.
        num_heads: Number of attention heads of each stage.
        window_size: Side of the attention windows in pixels.
        n_conv_stages: Number of stride-2 convolutions before the first stage.
        conv_stage_order: Whether these apply GELU after the convolution or before it (older released weights).
        use_checkpoint: See :class:`TransformerLayer`.
    """

    def __init__(
        self,
        *,
        widths: Sequence[int],
        depths: Sequence[int],
        num_heads: Sequence[int],
        window_size: int,
        n_conv_stages: int = 0,
        conv_stage_order: ConvStageOrder = 'conv_gelu',
        use_checkpoint: bool = False,
    ) -> None:
        super().__init__()
        self.conv_stage_order = conv_stage_order
        self.first_conv = nn.Conv2d(3, widths[0], 5, padding=2)
        self.conv_stages = nn.ModuleList(_strided_conv(widths[0], widths[0]) for _ in range(n_conv_stages))
        self.layers = nn.ModuleList(
            TransformerLayer(
                width, depth=depth, num_heads=heads, window_size=window_size, use_checkpoint=use_checkpoint
            )
            for width, depth, heads in zip(widths, depths, num_heads)
        )
        self.downsamples = nn.ModuleList(_strided_conv(fine, coarse) for fine, coarse in zip(widths, widths[1:]))

    def forward(self, image: Tensor) -> list[Tensor]:
        """Encode.

        Args:
            image: (B, 3, H, W) in [-1, 1].

        Returns:
            The stages' feature maps, fine to coarse: (B, widths[i], H / 2**(n_conv_stages + i), W / ...).
        """
        x = F.gelu(self.first_conv(image))
        for conv in self.conv_stages:
            x = F.gelu(conv(x)) if self.conv_stage_order == 'conv_gelu' else conv(F.gelu(x))
        features = [self.layers[0](x)]
        for downsample, layer in zip(self.downsamples, self.layers[1:]):
            features.append(layer(F.gelu(downsample(features[-1]))))
        return features


def _strided_conv(in_channels: int, out_channels: int) -> nn.Conv2d:
    return nn.Conv2d(in_channels, out_channels, 3, stride=2, padding=1)
