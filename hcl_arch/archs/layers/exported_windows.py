"""The window order of exported networks, computed by index arithmetic that works for every size of map."""

from __future__ import annotations

from typing import NamedTuple, Optional

import torch
from torch import Tensor


class ExportedGrid(NamedTuple):
    """Windows over a map, shifted as by ``WindowGrid`` unless a single window spans the height or width."""

    height: int
    """H of the map, a multiple of the window's side; a symbol while exporting."""
    width: int
    """W of the map, the same."""
    window_size: int
    """Side of a window in pixels; N is its square."""
    shift: Tensor
    """(1,) int64: pixels that the windows are displaced by. A tensor, as it depends on the size."""

    @classmethod
    def of(cls, tokens: Tensor, window_size: int, *, displaced: bool) -> ExportedGrid:
        """The grid over a map (B, H, W, C)."""
        height, width = tokens.shape[1:3]
        sides = [torch.full((1,), side, dtype=torch.int64, device=tokens.device) for side in (height, width)]
        several = (torch.minimum(*sides) > window_size).to(torch.int64)
        return cls(height, width, window_size, several * (window_size // 2 if displaced else 0))

    def to_windows(self, tokens: Tensor) -> Tensor:
        """(B, H, W, C) -> (B * H * W / N, N, C)."""
        for axis, size in ((1, self.height), (2, self.width)):
            place = torch.arange(size, device=tokens.device)
            tokens = tokens.index_select(axis, (place + self.shift) % size)
        return self._tiled(tokens)

    def from_windows(self, windows: Tensor, batch: int) -> Tensor:
        """(B * H * W / N, N, C) -> (B, H, W, C)."""
        side, c = self.window_size, windows.shape[-1]
        tiles = windows.reshape(batch, self.height // side, self.width // side, side, side, c)
        tokens = tiles.transpose(2, 3).reshape(batch, self.height, self.width, c)
        for axis, size in ((1, self.height), (2, self.width)):
            place = torch.arange(size, device=tokens.device)
            tokens = tokens.index_select(axis, (place - self.shift + size) % size)
        return tokens

    def regions(self, batch: int) -> Tensor:
        """As ``WindowGrid.regions``, for every map of the batch: (B * H * W / N, N) int64."""
        row, column = self._edge_regions(self.height), self._edge_regions(self.width)
        maps = (row[:, None] * 3 + column)[None, :, :, None].expand(batch, -1, -1, -1)
        return self._tiled(maps).squeeze(-1)

    def _edge_regions(self, size: int) -> Tensor:
        place = torch.arange(size, device=self.shift.device)
        return (place >= size - self.window_size).to(torch.int64) + (place >= size - self.shift).to(torch.int64)

    def _tiled(self, rows: Tensor) -> Tensor:
        b, height, width, c = rows.shape
        side = self.window_size
        tiles = rows.reshape(b, height // side, side, width // side, side, c)
        return tiles.transpose(2, 3).reshape(b * (height // side) * (width // side), side * side, c)


def attend_in_windows(
    blocks: torch.nn.ModuleList, x: Tensor, mask: Optional[Tensor], window_size: int
) -> tuple[Tensor, Optional[Tensor]]:
    """The blocks of a transformer layer, one after the other, between rows and columns.

    Args:
        blocks: Swin blocks; every second one has displaced windows.
        x: (B, C, H, W).
        mask: (B, 1, H, W), 1 = valid, or None.
        window_size: Side of a window in pixels.

    Returns:
        (B, C, H, W) and the mask that the blocks leave, as ``TransformerLayer`` makes them.
    """
    batch, tokens = x.shape[0], x.permute(0, 2, 3, 1)
    valid = None if mask is None else mask.permute(0, 2, 3, 1)
    for index, block in enumerate(blocks):
        grid = ExportedGrid.of(tokens, window_size, displaced=index % 2 == 1)
        regions = grid.regions(batch) if index % 2 else None
        window_valid = None if valid is None else grid.to_windows(valid).squeeze(-1)
        tokens = grid.from_windows(block(grid.to_windows(tokens), regions, window_valid), batch)
        if window_valid is not None:
            spread = window_valid.amax(dim=1, keepdim=True).expand(-1, window_size**2)
            valid = grid.from_windows(spread.unsqueeze(-1), batch)
    return tokens.permute(0, 3, 1, 2), None if valid is None else valid.permute(0, 3, 1, 2)
