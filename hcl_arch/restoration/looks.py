"""Detection in several looks, from the whole picture to its finest details, each using the result of the one before."""

from __future__ import annotations

import math
from typing import NamedTuple, Optional

import cv2
import numpy as np

from hcl_arch.restoration.calls import Calls
from hcl_arch.restoration.pixel_source import ImageSource
from hcl_arch.restoration.resampling import reduce_by_area
from hcl_arch.restoration.stages import Progress, Report
from hcl_arch.restoration.tiles import Span, spans
from hcl_arch.utils.image_limits import MIN_IMAGE_SIZE

# The last look at pictures with a shorter side than this is enlarged: their details are as small as the network's
# finest grid.
_ENLARGED_BELOW = 512
# A picture with more pixels than this (48 megapixels) is reduced first.
_MOST_PIXELS = 48e6
# Looks with up to this many pixels are computed whole; others in tiles of about this side.
_WHOLE_PIXELS = 832 * 832
_TILE_SIDE = 832


class Plan(NamedTuple):
    """Sizes of the looks at a picture."""

    height: int
    """Of the last look: the picture, enlarged or reduced, mirrored beyond its border so that every look has a whole
    number of cells."""
    width: int
    scale: float
    """Size of the last look's picture as a multiple of the image's."""
    looks: int
    """How many; each is twice as large as the one before."""


def plan_looks(height: int, width: int, detect_side: int, *, least_looks: int = 2, cell: int = 4) -> Plan:
    """Plan the looks at a picture.

    The last look sees every pixel of the picture, twice as large where the picture is small; the first one is the
    repeatedly halved picture whose short side is closest to ``detect_side``.

    Args:
        height: Of the image.
        width: Of the image.
        detect_side: Short side of the first look in pixels; raised to the minimum that networks accept.
        least_looks: Least number of looks, which makes use of everything the network has learned.
        cell: The sides of the first look are multiples of this.
    """
    short, long = min(height, width), max(height, width)
    scale = min(
        2.0 if short < _ENLARGED_BELOW else 1.0,
        math.sqrt(_MOST_PIXELS / (height * width)),
        _MOST_PIXELS / (long * cell * 2 ** (least_looks - 1)),  # the shortest side of a last look
    )
    halvings = max(least_looks - 1, round(math.log2(max(short * scale / max(detect_side, MIN_IMAGE_SIZE), 1))))
    multiple = cell * 2**halvings
    return Plan(_up(height * scale, multiple), _up(width * scale, multiple), scale, halvings + 1)


