"""The mask of a photograph by the user's options, and what they exclude from any mask."""

from __future__ import annotations

from functools import lru_cache
from typing import Callable, Optional

import numpy as np
from numpy.typing import NDArray

from hcl_arch.commands.restore.errors import ImageError
from hcl_arch.commands.restore.mask_arguments import read_offset, read_width
from hcl_arch.commands.restore.options import Options, excluded_region
from hcl_arch.commands.restore.user_masks import read_mask, read_mask_pixels
from hcl_arch.restoration.mask_making import region_mask, template_mask
from hcl_arch.restoration.photographs.photograph import Photograph
from hcl_arch.restoration.user_mask import erased_pixels
from hcl_arch.utils.regions import Region

Mask = NDArray[np.uint8]


def make_mask(path: Optional[str], photograph: Photograph, options: Options) -> Optional[Mask]:
    """Return what the options mark in a photograph, (H, W) uint8, 255 = corrupted; None if the model is to find it.

    Args:
        path: Path of its mask.
        photograph: The photograph.
        options: Of the run.

    Raises:
        ImageError: A mask cannot be read or does not fit, or marks nothing of this photograph.
    """
    width, height = photograph.size
    masks: list[Mask] = []
    if path is not None:
        masks.append(read_mask(path, photograph, options))
    if options.repairs_erased:
        masks.append(_named('mask', lambda: erased_pixels(photograph.pixels)))
    if options.region:
        regions = [Region.parse(text) for text in options.region]
        masks.append(_named('region', lambda: region_mask(regions, height, width)))
    if options.template is not None:
        masks.append(_named('template', lambda: _template(height, width, options)))
    return _union(masks)


def make_excluded(photograph: Photograph, options: Options) -> Optional[Mask]:
    """Return what the options exclude, (H, W) uint8, nonzero = left as it is; None if nothing.

    Raises:
        ImageError: As for `make_mask`.
    """
    width, height = photograph.size
    masks: list[Mask] = []
    for text in options.exclude:
        region = excluded_region(text)
        if region is None:
            masks.append(read_mask(text, photograph, options))
        else:
            masks.append(_named('exclude', lambda region=region: region_mask([region], height, width)))  # type: ignore[misc]
    return _union(masks)


def _template(height: int, width: int, options: Options) -> Mask:
    place = options.template or ''
    return template_mask(
        _template_pixels(place, options),
        height,
        width,
        anchor=options.anchor,
        offset=read_offset(options.offset),
        template_width=None if options.template_width is None else read_width(options.template_width),
    )


@lru_cache(maxsize=1)
def _template_pixels(place: str, options: Options) -> Mask:
    return read_mask_pixels(place, options)


def _union(masks: list[Mask]) -> Optional[Mask]:
    return np.maximum.reduce(masks) if masks else None


def _named(option: str, make: Callable[[], Mask]) -> Mask:
    """Make a mask; what is wrong with it names the option."""
    try:
        return make()
    except ValueError as error:
        text = str(error).removeprefix(f'{option}: ')
        raise ImageError(f'--{option}: {text}') from error
