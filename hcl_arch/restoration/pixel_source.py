"""An image of any dtype and channels, read as RGB in parts and written back in parts."""

from __future__ import annotations

from typing import Optional

import cv2
import numpy as np

from hcl_arch.restoration.resampling import as_float, reduce_by_area
from hcl_arch.utils.pixel_values import LUMA

# Side of the small image from which colours of transparent pixels are taken.
_FILL_SIDE = 64


class ImageSource:
    """Pixels of an image; they are never all copied to another dtype.

    The colours of fully transparent pixels are meaningless (files hold black, white or garbage there), so in a
    network's input they are replaced by a blurred continuation of the visible ones.

    Args:
        pixels: As returned by :func:`hcl_arch.restoration.image_input.image_array`.
    """

    def __init__(self, pixels: np.ndarray) -> None:
        self.pixels = pixels
        self.height, self.width = pixels.shape[:2]
        native = pixels.astype(pixels.dtype.newbyteorder('='), copy=False)
        channels = native.reshape(self.height, self.width, -1)
        self.colours = channels[..., :3]
        self.is_gray = self.colours.shape[2] == 1
        self.transparent = self._transparent(channels)
        self._fill: Optional[np.ndarray] = None
        # Gray with transparency comes as four channels, three of them alike; it stays gray too.
        self._is_gray_with_alpha = channels.shape[2] == 4 and bool((self.colours == self.colours[..., :1]).all())

    @staticmethod
    def _transparent(channels: np.ndarray) -> Optional[np.ndarray]:
        """(H, W) bool: which pixels are fully transparent; None if none are."""
        if channels.shape[2] < 4:
            return None
        transparent = channels[..., 3] <= 0
        return transparent if transparent.any() else None

    def rgb(self, rows: slice, columns: slice) -> np.ndarray:
        """A part of the image, (rows, columns, 3) float32 in [0, 1], with invisible colours replaced."""
        part = as_float(self.colours[rows, columns])
        if self.transparent is not None:
            part = self._filled(part, rows, columns)
        return np.repeat(part, 3, axis=2) if self.is_gray else part

    def luma(self, rows: slice) -> np.ndarray:
        """Some rows as gray levels, (rows, W) float32 in [0, 1]."""
        return cv2.cvtColor(self.rgb(rows, slice(0, self.width)), cv2.COLOR_RGB2GRAY)

    def reduced(self, height: int, width: int, known: Optional[np.ndarray] = None) -> tuple[np.ndarray, np.ndarray]:
        """The image on a smaller grid, computed from visible and known pixels where there are any.

        Args:
            height: Of the smaller grid.
            width: Of the smaller grid.
            known: (H, W) bool; by default all are.

        Returns:
            (height, width, 3) float32 RGB, and the share of pixels that are visible and known, (height, width).
        """
        if self.transparent is None:
            means, share = reduce_by_area(self.colours, height, width, known)
        else:
            means, share = self._reduced_visible(height, width, known, self.transparent)
        return (np.repeat(means, 3, axis=2) if self.is_gray else means), share

    def _reduced_visible(
        self, height: int, width: int, known: Optional[np.ndarray], transparent: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Like :meth:`reduced`, but invisible colours are replaced by the nearest visible ones."""
        means, share = reduce_by_area(self.colours, height, width, ~transparent)
        means = nearest_known(means, share > 0)
        if known is None:
            return means, share
        known_means, share = reduce_by_area(self.colours, height, width, known & ~transparent)
        return np.where(share[..., None] > 0, known_means, means), share

    def write(self, target: np.ndarray, rows: slice, painted: np.ndarray, where: Optional[np.ndarray]) -> None:
        """Put painted rows into an array of the image's shape and dtype.

        Args:
            target: Changed in place; its alpha stays.
            rows: Which rows.
            painted: (rows, W, 3) float32.
            where: (rows, W) bool: only there; None everywhere.
        """
        if self.is_gray or self._is_gray_with_alpha:
            painted = np.repeat((painted @ LUMA)[..., None], self.colours.shape[2], axis=2)
        if np.issubdtype(target.dtype, np.integer):
            painted = np.rint(painted.clip(0, 1) * np.iinfo(target.dtype).max)
        else:
            painted = painted.clip(0, 1)
        view = target.reshape(self.height, self.width, -1)[rows, :, : painted.shape[2]]
        if where is None:
            view[...] = painted.astype(target.dtype)
        else:
            view[where] = painted.astype(target.dtype)[where]

    def _filled(self, part: np.ndarray, rows: slice, columns: slice) -> np.ndarray:
        assert self.transparent is not None
        hidden = self.transparent[rows, columns]
        if not hidden.any():
            return part
        if self._fill is None:
            self._fill = self._visible_colours()
        row, column = np.nonzero(hidden)
        height, width = self._fill.shape[:2]
        part[hidden] = self._fill[
            (row + rows.start) * height // self.height, (column + columns.start) * width // self.width
        ]
        return part

    def _visible_colours(self) -> np.ndarray:
        """A small image of the visible colours; gaps take the colour of the nearest visible place."""
        assert self.transparent is not None
        height, width = min(self.height, _FILL_SIDE), min(self.width, _FILL_SIDE)
        means, share = reduce_by_area(self.colours, height, width, ~self.transparent)
        return nearest_known(means, share > 0)


def nearest_known(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Values (H, W, C), where those not known, (H, W) bool, are taken from the nearest known place.

    If nothing is known, all values are gray (0.5).
    """
    if known.all():
        return values
    if not known.any():
        return np.full_like(values, 0.5)
    _, labels = cv2.distanceTransformWithLabels(
        (~known).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    by_label = np.zeros((int(labels.max()) + 1, values.shape[2]), values.dtype)
    by_label[labels[known]] = values[known]
    return by_label[labels]
