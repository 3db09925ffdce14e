"""Swin transformer layers, plain (encoder, bottleneck) and mask-guided (decoder)."""

from __future__ import annotations

from typing import Any, Optional

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hcl_arch.archs.layers.activations import OverwritingGELU, gelu_
from hcl_arch.archs.layers.exported_windows import attend_in_windows
from hcl_arch.archs.layers.exporting import is_exporting, without_autocast
from hcl_arch.archs.layers.partial_conv import PartialConv2d
from hcl_arch.archs.layers.portions import checkpointed, overwrite_in_portions, recomputed_in_portions
from hcl_arch.archs.layers.window_attention import WindowAttention
from hcl_arch.archs.layers.window_order import WindowGrid, between_windows, from_windows, to_windows

# A block keeps about 13 numbers for each of its inputs, and computing them again takes 16 C operations for each. So in
# narrow blocks much memory is to be had for little work; on a CPU they are always computed again.
_RECOMPUTED_WIDTH = 128


class LayerNorm(nn.LayerNorm):
    """Layer norm that keeps its input's precision under autocast (its statistics are float32)."""

    def forward(self, x: Tensor) -> Tensor:
        """(..., C) -> (..., C)."""
        with without_autocast(x):
            weight, bias = self.weight.to(x.dtype), self.bias.to(x.dtype)
            return F.layer_norm(x, self.normalized_shape, weight, bias, self.eps)


class SwinBlock(nn.Module):
    """Window attention and a two-layer MLP, each with a layer norm before it and a residual connection (Eq. 7, 8).

    Args:
        dim: Width of the tokens.
        num_heads: Number of attention heads.
        window_size: Side of a window in pixels; N is its square.
        mlp_ratio: Width of the MLP's hidden layer as a multiple of ``dim``.
    """

    def __init__(self, dim: int, *, num_heads: int, window_size: int, mlp_ratio: int = 2) -> None:
        super().__init__()
        self.norm1 = LayerNorm(dim)
        self.attn = WindowAttention(dim, window_size=window_size, num_heads=num_heads)
        self.norm2 = LayerNorm(dim)
        self.mlp = nn.Sequential(nn.Linear(dim, mlp_ratio * dim), OverwritingGELU(), nn.Linear(mlp_ratio * dim, dim))

    def forward(self, windows: Tensor, regions: Optional[Tensor] = None, valid: Optional[Tensor] = None) -> Tensor:
        """Transform windows of tokens.

        Args:
            windows: (W, N, C), W windows of N tokens.
            regions: (W, N), see :class:`WindowAttention`.
            valid: (W, N), see :class:`WindowAttention`.

        Returns:
            (W, N, C).
        """
        windows = windows + self.attn(self.norm1(windows), regions, valid)
        return windows + self.mlp(self.norm2(windows))


