"""Broken files and transmissions: lost, repeated, shifted and wrongly coloured blocks and lines."""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np

from hcl_arch.data.corruptions.corruption import BoolArray
from hcl_arch.data.corruptions.everyday import block_faults as faults
from hcl_arch.data.corruptions.everyday.block_maps import Grid, draw_grid, draw_lost, line_grid
from hcl_arch.data.corruptions.everyday.draws import log_uniform
from hcl_arch.data.corruptions.everyday.spoiled import Materials, Spoiled
from hcl_arch.data.corruptions.hole_contents import Truth
from hcl_arch.data.weighted_choice import choose_by_weight

# Broken share of the picture: for faults that replace content, and for those that only move or colour it.
SHARE = (0.004, 0.29)
MOVED_SHARE = (0.015, 0.58)
# At least this much, as far as this many tries reach it.
LEAST = 0.003
TRIES = 4
# Never more than this, all faults together.
MOST = 0.6
TWO_FAULTS = 0.25
LINES = 0.12

PATTERNS = {'run': 2.0, 'rest': 1.5, 'ends': 1.5, 'scattered': 1.5, 'short runs': 1.5, 'cluster': 1.5, 'comb': 0.2}
# Moved or wrongly coloured content is mostly all that follows a position in the file.
MOVED_PATTERNS = {'rest': 3.0, 'run': 1.5, 'ends': 1.0, 'short runs': 0.7, 'cluster': 0.5, 'scattered': 0.5}
LINE_PATTERNS = {'scattered': 2.0, 'comb': 2.0, 'run': 0.5, 'short runs': 1.0}
REPLACING = {
    'plain': 4.0,
    'noise': 0.8,
    'colours': 1.0,
    'waves': 1.5,
    'means': 2.0,
    'row': 1.2,
    'block': 1.0,
    'moved blocks': 1.2,
}
MOVING = {'shift': 2.0, 'channels': 0.8, 'colour': 1.2, 'drift': 1.2}
# Faults of lost lines: a line is too thin for faults that need blocks.
IN_LINES = {'plain': 2.0, 'noise': 1.0, 'colours': 1.0, 'row': 1.5, 'shift': 1.5, 'colour': 0.5}
FAULTS: dict[str, faults.Fault] = {
    'plain': faults.plain,
    'noise': faults.noise,
    'colours': faults.coloured_blocks,
    'waves': faults.waves,
    'means': faults.means,
    'row': faults.repeated_row,
    'block': faults.repeated_block,
    'moved blocks': faults.moved_blocks,
    'shift': faults.shifted,
    'channels': faults.shifted_channels,
    'colour': faults.wrong_colour,
    'drift': faults.drifting,
}
# How often a fault moves or colours what is there.
MOVES = 0.33


def spoil_lost_blocks(truth: Truth, materials: Materials, rng: np.random.Generator) -> Spoiled:
    """Break an image as a damaged file or a bad connection does.

    All broken blocks count as corrupted, at most 60 % of the picture, even where a pixel looks as before.
    """
    spoiled = _break(Spoiled(truth.image, np.zeros(truth.image.shape[:2], bool)), rng)
    return _break(spoiled, rng) if rng.random() < TWO_FAULTS else spoiled


def _draw_broken(grid: Grid, share: float, rng: np.random.Generator, *, patterns: Mapping[str, float]) -> BoolArray:
    """Return which pixels are broken; blocks that the border cuts off almost completely are drawn again."""
    for _ in range(TRIES):
        lost: BoolArray = grid.spread(draw_lost(grid, share, rng, patterns=patterns))
        if lost.mean() >= LEAST:
            break
    return lost


def _break(before: Spoiled, rng: np.random.Generator) -> Spoiled:
    """Add one fault, unless more than `MOST` of the picture would then be broken."""
    size = before.corrupted.shape
    if rng.random() < LINES:
        grid, span, patterns, kinds = line_grid(size, rng), SHARE, LINE_PATTERNS, IN_LINES
    elif rng.random() < MOVES:
        grid, span, patterns, kinds = draw_grid(size, rng), MOVED_SHARE, MOVED_PATTERNS, MOVING
    else:
        grid, span, patterns, kinds = draw_grid(size, rng), SHARE, PATTERNS, REPLACING
    lost = _draw_broken(grid, log_uniform(span, rng), rng, patterns=patterns)
    broken = before.corrupted | lost
    if broken.mean() > MOST and before.corrupted.any():
        return before
    image = before.image.copy()
    fault = FAULTS[choose_by_weight(kinds, rng)]
    cv2.copyTo(np.clip(fault(image, lost, grid, rng), 0, 1), lost.view(np.uint8), image)
    return Spoiled(image, broken)
