"""The result of a restoration."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Optional, Union

import cv2
import numpy as np

from hcl_arch.utils.atomic_file import atomic_file

if TYPE_CHECKING:
    from hcl_arch.restoration.photographs.photograph import Photograph


class _Fields(NamedTuple):
    image: np.ndarray
    """The restored image: shape, dtype and channels of the input (gray stays gray, alpha is the input's)."""
    mask: np.ndarray
    """(H, W) uint8, 255 = corrupted, 0 = uncorrupted, as in mask files; also where `reverse` repainted the rest."""
    confidence: np.ndarray
    """(H, W) float32 in [0, 1], that a pixel is uncorrupted; the mask is where it is below the threshold, grown."""
    score: float
    """In [0, 1], how sure it is that anything is corrupted: :func:`hcl_arch.restoration.verdict.corruption_score`; of a
    mask of the user's 1 if it marks anything, else 0."""
    found: bool
    """Whether any pixel is marked. Where the score is too low none is, whatever the confidence."""


class Restoration(_Fields):
    """A restored image with the mask that was used, a named tuple: image, mask, confidence, score, found."""

    photograph: Optional[Photograph] = None
    """Of a file: the repaired photograph with its profile and metadata."""
    pixelated: float = 0.0
    """The share of the image's pixels, in [0, 1], that are marked but left as they were, because they are pixelated."""

    def save(
        self,
        path: Union[str, os.PathLike[str]],
        *,
        mask: Optional[Union[str, os.PathLike[str]]] = None,
        quality: Optional[int] = None,
    ) -> list[str]:
        """Write the restored image, whole or not at all; existing files are replaced.

        Args:
            path: Its ending, such as .png, .jpg or .tif, decides the format. A photograph of a file keeps its profile
                and metadata. A floating-point image is written with 16 bits where the format has them.
            mask: Where to write the mask, a PNG, white = corrupted; None: nowhere.
            quality: Of formats that lose some, 1 to 100; None: a file of the same format is kept as it came where
                that is possible, others have 95.

        Returns:
            Remarks on what the format could not hold.

        Raises:
            InputError: If an ending is of no format that is written.
            OSError: If a file cannot be written.
        """
        from hcl_arch.restoration.photographs.photograph import FORMAT_OF_SUFFIX
        from hcl_arch.utils.errors import InputError

        if Path(path).suffix.lower() not in FORMAT_OF_SUFFIX:
            raise InputError(f'path: expected an ending out of {", ".join(FORMAT_OF_SUFFIX)}, got {os.fspath(path)!r}.')
        if mask is not None and Path(mask).suffix.lower() != '.png':
            raise InputError(f'mask: expected a path that ends in .png, got {os.fspath(mask)!r}.')
        remarks = (self.photograph or _photograph(self.image)).write(path, quality=quality)
        if mask is not None:
            with atomic_file(Path(mask), durable=False) as file:
                file.write(cv2.imencode('.png', self.mask)[1].tobytes())
        return remarks


def _photograph(image: np.ndarray) -> Photograph:
    """An image that did not come from a file as one."""
    from hcl_arch.restoration.photographs.photograph import Photograph

    if image.dtype not in (np.uint8, np.uint16):
        image = np.rint(np.clip(image, 0, 1) * np.float32(65535)).astype(np.uint16)
    is_gray = image.ndim == 2 or image.shape[2] == 1
    return Photograph(image.reshape(image.shape[:2]) if is_gray else image, is_gray=is_gray)
