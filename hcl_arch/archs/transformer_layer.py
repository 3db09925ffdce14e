"""Swin transformer layers, plain (encoder, bottleneck) and mask-guided (decoder)."""

from __future__ import annotations

from typing import Optional

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hcl_arch.archs.partial_conv import PartialConv2d
from hcl_arch.archs.window_attention import (
    HIDDEN_KEY_BIAS,
    WindowAttention,
    merge_windows,
    partition_windows,
    shifted_region_bias,
)


class SwinBlock(nn.Module):
    """Window attention and a two-layer MLP, each after a layer norm and with a residual connection (Eq. 7, 8).

    With a mask, invalid keys are hidden, and afterwards every token of a window that holds a valid one is valid (MAT).

    Args:
        dim: Width of the tokens.
        num_heads: Number of attention heads.
        window_size: Side of a window in pixels.
        shift: How far the windows are displaced, in pixels; not applied to maps of a single window's height or width.
        mlp_ratio: Width of the MLP's hidden layer over ``dim``.
    """

    def __init__(self, dim: int, *, num_heads: int, window_size: int, shift: int, mlp_ratio: int = 2) -> None:
        super().__init__()
        self.window_size = window_size
        self.shift = shift
        self.norm1 = nn.LayerNorm(dim)
        self.attn = WindowAttention(dim, window_size=window_size, num_heads=num_heads)
        self.norm2 = nn.LayerNorm(dim)
        self.mlp = nn.Sequential(nn.Linear(dim, mlp_ratio * dim), nn.GELU(), nn.Linear(mlp_ratio * dim, dim))

    def forward(self, x: Tensor, mask: Optional[Tensor] = None) -> tuple[Tensor, Optional[Tensor]]:
        """Transform a map of tokens.

        Args:
            x: (B, H, W, C), H and W divisible by the window size.
            mask: (B, H, W, 1), 1 = valid, 0 = not; without it all tokens are valid.

        Returns:
            The transformed map, (B, H, W, C), and the updated mask (None without a mask).
        """
        attended, mask = self._attend(self.norm1(x), mask)
        x = x + attended
        return x + self.mlp(self.norm2(x)), mask

    def _attend(self, x: Tensor, mask: Optional[Tensor]) -> tuple[Tensor, Optional[Tensor]]:
        _, height, width, _ = x.shape
        shift = 0 if min(height, width) <= self.window_size else self.shift
        windows = partition_windows(_roll(x, -shift), self.window_size)
        bias: Optional[Tensor] = None
        if shift:
            bias = shifted_region_bias(height, width, self.window_size, shift, x.device)[None, :, None]
        if mask is not None:
            mask_windows = partition_windows(_roll(mask, -shift), self.window_size)
            key_bias = (1 - mask_windows.transpose(2, 3).unsqueeze(2)) * HIDDEN_KEY_BIAS
            bias = key_bias if bias is None else bias + key_bias
            mask_windows = mask_windows.amax(dim=2, keepdim=True).expand_as(mask_windows)
            mask = _roll(merge_windows(mask_windows, self.window_size, height, width), shift)
        attended = self.attn(windows, bias)
        return _roll(merge_windows(attended, self.window_size, height, width), shift), mask


def _roll(x: Tensor, shift: int) -> Tensor:
    return torch.roll(x, (shift, shift), dims=(1, 2)) if shift else x


class TransformerLayer(nn.Module):
    """Swin blocks with windows in place and displaced in turn, a 3x3 convolution with GELU, plus the layer's input.

    Args:
        dim: Width of the map.
        depth: Number of Swin blocks.
        num_heads: Number of attention heads.
        window_size: Side of a window in pixels.
        mask_guided: Whether a mask hides invalid keys and the convolution is a partial one (Section 3.3).
    """

    def __init__(self, dim: int, *, depth: int, num_heads: int, window_size: int, mask_guided: bool = False) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            SwinBlock(dim, num_heads=num_heads, window_size=window_size, shift=window_size // 2 * (index % 2))
            for index in range(depth)
        )
        self.conv: nn.Module = PartialConv2d(dim, dim, 3) if mask_guided else nn.Conv2d(dim, dim, 3, padding=1)

    def forward(self, x: Tensor, mask: Optional[Tensor] = None) -> Tensor:
        """Transform a feature map.

        Args:
            x: (B, C, H, W), H and W divisible by the window size.
            mask: (B, 1, H, W), 1 = valid; needed if, and only if, the layer is mask-guided.

        Returns:
            (B, C, H, W).
        """
        tokens = x.permute(0, 2, 3, 1)
        token_mask = None if mask is None else mask.permute(0, 2, 3, 1)
        for block in self.blocks:
            tokens, token_mask = block(tokens, token_mask)
        features = tokens.permute(0, 3, 1, 2)
        if token_mask is None:
            return x + F.gelu(self.conv(features))
        return x + F.gelu(self.conv(features, token_mask.permute(0, 3, 1, 2)))
