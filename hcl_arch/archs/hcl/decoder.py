"""The mask-guided decoder that paints the coarse restoration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hcl_arch.archs.layers.exporting import exact, twice_as_large
from hcl_arch.archs.layers.transformer_layer import TransformerLayer
from hcl_arch.archs.layers.upsample_conv import nearest_upsample_conv

UpsampleMode = Literal['bilinear', 'nearest']


class Decoder(nn.Module):
    """F_dec: restores an image from the encoder's features, coarse to fine, guided by a mask at each stage.

    Args:
        widths: Width of each encoder stage, fine to coarse; a decoder stage has twice that width (joined features).
        depths: Number of Swin blocks of each stage, fine to coarse.
        num_heads: Number of attention heads of each stage, fine to coarse.
        window_size: Side of the attention windows in pixels.
        n_conv_stages: Number of x2 upsamplings after the finest stage.
        upsample_mode: How they upsample (the released weights differ).
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
        upsample_mode: UpsampleMode = 'bilinear',
        use_checkpoint: bool = False,
    ) -> None:
        super().__init__()
        self.upsample_mode = upsample_mode
        self.layers = nn.ModuleList(
            TransformerLayer(
                2 * width,
                depth=depth,
                num_heads=heads,
                window_size=window_size,
                mask_guided=True,
                use_checkpoint=use_checkpoint,
            )
            for width, depth, heads in zip(widths, depths, num_heads)
        )
        self.upsamples = nn.ModuleList(
            nn.Conv2d(2 * coarse, fine, 3, padding=1) for fine, coarse in zip(widths, widths[1:])
        )
        self.conv_stages = nn.ModuleList(
            nn.Conv2d(2 * widths[0], 2 * widths[0], 3, padding=1) for _ in range(n_conv_stages)
        )
        self.last_conv = nn.Conv2d(2 * widths[0], 3, 1)

    def forward(self, x: Tensor, features: list[Tensor], masks: Sequence[Tensor]) -> Tensor:
        """Decode.

        Args:
            x: The bottleneck's output, of the coarsest stage's shape.
            features: Feature maps of the encoder's stages, fine to coarse. The list is emptied: a large image leaves no
                room for maps that are no longer needed.
            masks: (B, 1, h, w) of every stage, fine to coarse, 1 = uncorrupted.

        Returns:
            (B, 3, H, W) in [-1, 1].
        """
        for stage in reversed(range(len(self.layers))):
            x = self.layers[stage](torch.cat([x, features.pop()], dim=1), masks[stage])
            if stage > 0:
                x = F.gelu(nearest_upsample_conv(x, self.upsamples[stage - 1]))
        for conv in self.conv_stages:
            x = F.gelu(conv(twice_as_large(x, self.upsample_mode)))
        # In float32 under autocast too: in 16 bit neighbouring gray levels would fall together.
        return torch.tanh(exact(self.last_conv(x)))
