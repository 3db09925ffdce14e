"""Masks made of rectangles, and of a template at a place of the photograph, such as a logo in a corner."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

import cv2
import numpy as np

from hcl_arch.restoration.mask_array import as_mask
from hcl_arch.utils.errors import InputError
from hcl_arch.utils.regions import Anchor, Length, Region

_NONE = Length(0, is_share=False)


def region_mask(regions: Sequence[Region], height: int, width: int) -> np.ndarray:
    """Return the mask of rectangles, (H, W) uint8, 255 = corrupted.

    Args:
        regions: Such as ``Region.parse('0,90%,100%,10%')``.
        height, width: Of the photograph.

    Raises:
        ValueError: One lies outside of the photograph.
    """
    marked = np.zeros((height, width), bool)
    for region in regions:
        rows, columns = region.slices(height, width)
        if rows.start >= rows.stop or columns.start >= columns.stop:
            raise InputError(f'a region lies outside of the {width} x {height} pixels of the photograph')
        marked[rows, columns] = True
    return as_mask(marked)


def template_mask(
    template: np.ndarray,
    height: int,
    width: int,
    *,
    anchor: Anchor = 'bottom-right',
    offset: tuple[Length, Length] = (_NONE, _NONE),
    template_width: Optional[Length] = None,
) -> np.ndarray:
    """Return the mask of a template at its place, (H, W) uint8, 255 = corrupted.

    Args:
        template: (h, w), nonzero = corrupted.
        height, width: Of the photograph.
        anchor: The corner, side or middle of the photograph at which the same of the template lies.
        offset: Distance from there into the photograph, right or left, and down or up; from the middle right and down.
        template_width: To what width the template is resized; None: as it is.

    Raises:
        ValueError: Nothing of it lies inside of the photograph.
    """
    marked = _resized(template > 0, template_width, width)
    left = _start(anchor, 'left', 'right', width, marked.shape[1], round(offset[0].pixels(width)))
    top = _start(anchor, 'top', 'bottom', height, marked.shape[0], round(offset[1].pixels(height)))
    result = np.zeros((height, width), bool)
    inside = marked[max(-top, 0) : max(height - top, 0), max(-left, 0) : max(width - left, 0)]
    if not inside.any():
        raise InputError(f'the template lies outside of the {width} x {height} pixels of the photograph')
    top, left = max(top, 0), max(left, 0)
    result[top : top + inside.shape[0], left : left + inside.shape[1]] = inside
    return as_mask(result)


def _resized(marked: np.ndarray, template_width: Optional[Length], width: int) -> np.ndarray:
    if template_width is None:
        return marked
    across = max(1, round(template_width.pixels(width)))
    down = max(1, round(marked.shape[0] * across / marked.shape[1]))
    way = cv2.INTER_AREA if across < marked.shape[1] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(marked.astype(np.float32), (across, down), interpolation=way) >= 0.25)


def _start(anchor: str, first: str, last: str, side: int, length: int, offset: int) -> int:
    """The first row or column of the template."""
    if last in anchor:
        return side - length - offset
    return offset if first in anchor else (side - length) // 2 + offset
