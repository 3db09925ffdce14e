"""Users' masks: files, arrays and PIL images, and the transparency of the photograph itself."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Union, get_args

import numpy as np
from PIL import Image

from hcl_arch.restoration.image_input import FILES, image_array
from hcl_arch.restoration.mask_array import as_mask, grown
from hcl_arch.restoration.mask_fitting import MaskSizeError, fitted
from hcl_arch.utils.errors import InputError
from hcl_arch.utils.mask_options import OWN_ALPHA, MaskChannel, MaskPolarity
from hcl_arch.utils.mask_reading import UnclearMaskError, corrupted_pixels
from hcl_arch.utils.pixel_values import full_scale

MaskInput = Union[np.ndarray, Image.Image, str, Path, bytes]


def user_mask(
    mask: MaskInput,
    height: int,
    width: int,
    *,
    polarity: MaskPolarity = 'auto',
    channel: MaskChannel = 'auto',
    fit: bool = False,
    orientation: int = 1,
    name: str = 'mask',
) -> np.ndarray:
    """Convert a user's mask for an image of the given size.

    Args:
        mask: (H, W), (H, W, 1), (H, W, 3) RGB or (H, W, 4) RGBA of bool, uint8, uint16 or float in [0, 1]; a PIL image
            of any mode; or a file's path.
        height: H of the image.
        width: W of the image.
        polarity: See :func:`hcl_arch.utils.mask_reading.corrupted_pixels`.
        channel: See there.
        fit: Whether a mask of another size is turned and resized: see :func:`hcl_arch.restoration.mask_fitting.fitted`.
        orientation: EXIF orientation with which the photograph is stored.
        name: What errors call it.

    Returns:
        (H, W) uint8, 255 = corrupted, 0 = uncorrupted.

    Raises:
        ValueError: If it has another size, shape or dtype, or holds values that are not finite.
        UnclearMaskError: If it can be read in several ways; also a ValueError.
    """
    check_mask_options(polarity, channel)
    array = _mask_pixels(mask, name)
    try:
        marked = corrupted_pixels(array, polarity=polarity, channel=channel)
        missing = None if fit else 'fit_mask=True'
        return as_mask(fitted(marked, (height, width), orientation, missing=missing))
    except UnclearMaskError as error:
        raise UnclearMaskError(f'{name}: {error.found}', *error.ways) from None
    except MaskSizeError as error:
        got = ' x '.join(map(str, array.shape[:2]))
        raise InputError(
            f'{name}: expected the size of the image, {height} x {width} (H x W), got {got}: {error}.'
        ) from None
    except ValueError as error:
        raise InputError(f'{name}: {error}.') from None


def check_mask_options(polarity: str, channel: str) -> None:
    """Raise ValueError if one of them has another value than declared."""
    for name, value, choices in (
        ('mask_polarity', polarity, get_args(MaskPolarity)),
        ('mask_channel', channel, get_args(MaskChannel)),
    ):
        if value not in choices:
            raise InputError(f'{name}: expected one of {", ".join(choices)}, got {value!r}.')


def read_user_mask(
    mask: MaskInput,
    pixels: np.ndarray,
    *,
    polarity: MaskPolarity = 'auto',
    channel: MaskChannel = 'auto',
    grow: float = 0,
    reverse: bool = False,
    fit: bool = False,
    orientation: int = 1,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the pixels of an image to repair, and a user's mask for it.

    Args:
        mask: As for :func:`user_mask`; or 'alpha': what is erased in the image itself. It becomes opaque in the
            returned pixels, unless ``reverse`` keeps it: what is repainted should be seen.
        pixels: As returned by :func:`hcl_arch.restoration.image_input.image_array`; not changed.
        polarity: As for :func:`user_mask`.
        channel: As for :func:`user_mask`.
        grow: Pixels around what is erased that become opaque too.
        reverse: Whether what the mask marks is kept.
        fit: As for :func:`user_mask`.
        orientation: As for :func:`user_mask`.

    Raises:
        ValueError: As :func:`user_mask`; or 'alpha' is given for an image without alpha, with other options, or where
            a file has that name.
    """
    if not means_own_alpha(mask):
        height, width = pixels.shape[:2]
        ways: dict[str, Any] = {'polarity': polarity, 'channel': channel, 'fit': fit, 'orientation': orientation}
        return pixels, user_mask(mask, height, width, **ways)
    if (polarity, channel) != ('auto', 'auto'):
        raise InputError(f"mask: '{OWN_ALPHA}' needs no mask_polarity and no mask_channel.")
    erased = erased_pixels(pixels)
    if not reverse:
        pixels = pixels.copy()
        pixels[..., 3][grown(erased, grow) > 0] = full_scale(pixels)
    return pixels, erased


def means_own_alpha(mask: Any) -> bool:
    """Whether a mask is the word for the photograph's own transparency.

    Raises:
        ValueError: If there is a file or folder of that name as well.
    """
    if not isinstance(mask, str) or mask != OWN_ALPHA:
        return False
    if os.path.lexists(OWN_ALPHA):
        raise InputError(
            f"mask: '{OWN_ALPHA}' is the photograph's own transparency, but there is a file or folder of that name "
            f'here too. Give ./{OWN_ALPHA} for that one, or rename it.'
        )
    return True


def erased_pixels(pixels: np.ndarray) -> np.ndarray:
    """The pixels of a photograph (H, W, 4) with less than half of the full opacity: (H, W) uint8, 255 = erased.

    Raises:
        ValueError: If it has no alpha channel.
    """
    if pixels.ndim != 3 or pixels.shape[2] != 4:
        raise InputError(f"mask: '{OWN_ALPHA}' is the photograph's own transparency, and it has none.")
    return as_mask(pixels[..., 3] < full_scale(pixels) / 2)


def _mask_pixels(mask: MaskInput, name: str) -> np.ndarray:
    if isinstance(mask, Image.Image):
        return _pil_pixels(mask, name)
    if isinstance(mask, FILES):
        return image_array(mask)
    if not isinstance(mask, np.ndarray):
        raise InputError(f'{name}: expected a numpy array, a PIL image, a path or bytes, got {type(mask).__name__}.')
    return mask


def _pil_pixels(mask: Image.Image, name: str) -> np.ndarray:
    if mask.mode == '1':
        return np.asarray(mask)
    if mask.mode in ('I', 'F'):
        return _ranged(np.asarray(mask), name)
    if 'transparency' in mask.info and not mask.mode.startswith('I'):
        mask = mask.convert('RGBA')
    return image_array(mask)


def _ranged(values: np.ndarray, name: str) -> np.ndarray:
    """Values of a mode without a range of its own: up to 1, 255 or 65535."""
    low, high = values.min(initial=0), values.max(initial=0)
    if not (low >= 0 and high <= 65535):
        raise InputError(f'{name}: values of PIL modes I and F must be in 0 ... 65535, found {low} to {high}.')
    if high <= 1:
        return values.astype(np.float32)
    return np.rint(values).astype(np.uint8 if high <= 255 else np.uint16)
