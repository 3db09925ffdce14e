"""Holes filled with patches of the same photograph: sharp where its textures go on, and at times with what is odd."""

from __future__ import annotations

import importlib.util
import threading

import numpy as np

from hcl_arch.restoration.whole_picture_filler import WholePictureFiller

# Pixels from the centre of a patch to its side.
_RADIUS = 3
_LOCK = threading.Lock()  # the library has one state for all


def is_installed() -> bool:
    """Whether the package pypatchmatch is there."""
    return importlib.util.find_spec('patchmatch') is not None


class PatchMatchFiller(WholePictureFiller):
    """Barnes et al., PatchMatch (SIGGRAPH 2009), by the package pypatchmatch, of whole pictures in 8 bits.

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
        with _LOCK:
            filled = self._library.inpaint(pixels, hole.astype(np.uint8) * 255, patch_size=_RADIUS)
        return np.asarray(filled, np.float32) / 255