def detect_in_looks(
    image: ImageSource, network: Calls, *, detect_side: int, progress: Optional[Progress] = None
) -> np.ndarray:
    """Return the confidence that pixels are uncorrupted.

    Args:
        image: The image to examine.
        network: A network that detects in looks.
        detect_side: See :func:`plan_looks`.
        progress: Called with the number of finished tiles and of all tiles, over all looks.

    Returns:
        (h, w) float32 in [0, 1] on the last look's grid of logits, without the part beyond the picture's border.
    """
    # Each look's logits lie on its grid of cells, those of the look before on cells twice as large.
    plan = plan_looks(image.height, image.width, detect_side, cell=max(4, network.look_cell))
    finest = _Picture(image, plan)
    sizes = [(plan.height // 2**halvings, plan.width // 2**halvings) for halvings in range(plan.looks)]
    report = Report(progress, sum(len(_parts(*size, network.look_multiple)) for size in sizes))
    prior: Optional[np.ndarray] = None
    pictures: list[_Picture | _Reduced] = [finest]
    for _ in range(plan.looks - 1):
        pictures.append(pictures[-1].halved())
    while pictures:
        picture = pictures.pop()
        prior = _look(picture, network, prior, report)
    assert prior is not None
    cell = plan.height // prior.shape[0]
    # Cells that the picture fills only in part are included.
    rows, columns = (-(-side // cell) for side in (finest.inner_height, finest.inner_width))
    return 1 / (1 + np.exp(-prior[:rows, :columns].clip(-30, 30)))


def _parts(height: int, width: int, multiple: int) -> list[tuple[Span, Span]]:
    """The tiles, rows and columns, in which a picture of this size is looked at: one, or several that overlap."""
    if _up(height, multiple) * _up(width, multiple) <= _WHOLE_PIXELS:
        return [(spans(height, height, multiple)[0], spans(width, width, multiple)[0])]
    side = max(_TILE_SIDE // multiple, 8) * multiple
    return [(row, column) for row in spans(height, side, multiple) for column in spans(width, side, multiple)]


def _look(picture: _Picture | _Reduced, network: Calls, prior: Optional[np.ndarray], report: Report) -> np.ndarray:
    """Logits that pixels are uncorrupted, (H / cell, W / cell), of one look, whole or in tiles."""
    height, width = picture.height, picture.width
    found: Optional[np.ndarray] = None
    for row, column in _parts(height, width, network.look_multiple):
        part_prior = None
        if prior is not None:
            ratio = height // prior.shape[0]
            part_prior = prior[
                row.start // ratio : -(-row.stop // ratio), column.start // ratio : -(-column.stop // ratio)
            ]
        logits = network.look(picture.rgb(row.extent, column.extent), part_prior)
        cell = (row.stop - row.start) // logits.shape[0]
        if found is None:
            found = np.zeros((height // cell, width // cell), np.float32)
        weights = np.outer(row.weights[::cell], column.weights[::cell])
        top, left = row.start // cell, column.start // cell
        found[top : top + logits.shape[0], left : left + logits.shape[1]] += weights * logits
        report.advance()
    assert found is not None
    return found


class _Picture:
    """The input of the last look, in parts: the image at its scale, mirrored beyond its border."""

    def __init__(self, image: ImageSource, plan: Plan) -> None:
        self.height, self.width = plan.height, plan.width
        self._image, self._scale = image, plan.scale
        self._scaled = None if plan.scale == 1 else _scaled(image, plan.scale)
        # Without the part beyond the border.
        self.inner_height, self.inner_width = (image.pixels if self._scaled is None else self._scaled).shape[:2]

    def rgb(self, rows: slice, columns: slice) -> np.ndarray:
        """(rows, columns, 3) float32 in [0, 1]."""
        from_rows, down = _mirrored(rows, self.inner_height)
        from_columns, right = _mirrored(columns, self.inner_width)
        if self._scaled is not None:
            inner = self._scaled[from_rows, from_columns]
        else:
            inner = self._image.rgb(from_rows, from_columns)
        if down is not None:
            inner = inner[down]
        if right is not None:
            inner = inner[:, right]
        return np.ascontiguousarray(inner)

    def halved(self) -> _Reduced:
        """The whole picture at half its size; each pixel is the mean of the four under it."""
        strip = max(2, 2**22 // self.width // 2 * 2)
        parts = []
        for start in range(0, self.height, strip):
            rows = self.rgb(slice(start, min(start + strip, self.height)), slice(0, self.width))
            parts.append(reduce_by_area(rows, rows.shape[0] // 2, self.width // 2)[0])
        return _Reduced(np.concatenate(parts))


class _Reduced:
    """The input of a look before the last one."""

    def __init__(self, pixels: np.ndarray) -> None:
        self.height, self.width = pixels.shape[:2]
        self._pixels = pixels

    def rgb(self, rows: slice, columns: slice) -> np.ndarray:
        """(rows, columns, 3) float32 in [0, 1]."""
        return np.ascontiguousarray(self._pixels[rows, columns])

    def halved(self) -> _Reduced:
        """The same at half its size."""
        return _Reduced(reduce_by_area(self._pixels, self.height // 2, self.width // 2)[0])


def _scaled(image: ImageSource, scale: float) -> np.ndarray:
    """The image at another size, (H', W', 3) float32 in [0, 1]."""
    height, width = max(1, round(image.height * scale)), max(1, round(image.width * scale))
    if scale < 1:
        return image.reduced(height, width)[0]
    whole = image.rgb(slice(0, image.height), slice(0, image.width))
    enlarged = cv2.resize(whole, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(enlarged).reshape(height, width, 3).clip(0, 1)


def _mirrored(wanted: slice, size: int) -> tuple[slice, Optional[np.ndarray]]:
    """Source positions, in order, of a part of the mirrored continuation of a side with this many pixels."""
    if wanted.stop <= size:
        return wanted, None
    place = np.arange(wanted.start, wanted.stop) % (2 * size)
    place = np.minimum(place, 2 * size - 1 - place)
    first = int(place.min())
    return slice(first, int(place.max()) + 1), place - first


def _up(size: float, multiple: int) -> int:
    return max(1, math.ceil(round(size) / multiple)) * multiple
