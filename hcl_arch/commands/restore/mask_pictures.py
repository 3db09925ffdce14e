"""The photograph with its mask in one file: cut out as transparency, or as a further channel."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hcl_arch.restoration.photographs.photograph import Photograph
from hcl_arch.restoration.photographs.photograph_encoding import as_straight
from hcl_arch.utils.pixel_values import full_scale


def cutout(photograph: Photograph, mask: NDArray[np.uint8]) -> Photograph:
    """Return a photograph of which the marked pixels are transparent; their colours stay below.

    Args:
        photograph: The photograph.
        mask: (H, W), nonzero = corrupted.
    """
    pixels = photograph.pixels
    if pixels.ndim == 2:
        pixels = np.stack([pixels] * 3, axis=2)
    if pixels.shape[2] == 3:
        pixels = np.dstack([pixels, np.full(pixels.shape[:2], full_scale(pixels), pixels.dtype)])
    elif photograph.is_premultiplied:
        pixels = as_straight(pixels)
    pixels = pixels.copy()
    pixels[..., 3][mask > 0] = 0
    metadata = replace(photograph.metadata, transparent=None)
    plain = replace(photograph, is_premultiplied=False, extra=None, content=b'', floats=None)
    return replace(plain, pixels=pixels, metadata=metadata)


def with_channel(photograph: Photograph, mask: NDArray[np.uint8]) -> Photograph:
    """Return a photograph with the mask as a further channel, which only TIFF has; white = corrupted.

    Args:
        photograph: The photograph.
        mask: (H, W), nonzero = corrupted.
    """
    channel = np.where(mask > 0, full_scale(photograph.pixels), 0).astype(photograph.pixels.dtype)[..., None]
    extra = channel if photograph.extra is None else np.concatenate([photograph.extra, channel], axis=2)
    return replace(photograph, extra=extra, content=b'', floats=None)
