"""Detection in several looks, from the whole picture to its finest details, each knowing what the one before found."""

from __future__ import annotations

import math
from typing import NamedTuple, Optional

import cv2
import numpy as np

from hcl_arch.restoration.image_source import ImageSource
from hcl_arch.restoration.network_calls import NetworkCalls
from hcl_arch.restoration.resampling import reduce_by_area
from hcl_arch.restoration.tiles import spans

# Pictures with a shorter side than this are looked at enlarged in the end: their details are as small as the network's
# finest grid.
_ENLARGED_BELOW = 512
# More pixels than these (48 megapixels) are not looked at; a larger picture is reduced first.
_MOST_PIXELS = 48e6
# Looks of up to so many pixels are taken whole; others in tiles of about this side.
_WHOLE_PIXELS = 832 * 832
_TILE_SIDE = 832


class Plan(NamedTuple):
    """Sizes of the looks at a picture."""

    height: int
    """Of the last look, a multiple of ``multiple``: the picture, enlarged or reduced, mirrored beyond its border."""
    width: int
    scale: float
    """Size of the last look's picture as a multiple of the image's."""
    looks: int
    """How many; each is twice as large as the one before."""


def plan_looks(height: int, width: int, detect_side: int, least_looks: int = 2) -> Plan:
    """Decide how a picture is looked at.

    The last look sees every pixel of the picture, twice as large where the picture is small; the first one is the
    halving of it whose short side is nearest to ``detect_side``.

    Args:
        height: Of the image.
        width: Of the image.
        detect_side: Short side of the first look in pixels.
        least_looks: No fewer looks than these, so that all that the network has learned is used.
    """
    short = min(height, width)
    scale = min(2.0 if short < _ENLARGED_BELOW else 1.0, math.sqrt(_MOST_PIXELS / (height * width)))
    halvings = max(least_looks - 1, round(math.log2(max(short * scale / detect_side, 1))))
    # Each look's logits lie on half its grid, a quarter of the next one's.
    multiple = 4 * 2**halvings
    return Plan(_up(height * scale, multiple), _up(width * scale, multiple), scale, halvings + 1)


def detect_in_looks(image: ImageSource, network: NetworkCalls, *, detect_side: int) -> np.ndarray:
    """Find the confidence that pixels are uncorrupted.

    Args:
        image: To be examined.
        network: One that takes looks.
        detect_side: See :func:`plan_looks`.

    Returns:
        (h, w) float32 in [0, 1] on the last look's grid of logits, without what was beyond the picture's border.
    """
    plan = plan_looks(image.height, image.width, detect_side)
    finest = _Picture(image, plan)
    prior: Optional[np.ndarray] = None
    for look in range(plan.looks):
        halvings = plan.looks - 1 - look
        picture = finest.reduced(2**halvings) if halvings else finest
        prior = _look(picture, network, prior)
    assert prior is not None
    cell = plan.height // prior.shape[0]
    rows, columns = (round(side * plan.scale / cell) for side in (image.height, image.width))
    return 1 / (1 + np.exp(-prior[: max(rows, 1), : max(columns, 1)].clip(-30, 30)))


def _look(picture: _Picture | _Reduced, network: NetworkCalls, prior: Optional[np.ndarray]) -> np.ndarray:
    """Logits that pixels are uncorrupted, (H / cell, W / cell), of one look, whole or in tiles."""
    multiple = network.look_multiple
    height, width = picture.height, picture.width
    if height * width <= _WHOLE_PIXELS:
        return network.look(picture.rgb(slice(0, height), slice(0, width)), prior)
    side = max(_TILE_SIDE // multiple, 8) * multiple
    found: Optional[np.ndarray] = None
    cell = 1
    for row in spans(height, side, multiple):
        for column in spans(width, side, multiple):
            part = picture.rgb(row.extent, column.extent)
            part_prior = None
            if prior is not None:
                ratio = height // prior.shape[0]
                part_prior = prior[
                    row.start // ratio : -(-row.stop // ratio), column.start // ratio : -(-column.stop // ratio)
                ]
            logits = network.look(part, part_prior)
            if found is None:
                cell = (row.stop - row.start) // logits.shape[0]
                found = np.zeros((height // cell, width // cell), np.float32)
            weights = np.outer(row.weights[::cell], column.weights[::cell])
            top, left = row.start // cell, column.start // cell
            found[top : top + logits.shape[0], left : left + logits.shape[1]] += weights * logits
    assert found is not None
    return found


class _Picture:
    """What the last look sees: the image at its scale, mirrored beyond its border, in parts."""

    def __init__(self, image: ImageSource, plan: Plan) -> None:
        self.height, self.width = plan.height, plan.width
        self._image, self._scale = image, plan.scale
        self._scaled: Optional[np.ndarray] = None
        if plan.scale != 1:
            self._scaled = _scaled(image, plan.scale)

    def rgb(self, rows: slice, columns: slice) -> np.ndarray:
        """(rows, columns, 3) float32 in [0, 1]."""
        if self._scaled is not None:
            height, width = self._scaled.shape[:2]
            inner = self._scaled[rows.start : min(rows.stop, height), columns.start : min(columns.stop, width)]
        else:
            height, width = self._image.height, self._image.width
            inner = self._image.rgb(
                slice(rows.start, min(rows.stop, height)), slice(columns.start, min(columns.stop, width))
            )
        below, right = (wanted.stop - wanted.start - have for wanted, have in zip((rows, columns), inner.shape))
        if below or right:
            inner = np.pad(inner, ((0, below), (0, right), (0, 0)), mode='symmetric')
        return np.ascontiguousarray(inner)

    def reduced(self, factor: int) -> _Reduced:
        """The whole of it, smaller by a whole factor, each pixel the mean of those under it."""
        strip = max(factor, 2**22 // self.width // factor * factor)
        parts = []
        for start in range(0, self.height, strip):
            rows = self.rgb(slice(start, min(start + strip, self.height)), slice(0, self.width))
            small, _ = reduce_by_area(rows, rows.shape[0] // factor, self.width // factor)
            parts.append(small)
        return _Reduced(np.concatenate(parts))


class _Reduced:
    """What a look before the last one sees."""

    def __init__(self, pixels: np.ndarray) -> None:
        self.height, self.width = pixels.shape[:2]
        self._pixels = pixels

    def rgb(self, rows: slice, columns: slice) -> np.ndarray:
        """(rows, columns, 3) float32 in [0, 1]."""
        return np.ascontiguousarray(self._pixels[rows, columns])


def _scaled(image: ImageSource, scale: float) -> np.ndarray:
    """The image at another size, (H', W', 3) float32 in [0, 1]."""
    height, width = max(1, round(image.height * scale)), max(1, round(image.width * scale))
    if scale < 1:
        return image.reduced(height, width)[0]
    whole = image.rgb(slice(0, image.height), slice(0, image.width))
    return np.asarray(cv2.resize(whole, (width, height), interpolation=cv2.INTER_LINEAR)).reshape(height, width, 3)


def _up(size: float, multiple: int) -> int:
    return max(1, math.ceil(round(size) / multiple)) * multiple
