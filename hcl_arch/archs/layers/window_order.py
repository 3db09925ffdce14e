"""Window order: all tokens of one window, then all tokens of the next.

Only the attention of a transformer block needs tokens grouped by window; the other parts process each token alone. So a
layer keeps its tokens in window order. It reorders them once between two blocks with different window shifts, and never
back into rows and columns in between.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor


class WindowGrid(NamedTuple):
    """Windows over a map, shifted down and right by ``shift`` pixels and wrapped around the edges."""

    height: int
    """H of the map, a multiple of the window's side."""
    width: int
    """W of the map, a multiple of the window's side."""
    window_size: int
    """Side of a window in pixels; N is its square."""
    shift: int
    """0 <= shift < window_size."""

    def positions(self, device: torch.device) -> Tensor:
        """The place in the map, row by row, of every token in window order: (H * W,) int64."""
        place = torch.arange(self.height * self.width, device=device).view(self.height, self.width)
        return self._windows(torch.roll(place, (-self.shift, -self.shift), (0, 1)))

    def ranks(self, device: torch.device) -> Tensor:
        """The place in window order of every pixel of the map, row by row: (H * W,) int64, the inverse permutation."""
        size = self.window_size
        rank = torch.arange(self.height * self.width, device=device)
        tiles = rank.view(self.height // size, self.width // size, size, size)
        rows = tiles.transpose(1, 2).reshape(self.height, self.width)
        return torch.roll(rows, (self.shift, self.shift), (0, 1)).flatten()

    def regions(self, device: torch.device) -> Tensor:
        """Numbers that tell apart the pixels which wrapping around has brought into one window: (H * W / N, N) int8."""
        row = self._edge_regions(self.height, device)
        column = self._edge_regions(self.width, device)
        return self._windows(row[:, None] * 3 + column).view(-1, self.window_size**2)

    def _edge_regions(self, size: int, device: torch.device) -> Tensor:
        """Along one axis of the rolled map: 0 in whole windows, 1 and 2 on the two sides of the seam."""
        position = torch.arange(size, device=device)
        return (position >= size - self.window_size).to(torch.int8) + (position >= size - self.shift).to(torch.int8)

    def _windows(self, rows: Tensor) -> Tensor:
        """(H, W) of the rolled map -> (H * W,) in window order."""
        size = self.window_size
        tiles = rows.view(self.height // size, size, self.width // size, size)
        return tiles.transpose(1, 2).flatten()


class Reordering(NamedTuple):
    """A permutation of the H * W tokens of each map of a batch, and its inverse."""

    order: Tensor
    """(H * W,) int64: which token comes to each place."""
    inverse: Tensor
    """(H * W,) int64."""

    def __call__(self, tokens: Tensor) -> Tensor:
        """Reorder the tokens of every map, in one copy.

        Args:
            tokens: (B * H * W, C), map after map.

        Returns:
            (B * H * W, C), a copy in any case.
        """
        count = self.order.numel()
        maps = tokens.shape[0] // count
        order, inverse = self.order, self.inverse
        if maps > 1:
            start = torch.arange(maps, device=order.device)[:, None] * count
            order, inverse = (start + order).flatten(), (start + inverse).flatten()
        return _Permutation.apply(tokens, order, inverse)


def to_windows(grid: WindowGrid, device: torch.device) -> Reordering:
    """From rows and columns to a grid's window order."""
    return Reordering(grid.positions(device), grid.ranks(device))


def from_windows(grid: WindowGrid, device: torch.device) -> Reordering:
    """From a grid's window order to rows and columns."""
    return Reordering(grid.ranks(device), grid.positions(device))


def between_windows(source: WindowGrid, target: WindowGrid, device: torch.device) -> Reordering:
    """From one grid's window order to another's, of the same map."""
    return Reordering(source.ranks(device)[target.positions(device)], target.ranks(device)[source.positions(device)])


class _Permutation(torch.autograd.Function):
    """tokens[order], whose backward pass is a permutation too; autograd's own rule would scatter-add into zeros."""

    @staticmethod
    def forward(ctx: Any, tokens: Tensor, order: Tensor, inverse: Tensor) -> Tensor:
        ctx.save_for_backward(inverse)
        return tokens.index_select(0, order)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        (inverse,) = ctx.saved_tensors
        return grad.contiguous().index_select(0, inverse), None, None
