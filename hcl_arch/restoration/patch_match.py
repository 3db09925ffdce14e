"""Holes filled with patches of the same photograph: sharp where its textures go on, and at times with what is odd."""

from __future__ import annotations

import importlib.util
import threading

import cv2
import numpy as np

from hcl_arch.restoration.whole_picture_filler import WholePictureFiller
from hcl_arch.utils.errors import InputError

# Pixels from the centre of a patch to its side.
_RADIUS = 3
# Pixels around a hole from which its patches come, where holes are so few that not the whole picture is searched.
_AROUND = 256
_MOST_PIXELS = 2**24  # searched at once, which takes 2.5 GB and two minutes
_LOCK = threading.Lock()  # the library has one state for all


def is_installed() -> bool:
    """Whether the package pypatchmatch is there."""
    return importlib.util.find_spec('patchmatch') is not None


class PatchMatchFiller(WholePictureFiller):
    """Barnes et al., PatchMatch (SIGGRAPH 2009), by the package pypatchmatch, in 8 bits.

    Each hole is filled from what is up to 256 pixels around it, or all from the whole picture where that is less work.
    Equal pictures get equal results.

    Raises:
        ImportError: The package is not installed.
    """

    name = 'patchmatch'
    _bytes_per_pixel = 150.0  # its levels, and the patch found for each pixel of them

    def __init__(self) -> None:
        if not is_installed():
            raise ImportError(
                'patchmatch needs the package pypatchmatch, which is not installed: pip install pypatchmatch '
                '(Python 3.11 or newer)'
            )
        from patchmatch import patch_match

        if not patch_match.patchmatch_available:
            raise ImportError("the package pypatchmatch does not load its library: see this program's messages above")
        self._library = patch_match

    def _filled(self, image: np.ndarray, hole: np.ndarray) -> np.ndarray:
        pixels = np.ascontiguousarray((image * 255).round().astype(np.uint8))
        _, labels, boxes, _ = cv2.connectedComponentsWithStats(hole.astype(np.uint8), connectivity=8)
        parts = [_around(box) for box in boxes[1:]]
        wanted = [(rows, columns, labels[rows, columns] == label) for label, (rows, columns) in enumerate(parts, 1)]
        if sum(mask.size for _, _, mask in wanted) >= hole.size:
            wanted = [(slice(None), slice(None), hole)]
        filled = image.copy()
        for rows, columns, mask in wanted:
            if mask.size > _MOST_PIXELS:
                raise InputError(
                    f'filler: patchmatch would search {mask.size / 1e6:.0f} megapixels at once, at most '
                    f'{_MOST_PIXELS / 1e6:.0f} are possible: take another filler, or a smaller picture.'
                )
            with _LOCK:
                found = self._library.inpaint(
                    np.ascontiguousarray(pixels[rows, columns]),
                    hole[rows, columns].astype(np.uint8),
                    patch_size=_RADIUS,
                )
            filled[rows, columns][mask] = found[mask].astype(np.float32) / 255
        return filled


def _around(box: np.ndarray) -> tuple[slice, slice]:
    """Rows and columns of a box (left, top, width, height, ...) and what is around it."""
    left, top, width, height = box[:4]
    return (
        slice(max(0, top - _AROUND), top + height + _AROUND),
        slice(max(0, left - _AROUND), left + width + _AROUND),
    )
