"""The user's masks: which belongs to which photograph, and how they are read."""

from __future__ import annotations

import os

import numpy as np
from numpy.typing import NDArray

from hcl_arch.commands.restore.console import shown
from hcl_arch.commands.restore.errors import CommandError, ImageError
from hcl_arch.commands.restore.inputs import Input
from hcl_arch.restoration.mask_array import as_mask
from hcl_arch.restoration.photographs.photograph import SUFFIXES, read_photograph
from hcl_arch.utils.mask_options import MaskChannel, MaskPolarity
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
        """Return the path of a photograph's mask: the same name, or that name with _mask, in the same subfolder.

        Raises:
            ImageError: There is none, or more than one.
        """
        if not self._is_folder:
            return self._place
        subfolder, name = os.path.split(item.relative)
        stem = os.path.splitext(name)[0]
        for folder in dict.fromkeys((os.path.join(self._place, subfolder), self._place)):
            for wanted in (stem + _SUFFIX, stem):
                matches = self._files(folder).get(wanted, [])
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


def read_mask(
    path: str, size: tuple[int, int], *, polarity: MaskPolarity = 'auto', channel: MaskChannel = 'auto'
) -> NDArray[np.uint8]:
    """Read a mask file.

    Args:
        path: path of a picture.
        size: width and height of the photograph, upright.
        polarity, channel: see `hcl_arch.utils.mask_reading.corrupted_pixels`.

    Returns:
        (H, W) uint8, 255 = corrupted, 0 = uncorrupted.

    Raises:
        ImageError: It cannot be read, is of another size, or can be read in several ways.
    """
    try:
        photograph = read_photograph(path)
    except UnreadableImageError as error:
        raise ImageError(f'its mask {shown(path)}: {error.reason}') from error
    if photograph.size != size:
        found, expected = (f'{width} x {height}' for width, height in (photograph.size, size))
        raise ImageError(f'its mask {shown(path)} has {found} pixels, expected {expected} as the upright photograph')
    try:
        return as_mask(corrupted_pixels(photograph.pixels, polarity=polarity, channel=channel))
    except UnclearMaskError as error:
        raise ImageError(f'its mask {shown(path)}: {error.worded("--mask-{} {}")}') from error
