"""Checks that the folders of a data set exist and hold enough images. Folders are listed, no image is opened."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Optional

from hcl_arch.data.corruptions.font_files import find_fonts
from hcl_arch.data.corruptions.hole_contents import PhotoFill
from hcl_arch.data.dataset_options import DatasetOptions
from hcl_arch.data.image_match import NamedImages, match_images
from hcl_arch.data.paired_options import ROLES, PairedOptions
from hcl_arch.data.storage.image_root import is_lmdb, open_root
from hcl_arch.data.storage.image_source import ImageSource
from hcl_arch.data.storage.lmdb_file import check_lmdb_file
from hcl_arch.data.storage.lmdb_reader import DATA_NAME
from hcl_arch.option_checks.data_set_reading import SET_ASIDE_PATH
from hcl_arch.utils.option_lines import Place, problem

# Errors raised by a folder that cannot be read.
_READING_ERRORS = (OSError, ValueError)


class ImageFolders:
    """Opens folders, each set of folders only once.

    Attributes:
        problems: what is wrong with the folders opened so far.
    """

    def __init__(self) -> None:
        self._opened: dict[tuple[str, ...], Optional[ImageSource]] = {}
        self.problems: list[str] = []

    def open(self, roots: Sequence[str], place: Place) -> Optional[ImageSource]:
        """Return the images of folders; None, with the problems recorded, if a folder is missing or empty."""
        key = tuple(roots)
        if not key or SET_ASIDE_PATH in key:
            return None
        try:
            if key not in self._opened:
                source = ImageSource(key)
                for root in key:
                    _check_lmdb(root)
                self._opened[key] = source
        except _READING_ERRORS:
            self.problems.extend(problem(place, text) for root in key for text in _root_errors(root))
        return self._opened.get(key)

    def open_photos(self, roots: Sequence[str], place: Place) -> None:
        """Record what is wrong with the photographs for corruptions such as 'patch'."""
        photos = self.open(roots, place)
        if photos is None:
            return
        try:
            PhotoFill(photos, crop_scale=(1.0, 1.0), reduced=False)
        except ValueError as error:
            self.problems.append(problem(place, str(error)))

    def find_fonts(self, folders: Sequence[str], place: Place) -> None:
        """Record what is wrong with folders of fonts."""
        try:
            find_fonts(folders)
        except _READING_ERRORS as error:
            self.problems.append(problem(place, str(error)))

    def count_samples(self, options: DatasetOptions, place: Place) -> Optional[int]:
        """Return the number of images that a `BlindCorruptionDataset` uses; record what is wrong with its folders."""
        truths = self.open(options.gt_roots, (*place, 'dataroot_gt'))
        self.open(options.mask_roots, (*place, 'dataroot_mask'))
        self.find_fonts(options.font_roots, (*place, 'dataroot_fonts'))
        if options.uses_photos:
            self.open_photos(options.noise_roots, (*place, 'dataroot_noise'))
        for entry in options.corruptions:
            inside = (*place, 'corruptions', entry.name, 'dataroot')
            (self.open_photos if entry.kind == 'patch' else self.open)(entry.roots, inside)
        return None if truths is None else min(len(truths), options.max_samples or len(truths))

    def count_pairs(self, options: PairedOptions, places: Mapping[str, Place]) -> Optional[int]:
        """Return the number of pairs that an `HCLPairedDataset` uses; record what is wrong with its folders.

        Args:
            options: its options.
            places: role -> place of the option that names its folders; '' -> that of the data set.
        """
        images: dict[str, Optional[NamedImages]] = {}
        for role in ROLES:
            roots = options.roots[role]
            is_there = self.open(roots, places[role]) is not None
            images[role] = NamedImages(roots, options.templates[role], role) if is_there else None
        lq, gt, mask, watermark = (images[role] for role in ROLES)
        if lq is None or gt is None or any(images[role] is None and options.roots[role] for role in ('mask', 'wm')):
            return None
        try:
            pairs = len(match_images(lq, gt, mask, allow_unused=options.allow_unused).lq)
            if watermark is not None:
                match_images(lq, watermark, None, allow_unused=options.allow_unused)
        except ValueError as error:
            self.problems.append(problem(places[''], str(error)))
            return None
        return min(pairs, options.max_samples or pairs)


def _root_errors(root: str) -> Iterator[str]:
    try:
        open_root(root)
        _check_lmdb(root)
    except _READING_ERRORS as error:
        yield str(error)


def _check_lmdb(root: str) -> None:
    """Raise if the root is an LMDB whose data file is invalid or truncated: reading it would kill the process."""
    if is_lmdb(root):
        check_lmdb_file(os.path.join(os.path.expanduser(root), DATA_NAME))


def places_of_roles(place: Place, option: Any = None) -> dict[str, Place]:
    """Return for each role the place of the option that names its folders: `option`, or a separate one."""
    return {'': place, **{role: (*place, option or f'dataroot_{role}') for role in ROLES}}