class TransformerLayer(nn.Module):
    """Swin blocks with alternately regular and shifted windows, a 3x3 convolution with GELU, plus the layer's input.

    Windows are not shifted if the map is only one window high or wide. With a mask, attention ignores invalid keys.
    After each block, all tokens of a window that contains a valid token become valid (MAT).

    Args:
        dim: Width of the map.
        depth: Number of Swin blocks, at least 1.
        num_heads: Number of attention heads.
        window_size: Side of a window in pixels.
        mask_guided: Whether a mask hides invalid keys and the convolution is partial (Section 3.3).
        use_checkpoint: Whether training recomputes blocks and convolution in the backward pass instead of storing their
            intermediate results. On a CPU, narrow blocks are always recomputed.

    Raises:
        ValueError: If the depth is below 1.
    """

    def __init__(
        self,
        dim: int,
        *,
        depth: int,
        num_heads: int,
        window_size: int,
        mask_guided: bool = False,
        use_checkpoint: bool = False,
    ) -> None:
        super().__init__()
        if depth < 1:
            raise ValueError(f'A transformer layer needs at least one block, got a depth of {depth}.')
        self.window_size = window_size
        self.use_checkpoint = use_checkpoint
        self.blocks = nn.ModuleList(SwinBlock(dim, num_heads=num_heads, window_size=window_size) for _ in range(depth))
        self.conv: nn.Module = PartialConv2d(dim, dim, 3) if mask_guided else nn.Conv2d(dim, dim, 3, padding=1)

    def forward(self, x: Tensor, mask: Optional[Tensor] = None) -> Tensor:
        """Transform a feature map.

        Args:
            x: (B, C, H, W), H and W divisible by the window size.
            mask: (B, 1, H, W), 1 = valid; needed if, and only if, the layer is mask-guided.

        Returns:
            (B, C, H, W).
        """
        if is_exporting():
            tokens, token_mask = attend_in_windows(self.blocks, x, mask, self.window_size)
        else:
            tokens, token_mask = self._attend(x, mask)
        return self._close(x, tokens, token_mask)

    def _attend(self, x: Tensor, mask: Optional[Tensor]) -> tuple[Tensor, Optional[Tensor]]:
        """The map (B, C, H, W) after the blocks, a copy, and the mask that they leave."""
        b, c, height, width = x.shape
        grids = [self._grid(height, width, index) for index in range(len(self.blocks))]
        order = to_windows(grids[0], x.device)
        tokens = order(x.permute(0, 2, 3, 1).reshape(-1, c))
        valid = None if mask is None else order(mask.reshape(-1, 1))
        for index, block in enumerate(self.blocks):
            if index > 0 and grids[index] != grids[index - 1]:
                order = between_windows(grids[index - 1], grids[index], x.device)
                tokens = order(tokens)
                valid = None if valid is None else order(valid)
            regions = grids[index].regions(x.device).repeat(b, 1) if grids[index].shift else None
            tokens, valid = self._block(block, tokens, regions, valid)
        order = from_windows(grids[-1], x.device)
        tokens = order(tokens).view(b, height, width, c).permute(0, 3, 1, 2)
        return tokens, None if valid is None else order(valid).view(b, 1, height, width)

    def _grid(self, height: int, width: int, index: int) -> WindowGrid:
        single = min(height, width) <= self.window_size
        return WindowGrid(height, width, self.window_size, 0 if single else self.window_size // 2 * (index % 2))

    def _block(
        self, block: nn.Module, tokens: Tensor, regions: Optional[Tensor], valid: Optional[Tensor]
    ) -> tuple[Tensor, Optional[Tensor]]:
        """A block on (B * H * W, C) tokens and (B * H * W, 1) mask in its window order."""
        windows = tokens.view(-1, self.window_size**2, tokens.shape[-1])
        window_valid = None if valid is None else valid.view(-1, self.window_size**2)
        if torch.compiler.is_compiling():
            windows = checkpointed(block, windows, regions, window_valid, enabled=self.use_checkpoint)
        elif not torch.is_grad_enabled():
            overwrite_in_portions(block, windows, regions, window_valid)
        elif self.use_checkpoint or (windows.device.type == 'cpu' and windows.shape[-1] <= _RECOMPUTED_WIDTH):
            windows = recomputed_in_portions(block, windows, regions, window_valid)
        else:
            windows = block(windows, regions, window_valid)
        if window_valid is not None:
            valid = window_valid.amax(dim=1, keepdim=True).expand_as(window_valid).reshape(-1, 1)
        return windows.view_as(tokens), valid

    def _close(self, x: Tensor, features: Tensor, mask: Optional[Tensor]) -> Tensor:
        if torch.is_grad_enabled() or torch.compiler.is_compiling():
            return x + checkpointed(self._convolve, features, mask, enabled=self.use_checkpoint)
        if mask is None:
            features = self.conv(features)
        else:
            assert isinstance(self.conv, PartialConv2d)
            features = self.conv.overwrite(features, mask)
        return gelu_(features).add_(x)

    def _convolve(self, features: Tensor, mask: Optional[Tensor]) -> Tensor:
        arguments: tuple[Any, ...] = (features,) if mask is None else (features, mask)
        return F.gelu(self.conv(*arguments))
