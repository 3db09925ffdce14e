"""RGBA pictures to draw with, shrunk once and kept."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from hcl_arch.data.storage.image_source import ImageSource

KEPT_PICTURES = 64


class PictureCache:
    """Reads RGBA pictures without their transparent margins and keeps the last ones; they are not pickled.

    Args:
        source: the pictures.
        longest_side: larger pictures are shrunk to this, in pixels: decoding and turning large logos costs more than
            the rest of a sample.
    """

    def __init__(self, source: ImageSource, *, longest_side: int) -> None:
        self._source = source
        self._longest_side = longest_side
        self._kept: OrderedDict[int, NDArray[np.uint8]] = OrderedDict()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, '_kept': OrderedDict()}

    def __call__(self, index: int) -> NDArray[np.uint8]:
        """Return picture `index` as (H, W, 4) uint8, RGB not multiplied by alpha; not to be written to.

        Raises:
            OSError: it cannot be read.
            ValueError: it has no alpha channel.
        """
        if index in self._kept:
            self._kept.move_to_end(index)
            return self._kept[index]
        picture = _shrink(_cropped(self._source.read_rgba(index)), self._longest_side)
        self._kept[index] = picture
        if len(self._kept) > KEPT_PICTURES:
            self._kept.popitem(last=False)
        return picture


def _cropped(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the visible part of the picture; one pixel of it if nothing is visible."""
    left, top, width, height = cv2.boundingRect(cv2.extractChannel(picture, 3))
    return picture[top : top + max(height, 1), left : left + max(width, 1)]


def _shrink(picture: NDArray[np.uint8], longest_side: int) -> NDArray[np.uint8]:
    """Return the picture reduced by area to at most the wanted size, with colours weighted by alpha."""
    factor = longest_side / max(picture.shape[:2])
    if factor >= 1:
        return picture
    size = max(1, round(picture.shape[1] * factor)), max(1, round(picture.shape[0] * factor))
    alpha = picture[..., 3:].astype(np.float32)
    painted = cv2.resize(np.dstack([picture[..., :3] * alpha, alpha]), size, interpolation=cv2.INTER_AREA)
    colour = painted[..., :3] / np.maximum(painted[..., 3:], 1e-6)
    shrunk: NDArray[np.uint8] = np.dstack([colour, painted[..., 3]]).round().astype(np.uint8)
    return shrunk
