"""Masks of another size than the photograph: what is the matter with them, and how they fit."""

from __future__ import annotations

from typing import Optional

import cv2
import numpy as np

from hcl_arch.utils.errors import HCLError
from hcl_arch.utils.image_decoding import upright

# Sides that differ by this share, or by a pixel, are of one shape: sizes are rounded when pictures are resized.
_SAME_SHAPE = 0.01
# A pixel is marked if at least this share of what falls on it is: thin lines stay.
_MARKED_SHARE = 0.25
_TURNED = 5


class MaskSizeError(HCLError, ValueError):
    """A mask of another size than the photograph; the message says what it is, and what to do."""


def size_problem(found: tuple[int, int], expected: tuple[int, int], orientation: int, option: str) -> str:
    """Say what a mask of another size is, and what to do.

    Args:
        found: Height and width of the mask.
        expected: Height and width of the upright photograph.
        orientation: EXIF orientation with which the photograph is stored.
        option: What lets a mask fit, as the user writes it.
    """
    if _is_turned(found, expected, orientation):
        return f'it is of the photograph as stored, before its EXIF orientation turns it; {option} turns it'
    if _has_shape(found, expected):
        return f'it has its shape; {option} resizes it'
    if _has_shape(found[::-1], expected):
        return 'it lies on its side; turn it'
    return 'it has another shape, as of a crop or of another picture; make one for this photograph'


def fitted(
    marked: np.ndarray, expected: tuple[int, int], orientation: int = 1, *, missing: Optional[str] = None
) -> np.ndarray:
    """Return a mask at a photograph's size: turned as the photograph is, and resized.

    Args:
        marked: (h, w) bool.
        expected: Height and width of the upright photograph.
        orientation: See :func:`size_problem`.
        missing: The option that would let a mask of another size fit, where the user has not given it; None: it may.

    Raises:
        MaskSizeError: It has another shape, or another size that may not be changed.
    """
    found = marked.shape[0], marked.shape[1]
    if found == expected:
        return marked
    is_turned = _is_turned(found, expected, orientation)
    if missing is not None or not (is_turned or _has_shape(found, expected)):
        raise MaskSizeError(size_problem(found, expected, orientation, missing or ''))
    if is_turned:
        marked = upright(marked, orientation)
    if marked.shape == expected:
        return np.ascontiguousarray(marked)
    is_smaller = marked.size > expected[0] * expected[1]
    way = cv2.INTER_AREA if is_smaller else cv2.INTER_LINEAR
    shares = cv2.resize(marked.astype(np.float32), expected[::-1], interpolation=way)
    return np.asarray(shares >= (_MARKED_SHARE if is_smaller else 0.5))


def _is_turned(found: tuple[int, int], expected: tuple[int, int], orientation: int) -> bool:
    return orientation >= _TURNED and not _has_shape(found, expected) and _has_shape(found[::-1], expected)


def _has_shape(found: tuple[int, int], expected: tuple[int, int]) -> bool:
    """Whether height and width are in one ratio, but for rounding."""
    across = found[1] * expected[0] / expected[1]
    return abs(across - found[0]) <= max(_SAME_SHAPE * found[0], 1)
