"""Windows: the part of each image that the last look sees in training, as it sees a tile in use."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from hcl_arch.utils.random_state import draw_for_batch


class LookWindows(NamedTuple):
    """A square in each image of a batch."""

    rows: Tensor
    """(B,) first rows, in pixels of the image."""
    columns: Tensor
    """(B,) first columns."""
    side: int
    """Of the squares in pixels."""

    def cut(self, maps: Tensor, reduction: int = 1) -> Tensor:
        """Cut the squares out of images or of maps of a smaller grid.

        Args:
            maps: (B, C, H / reduction, W / reduction).
            reduction: Side in pixels of a cell of the maps; a divisor of all corners and of ``side``.

        Returns:
            (B, C, side / reduction, side / reduction).
        """
        side = self.side // reduction
        corners = zip((self.rows // reduction).tolist(), (self.columns // reduction).tolist())
        parts = [each[:, row : row + side, column : column + side] for each, (row, column) in zip(maps, corners)]
        return torch.stack(parts).contiguous(memory_format=torch.channels_last)


def draw_windows(mask: Tensor, side: int, multiple: int) -> LookWindows:
    """Draw a window in each image: half of them around a corrupted pixel where there is one, others anywhere.

    Args:
        mask: (B, 1, H, W), 1 = uncorrupted; H and W at least ``side``.
        side: Of the windows in pixels.
        multiple: What corners are multiples of.
    """
    batch, _, height, width = mask.shape
    draws = draw_for_batch(lambda images: torch.rand(images, 3), batch)
    tops, lefts = [], []
    for image, (around, first, second) in zip(mask[:, 0], draws.tolist()):
        corrupted = torch.nonzero(image < 1) if around < 0.5 else image.new_empty(0, 2)
        if len(corrupted):
            row, column = corrupted[int(first * len(corrupted))].tolist()
            top, left = row - second * side, column - (1 - second) * side
        else:
            top, left = first * (height - side), second * (width - side)
        tops.append(_aligned(top, height - side, multiple))
        lefts.append(_aligned(left, width - side, multiple))
    return LookWindows(torch.tensor(tops), torch.tensor(lefts), side)


def _aligned(corner: float, most: int, multiple: int) -> int:
    return min(max(round(corner / multiple) * multiple, 0), most // multiple * multiple)
