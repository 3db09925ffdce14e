"""What decoders show where a file is damaged: plain colours, noise, repeats, shifts, wrong colours."""

from __future__ import annotations

from typing import Callable

import cv2
import numpy as np

from hcl_arch.data.corruptions.corruption import BoolArray, FloatArray
from hcl_arch.data.corruptions.everyday.block_maps import Grid
from hcl_arch.data.corruptions.everyday.block_means import block_colours
from hcl_arch.data.corruptions.everyday.draws import log_uniform, scale_channels

# Arguments: an image, (H, W, 3); where it is broken, (H, W) bool; its blocks. Returns the content of the broken part,
# (H, W, 3); it may leave [0, 1].
Fault = Callable[[FloatArray, BoolArray, Grid, np.random.Generator], FloatArray]

# Gray, black, the green of empty YCbCr, pink, magenta, white, blue, dark gray.
COLOURS = (
    (0.5, 0.5, 0.5),
    (0.5, 0.5, 0.5),
    (0.0, 0.0, 0.0),
    (0.0, 0.53, 0.0),
    (0.0, 0.3, 0.0),
    (1.0, 0.4, 0.8),
    (1.0, 0.0, 1.0),
    (1.0, 1.0, 1.0),
    (0.0, 0.0, 1.0),
    (0.25, 0.25, 0.25),
)


def plain(image: FloatArray, lost: BoolArray, grid: Grid, rng: np.random.Generator) -> FloatArray:
    """One colour, mostly one that decoders leave."""
    colour = COLOURS[int(rng.integers(len(COLOURS)))] if rng.random() < 0.85 else rng.random(3)
    return scale_channels(image, 0, colour)


def noise(image: FloatArray, lost: BoolArray, grid: Grid, rng: np.random.Generator) -> FloatArray:
    """Noise of single pixels, gray or coloured."""
    if rng.random() < 0.5:
        return rng.random(image.shape, np.float32)
    gray = rng.random(image.shape[:2], np.float32)
    return cv2.merge((gray, gray, gray))  # type: ignore[return-value]


def coloured_blocks(image: FloatArray, lost: BoolArray, grid: Grid, rng: np.random.Generator) -> FloatArray:
    """A random colour for each block, around one or anywhere."""
    spread = log_uniform((0.1, 1.0), rng)
    colours = rng.uniform(0.2, 0.8, 3) + spread * (rng.random((*grid.shape, 3)) - 0.5)
    return grid.spread(np.clip(colours, 0, 1).astype(np.float32))


def waves(image: FloatArray, lost: BoolArray, grid: Grid, rng: np.random.Generator) -> FloatArray:
    """One pattern of the cosine transform in each block: what wrong coefficients look like."""
    rows, columns = grid.indices()
    steps = [np.pi * (np.arange(side) - first) / step for side, step, first in zip(grid.size, grid.block, grid.offset)]
    frequencies = rng.integers(0, 8, (2, *grid.shape))
    down = np.cos(frequencies[0][rows][:, columns].astype(np.float32) * steps[0][:, None].astype(np.float32))
    across = np.cos(frequencies[1][rows][:, columns].astype(np.float32) * steps[1].astype(np.float32))
    tint = np.ones(3) if rng.random() < 0.5 else rng.uniform(-1, 1, 3)
    strengths = rng.uniform(0, rng.uniform(0.1, 0.6), (*grid.shape, 1)) * tint
    below = block_colours(image, grid.block, offset=grid.offset) if rng.random() < 0.6 else np.float32(0.5)
    return below + grid.spread(strengths.astype(np.float32)) * (down * across)[..., None]


