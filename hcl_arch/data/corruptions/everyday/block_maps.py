"""Which blocks of a picture are lost: runs in the order of the file, single ones, clusters, lines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Callable

import numpy as np
from numpy.typing import NDArray

from hcl_arch.data.corruptions.corruption import BoolArray
from hcl_arch.data.corruptions.everyday.draws import log_uniform
from hcl_arch.data.weighted_choice import choose_by_weight

# Block sides of the usual codecs, and block sides in pictures that were shrunk or enlarged afterwards.
BLOCKS = (8, 8, 16, 16, 16, 32)
RESIZED_BLOCKS = (3.0, 40.0)
RESIZED = 0.25
# Even in a small image there are this many blocks along the short side.
LEAST_BLOCKS = 3
# Thickness of a lost line in pixels.
LINE = (1.0, 5.0)


@dataclass(frozen=True)
class Grid:
    """The blocks into which an image is cut.

    Attributes:
        size: height and width of the image.
        block: height and width of a block.
        offset: row and column at which the first whole block starts.
    """

    size: tuple[int, int]
    block: tuple[int, int]
    offset: tuple[int, int] = (0, 0)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of blocks, those cut by the border included."""
        rows, columns = self.indices()
        return int(rows[-1]) + 1, int(columns[-1]) + 1

    def indices(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return the row of blocks of each row of pixels, and the same for the columns."""
        rows, columns = (
            (np.arange(side) - first) // step + (first > 0)
            for side, step, first in zip(self.size, self.block, self.offset)
        )
        return rows, columns

    def spread(self, values: NDArray) -> NDArray:
        """Return a value for each pixel, (H, W, ...), from one for each block, (rows, columns, ...)."""
        rows, columns = self.indices()
        return values[rows][:, columns]


def draw_grid(size: tuple[int, int], rng: np.random.Generator) -> Grid:
    """Return square blocks; in half of the draws they start anywhere, as if the picture had been cropped."""
    side = log_uniform(RESIZED_BLOCKS, rng) if rng.random() < RESIZED else float(rng.choice(BLOCKS))
    block = max(2, min(int(side), min(size) // LEAST_BLOCKS))
    offset = rng.integers(0, block, 2) if rng.random() < 0.5 else (0, 0)
    return Grid(size, (block, block), (int(offset[0]), int(offset[1])))


def line_grid(size: tuple[int, int], rng: np.random.Generator) -> Grid:
    """Return blocks that are lines: as wide as the image and a few pixels high."""
    thickness = min(int(log_uniform(LINE, rng)), max(1, size[0] // 12))
    return Grid(size, (thickness, size[1]))


def draw_lost(grid: Grid, share: float, rng: np.random.Generator, *, patterns: Mapping[str, float]) -> BoolArray:
    """Return which blocks of a grid are lost, (rows, columns) bool.

    Args:
        grid: the blocks.
        share: approximate share of lost blocks; at least one block is lost, and never all.
        rng: source of all randomness.
        patterns: how often each is taken, relative to the others: the names in `PATTERNS`.
    """
    count = min(max(1, round(share * grid.shape[0] * grid.shape[1])), max(1, grid.shape[0] * grid.shape[1] - 1))
    return PATTERNS[choose_by_weight(patterns, rng)](grid.shape, count, rng)


def _one_run(shape: tuple[int, int], count: int, rng: np.random.Generator) -> BoolArray:
    """Blocks that follow each other in the file."""
    lost = np.zeros(shape, bool)
    start = int(rng.integers(lost.size - count + 1))
    lost.reshape(-1)[start : start + count] = True
    return lost


def _rest(shape: tuple[int, int], count: int, rng: np.random.Generator) -> BoolArray:
    """The end of the file."""
    lost = np.zeros(shape, bool)
    lost.reshape(-1)[-count:] = True
    return lost


def _ends_of_rows(shape: tuple[int, int], count: int, rng: np.random.Generator) -> BoolArray:
    """In some rows everything from some position on; the decoder resynchronises in the next row."""
    lost = np.zeros(shape, bool)
    for row in rng.permutation(shape[0]):
        length = min(count, int(rng.integers(1, shape[1] + 1)))
        lost[row, shape[1] - length :] = True
        count -= length
        if count <= 0:
            break
    return lost


def _scattered(shape: tuple[int, int], count: int, rng: np.random.Generator) -> BoolArray:
    """Single blocks anywhere."""
    lost = np.zeros(shape, bool)
    lost.reshape(-1)[rng.choice(lost.size, count, replace=False)] = True
    return lost


def _short_runs(shape: tuple[int, int], count: int, rng: np.random.Generator) -> BoolArray:
    """Several short runs anywhere."""
    lost = np.zeros(shape, bool)
    flat = lost.reshape(-1)
    longest = max(1, min(count, int(rng.integers(2, 3 + shape[1] // 2))))
    while count > 0:
        start, length = int(rng.integers(flat.size)), min(count, int(rng.integers(1, longest + 1)))
        flat[start : start + length] = True
        count -= length
    return lost


def _cluster(shape: tuple[int, int], count: int, rng: np.random.Generator) -> BoolArray:
    """A rectangle of blocks, some of which have survived."""
    lost = np.zeros(shape, bool)
    columns = min(shape[1], max(1, round((count * log_uniform((0.3, 3.0), rng)) ** 0.5)))
    rows = min(shape[0], max(1, round(count / columns)))
    top, left = int(rng.integers(shape[0] - rows + 1)), int(rng.integers(shape[1] - columns + 1))
    lost[top : top + rows, left : left + columns] = rng.random((rows, columns)) >= rng.choice([0.0, 0.2, 0.5])
    lost[top, left] = True
    return lost


def _every_few(shape: tuple[int, int], count: int, rng: np.random.Generator) -> BoolArray:
    """Every second, third, ... block, as long as they last: with lines, a comb."""
    lost = np.zeros(shape, bool)
    step = max(2, min(int(rng.integers(2, 9)), lost.size // count))
    start = int(rng.integers(max(1, lost.size - step * count + 1)))
    lost.reshape(-1)[start : start + step * count : step] = True
    return lost


PATTERNS: dict[str, Callable[[tuple[int, int], int, np.random.Generator], BoolArray]] = {
    'run': _one_run,
    'rest': _rest,
    'ends': _ends_of_rows,
    'scattered': _scattered,
    'short runs': _short_runs,
    'cluster': _cluster,
    'comb': _every_few,
}
