"""The user's masks: which belongs to which photograph, and how they are read."""

from __future__ import annotations

import os
import re

import numpy as np
from numpy.typing import NDArray

from hcl_arch.commands.restore.console import shown
from hcl_arch.commands.restore.errors import CommandError, ImageError
from hcl_arch.commands.restore.inputs import Input
from hcl_arch.commands.restore.options import Options
from hcl_arch.restoration.mask_array import as_mask
from hcl_arch.restoration.mask_fitting import MaskSizeError, fitted
from hcl_arch.restoration.photographs.photograph import SUFFIXES, Photograph, read_photograph
from hcl_arch.utils.mask_reading import UnclearMaskError, corrupted_pixels
from hcl_arch.utils.unreadable_image import UnreadableImageError

_SUFFIX = '_mask'


class UserMasks:
    """The masks of `--mask`: one file for all photographs, or a folder with one for each.

    Raises:
        CommandError: There is no such file or folder.
    """

    def __init__(self, place: str) -> None:
        if not os.path.exists(place):
            raise CommandError(f'--mask {shown(place)}: no such file or folder')
        self._place = place
        self._is_folder = os.path.isdir(place)
        self._listed: dict[str, dict[str, list[str]]] = {}

    def path_for(self, item: Input) -> str:
        """Return the path of a photograph's mask: its name, or that with _mask or _mask001, in the same subfolder.

        Raises:
            ImageError: There is none, or more than one.
        """
        if not self._is_folder:
            return self._place
        subfolder, name = os.path.split(item.relative)
        stem = os.path.splitext(name)[0]
        for folder in dict.fromkeys((os.path.join(self._place, subfolder), self._place)):
            files = self._files(folder)
            numbered = [name for name in files if re.fullmatch(re.escape(stem + _SUFFIX) + r'\d+', name)]
            for wanted in ([stem + _SUFFIX], [stem], numbered):
                matches = [path for name in wanted for path in files.get(name, [])]
                if len(matches) > 1:
                    raise ImageError(f'more than one mask: {" and ".join(map(shown, matches))}. Leave one')
                if matches:
                    return matches[0]
        raise ImageError(f'no mask in {shown(self._place)}: expected {shown(stem)}_mask.png or {shown(stem)}.png')

    def _files(self, folder: str) -> dict[str, list[str]]:
        """Return the paths of a folder's pictures by their stems."""
        if folder not in self._listed:
            by_stem: dict[str, list[str]] = {}
            names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
            for name in names:
                stem, suffix = os.path.splitext(name)
                if suffix.lower() in SUFFIXES:
                    by_stem.setdefault(stem, []).append(os.path.join(folder, name))
            self._listed[folder] = by_stem
        return self._listed[folder]


def read_mask(path: str, photograph: Photograph, options: Options) -> NDArray[np.uint8]:
    """Read a mask file for a photograph.

    Returns:
        (H, W) uint8, 255 = corrupted, 0 = uncorrupted.

    Raises:
        ImageError: It cannot be read, does not fit the upright photograph, or can be read in several ways.
    """
    mask = read_mask_pixels(path, options)
    width, height = photograph.size
    try:
        missing = None if options.fit_mask else '--fit-mask'
        return as_mask(fitted(mask > 0, (height, width), photograph.orientation, missing=missing))
    except MaskSizeError as error:
        found_size, expected = f'{mask.shape[1]} x {mask.shape[0]}', f'{width} x {height}'
        raise ImageError(
            f'its mask {shown(path)} has {found_size} pixels, expected {expected} as the upright photograph: {error}'
        ) from error


def read_mask_pixels(path: str, options: Options) -> NDArray[np.uint8]:
    """Read a mask file at its own size; see `read_mask`."""
    try:
        pixels = read_photograph(path).pixels
    except UnreadableImageError as error:
        raise ImageError(f'its mask {shown(path)}: {error.reason}') from error
    try:
        return as_mask(corrupted_pixels(pixels, polarity=options.mask_polarity, channel=options.mask_channel))
    except UnclearMaskError as error:
        raise ImageError(f'its mask {shown(path)}: {error.worded("--mask-{} {}")}') from error
