"""Images by index, from one or several folders and LMDB folders."""

from __future__ import annotations

import bisect
import itertools
import os
from collections.abc import Iterator, Sequence
from typing import Any, Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from hcl_arch.data.storage.image_root import ImageRoot, LmdbRoot, open_root
from hcl_arch.utils.image_decoding import DamagedImageError, decode_image
from hcl_arch.utils.mask_decoding import NoMaskError, decode_mask
from hcl_arch.utils.pixel_values import as_8_bit
from hcl_arch.utils.unreadable_image import UnreadableImageError, UnusableImageError


class ImageSource:
    """The images of one or several roots, numbered consecutively; can be pickled at any time.

    Files are decoded by OpenCV to 8 bit: 16 bits per channel are scaled down, alpha is dropped, the EXIF orientation is
    applied.

    Args:
        roots: a folder (searched with its subfolders, sorted by relative path), an LMDB folder (`*.lmdb`, BasicSR's
            layout, in the order of its `meta_info.txt`), or several of them.

    Raises:
        FileNotFoundError: a root does not exist or is not complete.
        ValueError: a root holds no image, or there is no root.
    """

    def __init__(self, roots: str | Sequence[str]) -> None:
        paths = [roots] if isinstance(roots, str) else list(roots)
        if not paths:
            raise ValueError('expected at least one folder of images or LMDB folder, got an empty list.')
        self._roots = [open_root(path) for path in paths]
        self._ends = list(itertools.accumulate(len(root.keys) for root in self._roots))

    def __len__(self) -> int:
        return self._ends[-1]

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths of the roots."""
        return tuple(root.path for root in self._roots)

    def names(self) -> Iterator[tuple[int, str]]:
        """Yield number of the root and name (relative path with '/' and without extension, or key) of each image."""
        for number, root in enumerate(self._roots):
            for key in root.keys:
                yield number, key if isinstance(root, LmdbRoot) else os.path.splitext(key)[0].replace(os.sep, '/')

    def path_of(self, index: int) -> str:
        """Return the location of image `index`: the file's path, or 'path/key' in an LMDB."""
        root, local = self._locate(index)
        return root.path_of(local)

    def identity_of(self, index: int) -> str:
        """Return a text that is equal for two images, even of two sources, if they are the same file or LMDB entry."""
        root, local = self._locate(index)
        return root.identity_of(local)

    def read_rgb(self, index: int, *, least_side: int | None = None) -> NDArray[np.uint8]:
        """Return image `index` as (H, W, 3) uint8, channels RGB; a gray image has three equal channels.

        Args:
            index: number of the image.
            least_side: a JPEG may be decoded at a fraction of its size, as long as its short side keeps twice this
                many pixels; see `decode_image`. Without it, images are decoded at full size.

        Raises:
            UnreadableImageError: it cannot be read or decoded; an OSError that says which image it is.
        """
        image = self._decoded(index, lambda content: decode_image(content, least_side=least_side))
        return cv2.cvtColor(image, cv2.COLOR_BGR2RGB, dst=image)  # type: ignore[return-value]

    def read_mask(self, index: int, *, inverted: bool = False) -> NDArray[np.bool_]:
        """Return the hole map of mask image `index`, (H, W) bool, True = hole; see `decode_mask`.

        Raises:
            UnreadableImageError: it cannot be read or decoded; an OSError that says which image it is.
            UnusableImageError: it is not a black and white mask; also a ValueError.
        """
        try:
            return self._decoded(index, lambda content: decode_mask(content, inverted=inverted))
        except NoMaskError as error:
            raise UnusableImageError(str(error), self.path_of(index)) from error

    def read_rgba(self, index: int) -> NDArray[np.uint8]:
        """Return image `index` as (H, W, 4) uint8, channels RGB and alpha.

        The colours are not multiplied by alpha. The EXIF orientation is not applied.

        Raises:
            UnreadableImageError: it cannot be read or decoded.
            UnusableImageError: it has no alpha channel, or is not of 8 or 16 bit; also a ValueError.
        """
        image = self._decoded(index, lambda content: decode_image(content, cv2.IMREAD_UNCHANGED))
        if image.ndim != 3 or image.shape[2] != 4:
            channels = 1 if image.ndim == 2 else image.shape[2]
            raise UnusableImageError(
                f'expected an image with an alpha channel, found {channels} channel(s). Save it '
                'as RGBA PNG, or remove it.',
                self.path_of(index),
            )
        if image.dtype == np.uint16:
            image = as_8_bit(image)
        if image.dtype != np.uint8:
            raise UnusableImageError(
                f'expected an image of 8 or 16 bit per channel, found {image.dtype}. Save it as '
                'RGBA PNG, or remove it.',
                self.path_of(index),
            )
        return cv2.cvtColor(image, cv2.COLOR_BGRA2RGBA)  # type: ignore[return-value]

    def _locate(self, index: int) -> tuple[ImageRoot, int]:
        """Return the root of image `index` and its number there."""
        if not 0 <= index < len(self):
            raise IndexError(f'image {index} of {len(self)} in {", ".join(self.paths)}')
        number = bisect.bisect_right(self._ends, index)
        root = self._roots[number]
        return root, index - self._ends[number] + len(root.keys)

    def _decoded(self, index: int, decode: Callable[[bytes], NDArray[Any]]) -> NDArray[Any]:
        root, local = self._locate(index)
        content = root.read_bytes(local)
        try:
            return decode(content)
        except DamagedImageError as error:
            reason = f'expected an image, found {error}. Replace or remove it.'
            raise UnreadableImageError(reason, root.path_of(local)) from error
