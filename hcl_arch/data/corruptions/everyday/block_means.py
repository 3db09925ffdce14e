"""Cut an image into blocks and give each of them one colour."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hcl_arch.data.corruptions.corruption import FloatArray

BlockValue = Literal['mean', 'middle']


def block_colours(
    image: FloatArray, block: tuple[int, int], *, offset: tuple[int, int] = (0, 0), value: BlockValue = 'mean'
) -> FloatArray:
    """Return an image in which every block has one colour.

    Args:
        image: (H, W, 3).
        block: height and width of a block in pixels.
        offset: row and column at which the first whole block starts; smaller than the block. The blocks at the borders
            of the image may be smaller.
        value: 'mean' = of all pixels of the block; 'middle' = the pixel in its middle.

    Returns:
        (H, W, 3) float32, in the range of the image.
    """
    rows, columns = (_starts(side, step, first) for side, step, first in zip(image.shape, block, offset))
    heights, widths = np.diff(rows, append=image.shape[0]), np.diff(columns, append=image.shape[1])
    if value == 'mean':
        sums = np.add.reduceat(np.add.reduceat(image, rows, 0), columns, 1)
        colours = sums / (heights[:, None, None] * widths[None, :, None]).astype(np.float32)
    else:
        colours = image[rows + heights // 2][:, columns + widths // 2]
    return np.repeat(np.repeat(colours, widths, 1), heights, 0)


def _starts(side: int, step: int, first: int) -> NDArray[np.intp]:
    """Return where the blocks of a row or column start."""
    return np.unique(np.concatenate([[0], np.arange(first, side, step)]))
