"""Overlapping tiles whose smooth weights sum to one."""

from __future__ import annotations

from typing import NamedTuple, Optional

import numpy as np


class Span(NamedTuple):
    """A tile along one axis."""

    start: int
    stop: int
    weights: np.ndarray
    """(stop - start,) float32 in [0, 1]: 0 in the margin beside a neighbour, a smooth ramp, 1 inside."""

    @property
    def extent(self) -> slice:
        """The range that the tile covers."""
        return slice(self.start, self.stop)

    @property
    def weighted(self) -> slice:
        """The part with a weight above 0."""
        places = np.flatnonzero(self.weights)
        return slice(self.start + int(places[0]), self.start + int(places[-1]) + 1)


class TileGrid(NamedTuple):
    """Tiles over an image: every pair of a row's and a column's span."""

    rows: list[Span]
    columns: list[Span]

    def used(self, row: Span, wanted: np.ndarray) -> list[Span]:
        """The columns of a row of tiles that contribute to the wanted pixels, (H, W) bool."""
        return [column for column in self.columns if wanted[row.weighted, column.weighted].any()]


def needed_part(
    row: Span, column: Span, wanted: np.ndarray, *, context: int, multiple: int
) -> Optional[tuple[slice, slice]]:
    """The part of a tile that wanted pixels need: the rectangle around those with a weight, and the context of it.

    Args:
        row: Rows of the tile.
        column: Columns of the tile.
        wanted: (H, W) bool.
        context: Pixels on all sides.
        multiple: Parts start at multiples of it, as tiles do, so a network's strides are aligned as on the image.

    Returns:
        Rows and columns of the image; None if the tile has no wanted pixel.
    """
    inside = wanted[row.weighted, column.weighted]
    if not inside.any():
        return None
    is_row, is_column = np.asarray(inside.any(axis=1)), np.asarray(inside.any(axis=0))
    return _around(row, is_row, context, multiple), _around(column, is_column, context, multiple)


def _around(span: Span, is_wanted: np.ndarray, context: int, multiple: int) -> slice:
    places = np.flatnonzero(is_wanted) + span.weighted.start
    start = (int(places[0]) - context) // multiple * multiple
    stop = -(-(int(places[-1]) + 1 + context) // multiple) * multiple
    return slice(max(start, span.start), min(stop, span.stop))


def spans(size: int, side: int, multiple: int) -> list[Span]:
    """Tiles along an axis; all weights at a place sum to one.

    Neighbours overlap by three multiples: a discarded margin of one on either side, because a network sees nothing
    beyond the tile, and a ramp of one between them. Tiles start at multiples, so a network's strides and windows are
    aligned as on the whole image.

    Args:
        size: Length of the axis in pixels.
        side: Largest length of a tile, a multiple of ``multiple`` and at least four of them.
        multiple: See above.

    Returns:
        Tiles from first to last; a single one if everything fits.
    """
    if size <= side:
        return [Span(0, size, np.ones(size, np.float32))]
    step = side - 3 * multiple
    count = 1 + -(-(size - side) // step)
    found = []
    for index in range(count):
        start = index * step
        stop = min(start + side, size)
        place = np.arange(stop - start)
        weights = np.ones(stop - start, np.float32)
        if index > 0:
            weights = _ramp(place - multiple, multiple)
        if index < count - 1:
            weights = weights - _ramp(place - step - multiple, multiple)
        found.append(Span(start, stop, weights.astype(np.float32)))
    return found


def _ramp(place: np.ndarray, length: int) -> np.ndarray:
    """A smooth ramp from 0 before position 0 to 1 at ``length``."""
    return smooth_step((place + 0.5) / length)


def smooth_step(position: np.ndarray) -> np.ndarray:
    """3 t^2 - 2 t^3 for t = position within [0, 1], level at both ends."""
    clipped = position.clip(0, 1)
    return clipped * clipped * (3 - 2 * clipped)
