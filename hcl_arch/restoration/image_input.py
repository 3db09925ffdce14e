"""Conversion of users' images (arrays, PIL images and files) to arrays for the restoration."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Optional, Union

import numpy as np
from PIL import Image

from hcl_arch.restoration.result import Restoration
from hcl_arch.restoration.verdict import Finding
from hcl_arch.utils.errors import InputError

if TYPE_CHECKING:
    from hcl_arch.restoration.photographs.photograph import Photograph

ImageInput = Union[np.ndarray, Image.Image, str, Path, bytes]

_BYTES = (bytes, bytearray, memoryview)
# A path, or a file's content.
FILES = (str, os.PathLike, *_BYTES)
_EXPECTED = 'expected (H, W), (H, W, 1), (H, W, 3) RGB or (H, W, 4) RGBA'
_MODES_AS_THEY_ARE = ('L', 'RGB', 'RGBA', 'F')
_MODES_WITH_ALPHA = ('LA', 'La', 'PA', 'RGBa')
# Floating-point images may leave [0, 1] by this much, as after resampling or colour conversion; networks get them
# clipped.
_FLOAT_SLACK = 1e-3


def image_array(image: ImageInput) -> np.ndarray:
    """The pixels of an image, checked.

    Args:
        image: An array of uint8, uint16 or float in [0, 1], of shape (H, W), (H, W, 1), (H, W, 3) RGB or (H, W, 4)
            RGBA; a PIL image (its pixels as they are: an EXIF orientation is not applied); a file's path, or its bytes.

    Returns:
        An array of one of these shapes and dtypes; a given array itself.

    Raises:
        ValueError: If it is none of these, is empty, or holds a value that is not finite or outside [0, 1].
    """
    if isinstance(image, FILES):
        image = _read(image).pixels
    if isinstance(image, Image.Image):
        image = _pil_pixels(image)
    if not isinstance(image, np.ndarray):
        raise InputError(f'image: expected a numpy array, a PIL image, a path or bytes, got {_type_name(image)}.')
    _check_shape(image)
    _check_values('image', image)
    return image


class Given(NamedTuple):
    """An image as a network is shown it."""

    pixels: np.ndarray
    """As :func:`image_array` returns them; of a file in sRGB, not multiplied by alpha."""
    photograph: Optional[Photograph] = None
    """The file that they come from."""

    @property
    def orientation(self) -> int:
        """EXIF orientation with which the file is stored."""
        return 1 if self.photograph is None else self.photograph.orientation

    def restoration(self, picture: np.ndarray, finding: Finding, pixelated: float = 0.0) -> Restoration:
        """The restored picture as it is returned: of a file, in the file's own numbers."""
        photograph = None if self.photograph is None else self.photograph.with_repaired(picture)
        restoration = Restoration(picture if photograph is None else photograph.pixels, *finding)
        restoration.photograph, restoration.pixelated = photograph, pixelated
        return restoration


def given_image(image: ImageInput) -> Given:
    """Check an image, and read it if it is a file; see :func:`image_array`."""
    if not isinstance(image, FILES):
        return Given(image_array(image))
    photograph = _read(image)
    return Given(image_array(photograph.shown), photograph)


def _read(image: Any) -> Photograph:
    from hcl_arch.restoration.photographs.photograph import read_photograph

    return read_photograph(io.BytesIO(image) if isinstance(image, _BYTES) else image)


def _type_name(value: Any) -> str:
    return f'{type(value).__module__}.{type(value).__name__}'.replace('builtins.', '')


def _check_shape(image: np.ndarray) -> None:
    is_known = image.ndim == 2 or (image.ndim == 3 and image.shape[2] in (1, 3, 4))
    if not is_known:
        hint = ' Put the channels last.' if image.ndim == 3 and image.shape[0] in (1, 3, 4) else ''
        raise InputError(f'image: {_EXPECTED}, got shape {image.shape}.{hint}')
    if image.size == 0:
        raise InputError(f'image: expected at least one pixel, got shape {image.shape}.')


def _check_values(name: str, array: np.ndarray) -> None:
    """Raise ValueError for other dtypes than uint8, uint16 and float, and for values that are not in [0, 1]."""
    kind = array.dtype.newbyteorder('=')
    if kind in (np.uint8, np.uint16):
        return
    if not np.issubdtype(kind, np.floating):
        raise InputError(f'{name}: expected uint8, uint16 or float in [0, 1], got {kind}; convert it first.')
    low, high = float(array.min()), float(array.max())
    if not np.isfinite(low + high):
        raise InputError(f'{name}: holds values that are not finite (NaN or infinite); replace them first.')
    if low < -_FLOAT_SLACK or high > 1 + _FLOAT_SLACK:
        raise InputError(f'{name}: float values must be in [0, 1], found {low:g} to {high:g}; scale them first.')


def _pil_pixels(image: Image.Image) -> np.ndarray:
    if image.mode.startswith('I;16'):
        return np.asarray(image).astype(np.uint16)
    if image.mode == 'I':
        pixels = np.asarray(image)
        if pixels.size and (pixels.min() < 0 or pixels.max() > 65535):
            raise InputError('image: values of a PIL image of mode I must be in 0 ... 65535.')
        return pixels.astype(np.uint16)
    if image.mode == '1':
        image = image.convert('L')
    elif image.mode in _MODES_WITH_ALPHA or (image.mode == 'P' and 'transparency' in image.info):
        image = image.convert('RGBA')
    elif image.mode not in _MODES_AS_THEY_ARE:
        image = image.convert('RGB')
    return np.asarray(image)
