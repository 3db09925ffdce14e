"""Repainting the holes of a picture of any size: in tiles, and from coarse to fine where holes are deep.

A network has a limited receptive field, so the middle of a large hole is too far from any known content, on the whole
picture no less than in a tile. In this case the picture is first repaired at a quarter of the size (and that one, if
necessary, at a quarter of its own size), and its enlargement is blended in with increasing distance to the nearest
known pixel.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import NamedTuple, Optional, Protocol

import cv2
import numpy as np

from hcl_arch.restoration.mask_array import distance_to
from hcl_arch.restoration.pixel_source import ImageSource
from hcl_arch.restoration.resampling import enlarge_part
from hcl_arch.restoration.stages import Progress, Report
from hcl_arch.restoration.tiles import Span, TileGrid, needed_part, smooth_step, spans
from hcl_arch.utils.image_limits import MIN_IMAGE_SIZE

# Sides of tiles. Larger ones would waste less on overlaps, but fit the holes less closely, and their feature maps
# exceed the processor's caches. The second line is in size multiples of the network.
_LARGEST_TILE = 512
_LEAST_TILE, _LARGEST_TILE_IN_MULTIPLES = 4, 16
_REDUCTION = 4
# A coarse pixel is known if at least this share of the fine pixels below it is; only these give its colour.
_KNOWN_SHARE = 0.25
# A pixel costs the more the larger its tile is, in proportion to the side plus this: 1.46 s a megapixel at 512, 1.89 at
# 1024.
_SIDE_COST = 1200
# Pictures with up to this many pixels are repaired whole, whatever the memory.
_ALWAYS_FITS = 256 * 256
# Pixels around what is wanted of a tile that are painted with it, or the network's reach where that is more. Of the
# packaged model 128 give the same picture, to a level in one pixel of ten million.
_LEAST_CONTEXT = 64
# The level of erased pixels in a part without any others.
_UNKNOWN = 0.5


class Painter(Protocol):
    """What fills holes: a network, by :class:`hcl_arch.restoration.calls.Calls`, or a filler."""

    size_multiple: int
    """To which the sides of tiles are padded."""
    largest_side: Optional[int]
    """The longest side of what it takes at once, in pixels; None = any."""
    takes_confidence: bool
    """Whether it looks at the confidence."""

    @property
    def reach(self) -> float:
        """How far from known pixels it fills well, in pixels; infinite if it takes a picture as a whole."""

    def check_restores(self) -> None:
        """Raise ValueError if it cannot fill holes."""

    def padded(self, size: int) -> int:
        """The length to which it pads a side of this many pixels."""

    def repair_bytes(self) -> float:
        """Memory that it needs for each pixel, in bytes."""

    def repair(self, image: np.ndarray, hole: np.ndarray, confidence: Optional[np.ndarray] = None) -> np.ndarray:
        """Fill the holes, (H, W) bool, of an image, (H, W, 3) float32 in [0, 1]: its whole picture, likewise.

        The confidence is (H, W) float32 in [0, 1], that a pixel is uncorrupted; None says what the hole says.
        """


class Level(NamedTuple):
    """A picture to repaint at one size."""

    image: ImageSource
    hole: np.ndarray
    """(H, W) bool: what the network may not draw from."""
    wanted: np.ndarray
    """(H, W) bool: what of the result is used."""
    confidence: Optional[np.ndarray]
    """(H, W) float32 in [0, 1], that a pixel is uncorrupted, for a network that takes it."""
    grid: TileGrid
    erase: bool
    """Whether the network sees nothing of what is in the hole."""

    def tiles(self, row: Span) -> list[Span]:
        """The columns of a row of tiles whose content is used."""
        return self.grid.used(row, self.wanted)

    def seen(self, rows: slice, columns: slice) -> np.ndarray:
        """What the network sees of a part, (rows, columns, 3) float32 in [0, 1]; the mean colour where it is erased."""
        image, hole = self.image.rgb(rows, columns), self.hole[rows, columns]
        if self.erase:
            image[hole] = _UNKNOWN if hole.all() else image[~hole].mean(axis=0)
        return image


def paint(
    image: ImageSource,
    hole: np.ndarray,
    network: Painter,
    *,
    composite: bool,
    memory_bytes: float,
    confidence: Optional[np.ndarray] = None,
    erase: bool = False,
    progress: Optional[Progress] = None,
) -> np.ndarray:
    """Repaint an image.

    Args:
        image: The image to repaint.
        hole: (H, W) bool, True = repaint.
        network: The network that paints.
        composite: Whether pixels outside the hole keep the image's exact values. Transparent ones do in any case,
            unless this is off; alpha is never changed.
        memory_bytes: Memory that the network may use.
        confidence: (H, W) float32 in [0, 1], that a pixel is uncorrupted; by default 0 in the hole and 1 outside.
        erase: Whether the network sees nothing of what is in the hole.
        progress: Called with the number of finished tiles and of all tiles, over all levels.

    Returns:
        An array of the image's shape and dtype.

    Raises:
        ValueError: If the network is a detector only.
    """
    network.check_restores()
    confidence = confidence if network.takes_confidence else None
    levels = _levels(image, hole, confidence, erase, network, composite, memory_bytes)
    total = sum(len(level.tiles(row)) for level in levels for row in level.grid.rows)
    report = Report(progress, total)
    coarser: Optional[np.ndarray] = None
    for level in reversed(levels[1:]):
        picture = level.image.pixels.copy()
        for rows, painted in _painted_rows(level, coarser, network, report):
            level.image.write(picture, rows, painted, level.wanted[rows])
        coarser = picture
    result = image.pixels.copy()
    for rows, painted in _painted_rows(levels[0], coarser, network, report):
        image.write(result, rows, painted, levels[0].wanted[rows] if composite else None)
    return result


def _levels(
    image: ImageSource,
    hole: np.ndarray,
    confidence: Optional[np.ndarray],
    erase: bool,
    network: Painter,
    composite: bool,
    memory_bytes: float,
) -> list[Level]:
    """Levels from the full size to the coarsest one needed."""
    wanted = hole if composite else np.ones_like(hole)
    if image.transparent is not None:
        wanted = wanted & ~image.transparent if composite else wanted
        hole = hole | image.transparent
    levels = []
    while True:
        levels.append(Level(image, hole, wanted, confidence, _grid(image, wanted, network, memory_bytes), erase))
        if not _is_deep(hole, wanted, network.reach):
            return levels
        height, width = (-(-size // _REDUCTION) for size in hole.shape)
        reduced, share = image.reduced(height, width, ~hole)
        image, hole = ImageSource(reduced), share < _KNOWN_SHARE
        if confidence is not None:
            confidence = cv2.resize(confidence, (width, height), interpolation=cv2.INTER_AREA)
        wanted = hole


def _is_deep(hole: np.ndarray, wanted: np.ndarray, reach: float) -> bool:
    """Whether a wanted pixel is more than ``reach`` from the nearest known one, and a smaller picture would help."""
    if min(hole.shape) < MIN_IMAGE_SIZE * _REDUCTION or hole.all() or not (hole & wanted).any():
        return False
    return bool(distance_to(~hole)[wanted].max() > reach)


def _grid(image: ImageSource, wanted: np.ndarray, network: Painter, memory_bytes: float) -> TileGrid:
    """One tile if the memory suffices, else tiles of limited side; also tiles if they save work."""
    height, width, multiple = image.height, image.width, network.size_multiple
    pixels = network.padded(height) * network.padded(width)
    whole = TileGrid(spans(height, height, multiple), spans(width, width, multiple))
    if pixels <= _ALWAYS_FITS or network.reach == math.inf:
        return whole
    side = tile_side(memory_bytes / network.repair_bytes(), multiple)
    if network.largest_side is not None:
        side = min(side, network.largest_side)
    context = _context(wanted, network)
    tiled = _cheapest(wanted, side, context, multiple)
    if network.largest_side is not None and max(height, width) > network.largest_side:
        return tiled
    # Few holes are repaired in tiles even where the whole picture would fit.
    if pixels * network.repair_bytes() > memory_bytes or _work(tiled, wanted, context, multiple) < pixels:
        return tiled
    return whole


def _cheapest(wanted: np.ndarray, largest: int, context: int, multiple: int) -> TileGrid:
    """The grid that covers the wanted pixels with the least work, out of tiles up to a side.

    Along a long thin hole large tiles contain much that nobody wants; small ones overlap more and see less around it.
    """
    least = min(largest, _LARGEST_TILE)
    sides = range(largest, least - 1, -multiple)
    grids = {
        side: TileGrid(spans(wanted.shape[0], side, multiple), spans(wanted.shape[1], side, multiple)) for side in sides
    }
    costs = {side: _work(grid, wanted, context, multiple) * (side + _SIDE_COST) for side, grid in grids.items()}
    return grids[min(costs, key=lambda side: costs[side])]


def _context(wanted: np.ndarray, network: Painter) -> int:
    """How many pixels around what is wanted are painted with it; so many that all are, for what takes a whole."""
    if wanted.size <= _ALWAYS_FITS or network.reach == math.inf:
        return max(wanted.shape)
    return int(max(_LEAST_CONTEXT, network.reach))


def _work(grid: TileGrid, wanted: np.ndarray, context: int, multiple: int) -> int:
    """Number of pixels in the used parts of tiles."""
    tiles = itertools.product(grid.rows, grid.columns)
    parts = (needed_part(row, column, wanted, context=context, multiple=multiple) for row, column in tiles)
    return sum((part[0].stop - part[0].start) * (part[1].stop - part[1].start) for part in parts if part is not None)


def tile_side(most_pixels: float, multiple: int) -> int:
    """The largest side, a multiple of ``multiple``, of a square tile with at most this many pixels, within bounds."""
    largest = max(_LARGEST_TILE, _LARGEST_TILE_IN_MULTIPLES * multiple)
    side = min(int(most_pixels**0.5), largest) // multiple * multiple
    return max(side, _LEAST_TILE * multiple)


def _painted_rows(
    level: Level, coarser: Optional[np.ndarray], network: Painter, report: Report
) -> Iterator[tuple[slice, np.ndarray]]:
    """Strips of rows from top to bottom, (rows, W, 3) float32, as soon as they are complete; 0 where unused."""
    width = level.image.width
    done = 0
    strip = np.zeros((0, width, 3), np.float32)
    for row, following in zip(level.grid.rows, [*level.grid.rows[1:], None]):
        strip = np.concatenate([strip, np.zeros((row.stop - done - len(strip), width, 3), np.float32)])
        # The finished part of a tile has no weight.
        cut = done - row.start
        for column in level.tiles(row):
            tile = _painted_tile(level, row, column, coarser, network)
            tile *= row.weights[:, None, None] * column.weights[None, :, None]
            strip[:, column.extent] += tile[cut:]
            report.advance()
        end = row.stop if following is None else following.weighted.start
        yield slice(done, end), strip[: end - done]
        strip, done = strip[end - done :], end


def _painted_tile(level: Level, row: Span, column: Span, coarser: Optional[np.ndarray], network: Painter) -> np.ndarray:
    """A tile, (rows, columns, 3) float32, of which the part is painted that is needed; the rest is 0."""
    context = _context(level.wanted, network)
    part = needed_part(row, column, level.wanted, context=context, multiple=network.size_multiple)
    tile = np.zeros((len(row.weights), len(column.weights), 3), np.float32)
    if part is not None:
        rows, columns = part
        inside = (
            slice(rows.start - row.start, rows.stop - row.start),
            slice(columns.start - column.start, columns.stop - column.start),
        )
        weighted = np.ix_(row.weights[inside[0]] > 0, column.weights[inside[1]] > 0)
        tile[inside] = _painted_part(level, rows, columns, weighted, coarser, network)
    return tile


def _painted_part(
    level: Level,
    rows: slice,
    columns: slice,
    weighted: tuple[np.ndarray, ...],
    coarser: Optional[np.ndarray],
    network: Painter,
) -> np.ndarray:
    """The network's picture of a part, blended with the coarser one far from known pixels.

    Args:
        level: What is painted.
        rows: Of the part.
        columns: Of the part.
        weighted: Index of what is used of it.
        coarser: The picture at the next smaller size, if that is needed.
        network: What paints.
    """
    hole = level.hole[rows, columns]
    confidence = None if level.confidence is None else level.confidence[rows, columns]
    share = None if coarser is None else _share_of_coarser(hole, network.reach)
    if coarser is None or share is None:
        return network.repair(level.seen(rows, columns), hole, confidence)
    enlarged = enlarge_part(coarser, rows, columns, level.image.height, level.image.width)
    if (share[weighted] == 1)[level.wanted[rows, columns][weighted]].all():
        return enlarged
    painted = network.repair(level.seen(rows, columns), hole, confidence)
    return painted + share[..., None] * (enlarged - painted)


def _share_of_coarser(hole: np.ndarray, reach: float) -> Optional[np.ndarray]:
    """Share of the coarser picture in the blend, (H, W) float32 in [0, 1]; None if it is not needed anywhere.

    It grows from a distance of ``reach`` pixels to the nearest known pixel in the tile, and is 1 from three times that
    on.
    """
    if hole.all():
        return np.ones(hole.shape, np.float32)
    share = smooth_step((distance_to(~hole) - reach) / (2 * reach))
    return share if share.any() else None
