"""Multi-head self-attention within windows, with relative position bias (Swin) and key masks (MAT)."""

from __future__ import annotations

from typing import Optional

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# Added to the logit of a key that must not be seen: small enough to vanish in a softmax beside any visible key, yet
# finite, so that a window without a visible key attends as if there were no mask (MAT, Eq. 9 of the paper).
HIDDEN_KEY_BIAS = -100.0


def partition_windows(x: Tensor, window_size: int) -> Tensor:
    """Cut a map into windows.

    Args:
        x: (B, H, W, C), H and W divisible by ``window_size``.
        window_size: Side of a window in pixels.

    Returns:
        (B, number of windows, window_size ** 2, C), windows and their pixels in row-major order.
    """
    b, h, w, c = x.shape
    x = x.reshape(b, h // window_size, window_size, w // window_size, window_size, c)
    return x.transpose(2, 3).reshape(b, -1, window_size * window_size, c)


def merge_windows(windows: Tensor, window_size: int, height: int, width: int) -> Tensor:
    """Put windows together again; the exact inverse of :func:`partition_windows`.

    Args:
        windows: (B, number of windows, window_size ** 2, C).
        window_size: Side of a window in pixels.
        height: H of the map.
        width: W of the map.

    Returns:
        (B, H, W, C).
    """
    b, _, _, c = windows.shape
    x = windows.reshape(b, height // window_size, width // window_size, window_size, window_size, c)
    return x.transpose(2, 3).reshape(b, height, width, c)


def shifted_region_bias(height: int, width: int, window_size: int, shift: int, device: torch.device) -> Tensor:
    """Attention bias that keeps apart the regions which a cyclic shift has brought into one window.

    Args:
        height: H of the map.
        width: W of the map.
        window_size: Side of a window in pixels.
        shift: How far the map was rolled up and left, in pixels, 0 < shift < window_size.
        device: Where to make the bias.

    Returns:
        (number of windows, N, N) with N = window_size ** 2: 0 within a region, ``HIDDEN_KEY_BIAS`` between two.
    """
    rows = _region_of_position(height, window_size, shift, device)
    columns = _region_of_position(width, window_size, shift, device)
    region = (rows[:, None] * 3 + columns[None, :]).view(1, height, width, 1)
    region = partition_windows(region, window_size)[0, :, :, 0]
    differs = region[:, :, None] != region[:, None, :]
    return differs.to(torch.get_default_dtype()) * HIDDEN_KEY_BIAS


def _region_of_position(size: int, window_size: int, shift: int, device: torch.device) -> Tensor:
    position = torch.arange(size, device=device)
    return (position >= size - window_size).long() + (position >= size - shift).long()


class WindowAttention(nn.Module):
    """Multi-head self-attention among the pixels of each window.

    softmax(q k^T / sqrt(head width) + relative position bias + bias) v, followed by a linear layer (Swin, Eq. 4).

    Args:
        dim: Width of the tokens, divisible by ``num_heads``.
        window_size: Side of a window in pixels.
        num_heads: Number of attention heads.
    """

    relative_position_index: Tensor

    def __init__(self, dim: int, *, window_size: int, num_heads: int) -> None:
        super().__init__()
        if dim % num_heads:
            raise ValueError(f'The width {dim} of an attention layer must be divisible by its {num_heads} heads.')
        self.num_heads = num_heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)
        self.relative_position_bias_table = nn.Parameter(torch.zeros((2 * window_size - 1) ** 2, num_heads))
        nn.init.trunc_normal_(self.relative_position_bias_table, std=0.02)
        self.register_buffer('relative_position_index', _relative_position_index(window_size), persistent=False)

    def forward(self, windows: Tensor, bias: Optional[Tensor] = None) -> Tensor:
        """Attend within each window.

        Args:
            windows: (B, K, N, C), K windows of N pixels.
            bias: Added to the logits, broadcastable to (B, K, heads, N queries, N keys); none by default.

        Returns:
            (B, K, N, C).
        """
        b, k, n, c = windows.shape
        # (3, B, K * heads, N, head width): with windows and heads on one axis, a bias without batch axis is shared.
        qkv = self.qkv(windows).reshape(b, k, n, 3, self.num_heads, c // self.num_heads)
        query, key, value = qkv.permute(3, 0, 1, 4, 2, 5).reshape(3, b, k * self.num_heads, n, -1).unbind(0)
        logit_bias = self._position_bias(n)
        if bias is not None:
            logit_bias = logit_bias + bias
        logit_bias = logit_bias.expand(-1, k, -1, -1, -1).reshape(logit_bias.shape[0], k * self.num_heads, n, n)
        out = F.scaled_dot_product_attention(query, key, value, attn_mask=logit_bias.to(query.dtype))
        out = out.reshape(b, k, self.num_heads, n, -1).transpose(2, 3).reshape(b, k, n, c)
        return self.proj(out)

    def _position_bias(self, n: int) -> Tensor:
        """(1, 1, heads, N, N)."""
        bias = self.relative_position_bias_table[self.relative_position_index.view(-1)]
        return bias.view(n, n, self.num_heads).permute(2, 0, 1)[None, None]


def _relative_position_index(window_size: int) -> Tensor:
    """Row of the bias table for each (query, key) pair of a window: (N, N) int64."""
    axis = torch.arange(window_size)
    row, column = (grid.flatten() for grid in torch.meshgrid(axis, axis, indexing='ij'))
    row_offset = row[:, None] - row[None, :] + window_size - 1
    column_offset = column[:, None] - column[None, :] + window_size - 1
    return row_offset * (2 * window_size - 1) + column_offset