def means(image: FloatArray, lost: BoolArray, grid: Grid, rng: np.random.Generator) -> FloatArray:
    """The mean colour of each block, or of its halves or quarters."""
    rows, columns = (max(1, side // int(rng.choice([1, 1, 2]))) for side in grid.block)
    return block_colours(image, (rows, columns), offset=(grid.offset[0] % rows, grid.offset[1] % columns))


def repeated_row(image: FloatArray, lost: BoolArray, grid: Grid, rng: np.random.Generator) -> FloatArray:
    """The row of pixels above the first broken one, or the row of blocks, over and over."""
    first = int(np.argmax(lost.any(1)))
    height = 1 if rng.random() < 0.5 else grid.block[0]
    source = max(0, first - height)
    return image[source + (np.arange(image.shape[0]) - first) % min(height, image.shape[0] - source)]


def repeated_block(image: FloatArray, lost: BoolArray, grid: Grid, rng: np.random.Generator) -> FloatArray:
    """The block before the first broken one, over and over."""
    rows, columns = (min(side, limit) for side, limit in zip(grid.block, lost.shape))
    top, left = divmod(int(np.argmax(lost)), lost.shape[1])
    left = left - columns if left >= columns else min(left + columns, lost.shape[1] - columns)
    top = min(top, lost.shape[0] - rows)
    down = top + (np.arange(image.shape[0]) - grid.offset[0]) % rows
    across = left + (np.arange(image.shape[1]) - grid.offset[1]) % columns
    return image[down][:, across]


def shifted(image: FloatArray, lost: BoolArray, grid: Grid, rng: np.random.Generator) -> FloatArray:
    """The picture moved sideways, occasionally downwards too; sometimes in wrong colours as well."""
    right = _draw_shift(image.shape[1], rng)
    down = _draw_shift(image.shape[0], rng) if rng.random() < 0.15 else 0
    moved = np.roll(image, (down, right), (0, 1)) if down else np.roll(image, right, 1)
    return wrong_colour(moved, lost, grid, rng) if rng.random() < 0.3 else moved


def moved_blocks(image: FloatArray, lost: BoolArray, grid: Grid, rng: np.random.Generator) -> FloatArray:
    """Each block copied from another place, nearby or far away, as with wrong motion vectors in a video."""
    reach = log_uniform((4.0, max(5.0, min(image.shape[:2]) / 2)), rng)
    shifts = grid.spread(np.rint(rng.uniform(-reach, reach, (*grid.shape, 2))).astype(np.float32))
    columns = shifts[..., 0] + np.arange(image.shape[1], dtype=np.float32)
    rows = shifts[..., 1] + np.arange(image.shape[0], dtype=np.float32)[:, None]
    return cv2.remap(
        image,
        columns,
        rows,
        cv2.INTER_NEAREST,  # type: ignore[return-value]
        borderMode=cv2.BORDER_REFLECT,
    )


def shifted_channels(image: FloatArray, lost: BoolArray, grid: Grid, rng: np.random.Generator) -> FloatArray:
    """One or two colour channels moved sideways."""
    moved = image.copy()
    for channel in rng.permutation(3)[: int(rng.integers(1, 3))]:
        moved[..., channel] = np.roll(image[..., channel], _draw_shift(image.shape[1], rng), 1)
    return moved


def wrong_colour(image: FloatArray, lost: BoolArray, grid: Grid, rng: np.random.Generator) -> FloatArray:
    """Wrong chroma, with some brightness; or channels in the wrong order; or one of them missing."""
    choice = rng.random()
    if choice < 0.15:
        return np.ascontiguousarray(image[..., rng.permuted([[1, 2, 0], [2, 0, 1], [2, 1, 0]], axis=0)[0]])
    if choice < 0.3:
        return scale_channels(image, np.arange(3) != int(rng.integers(3)), 0)
    angle, strength = rng.uniform(0, 2 * np.pi), rng.uniform(0.12, 0.5)
    red, blue = strength * np.cos(angle), strength * np.sin(angle)
    shift = rng.normal(0, 0.1) + np.array([1.402 * red, -0.714 * red - 0.344 * blue, 1.772 * blue])
    return scale_channels(image, 1, shift)


def drifting(image: FloatArray, lost: BoolArray, grid: Grid, rng: np.random.Generator) -> FloatArray:
    """A wrong mean that each block passes on to the next one: streaks of brightness and colour."""
    jumps = rng.normal(0, 1, (*grid.shape, 3)) * (rng.random((*grid.shape, 1)) < rng.uniform(0.05, 1))
    jumps[..., :] = jumps * rng.uniform(0.05, 0.3) if rng.random() < 0.6 else jumps[..., :1] * rng.uniform(0.05, 0.3)
    start = rng.choice([-1.0, 1.0], 3) * rng.uniform(0.08, 0.4, 3)
    drift = np.cumsum(jumps.reshape(-1, 3), 0).reshape(jumps.shape)
    # It stays within a range, like the values in a decoder.
    return image + grid.spread((start + 0.5 * np.sin(2 * drift)).astype(np.float32))


def _draw_shift(side: int, rng: np.random.Generator) -> int:
    """Return a visible shift in pixels, to either side."""
    return int(rng.choice([-1, 1])) * max(2, int(side * log_uniform((0.015, 0.5), rng)))
