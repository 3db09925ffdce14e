"""Multi-head self-attention within windows, with relative position bias (Swin) and key masks (MAT)."""

from __future__ import annotations

from typing import Optional

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# Added to the logit of a key that must not be seen: small enough to vanish in a softmax beside any visible key, yet
# finite, so that a window without a visible key attends as if there were no mask (MAT, Eq. 9 of the paper).
HIDDEN_KEY_BIAS = -100.0


def window_attention(qkv: Tensor, bias: Tensor) -> Tensor:
    """Attend within windows: softmax(q k^T / sqrt(head width) + bias) v for each head.

    Args:
        qkv: (W, N, 3, heads, head width), query, key and value of W windows of N tokens.
        bias: Added to the logits, (W or 1, heads, N queries, N keys).

    Returns:
        (W, N, heads * head width).
    """
    if qkv.device.type != 'cpu':
        query, key, value = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        bias = bias.expand(query.shape[0], -1, -1, -1)
        return F.scaled_dot_product_attention(query, key, value, attn_mask=bias).transpose(1, 2).flatten(2)
    # PyTorch's fused kernel for CPUs is made for long sequences and cannot learn a bias: on windows of 64 tokens two
    # batched products take a third to two thirds of its time, and head by head they need no copy of the operands.
    heads = []
    for query, key, value, head_bias in zip(*qkv.permute(2, 3, 0, 1, 4).unbind(0), bias.unbind(1)):
        logits = torch.baddbmm(head_bias, query, key.transpose(1, 2), alpha=query.shape[-1] ** -0.5)
        heads.append(torch.bmm(torch.softmax(logits, dim=-1), value))
    return torch.cat(heads, dim=-1)


class WindowAttention(nn.Module):
    """Multi-head self-attention among the tokens of each window.

    softmax(q k^T / sqrt(head width) + relative position bias + bias of hidden keys) v, followed by a linear layer
    (Swin, Eq. 4).

    Args:
        dim: Width of the tokens, divisible by ``num_heads``.
        window_size: Side of a window in pixels; N is its square.
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

    def forward(self, windows: Tensor, regions: Optional[Tensor] = None, valid: Optional[Tensor] = None) -> Tensor:
        """Attend within each window.

        Args:
            windows: (W, N, C), W windows of N tokens.
            regions: (W, N), a number for every token: keys of another number than the query's are hidden.
            valid: (W, N), 1 = valid, 0 = hidden from every query.

        Returns:
            (W, N, C).
        """
        w, n, c = windows.shape
        qkv = self.qkv(windows).view(w, n, 3, self.num_heads, c // self.num_heads)
        bias = self._position_bias(n).to(qkv.dtype)
        if regions is not None:
            bias = bias + (regions[:, None, :, None] != regions[:, None, None, :]).to(qkv.dtype) * HIDDEN_KEY_BIAS
        if valid is not None:
            bias = bias + (1 - valid[:, None, None, :]).to(qkv.dtype) * HIDDEN_KEY_BIAS
        return self.proj(window_attention(qkv, bias))

    def _position_bias(self, n: int) -> Tensor:
        """(1, heads, N, N)."""
        bias = self.relative_position_bias_table[self.relative_position_index.view(-1)]
        return bias.view(n, n, self.num_heads).permute(2, 0, 1)[None]


def _relative_position_index(window_size: int) -> Tensor:
    """Row of the bias table for each (query, key) pair of a window: (N, N) int64."""
    axis = torch.arange(window_size)
    row, column = (grid.flatten() for grid in torch.meshgrid(axis, axis, indexing='ij'))
    row_offset = row[:, None] - row[None, :] + window_size - 1
    column_offset = column[:, None] - column[None, :] + window_size - 1
    return row_offset * (2 * window_size - 1) + column_offset
