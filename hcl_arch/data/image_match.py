"""Match the images of corrupted, clean and mask folders by their names."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hcl_arch.data.storage.image_source import ImageSource


def is_template(text: object) -> bool:
    """Whether a text has one '{}', at most one '*' and no '/'."""
    if not isinstance(text, str):
        return False
    others = text.replace('{}', '', 1).replace('*', '', 1)
    return '{}' in text and not any(char in others for char in '{}*/')


@dataclass(frozen=True)
class NameTemplate:
    """The pattern of an image's name within its folder, without extension.

    '{}' stands for the stem, which all images of a sample share; '*', at most once, for other text. Each is at least
    one character, the first of the two as short as possible: '{}-*' splits a name at its first '-'.

    Args:
        text: the template.

    Raises:
        ValueError: the text is not such a template.
    """

    text: str = '{}'

    def __post_init__(self) -> None:
        if not is_template(self.text):
            raise ValueError(
                f"a template of names with one '{{}}', at most one '*' and no '/', such as '{{}}_clean', "
                f"got '{self.text}'"
            )

    @property
    def has_star(self) -> bool:
        """Whether there is a '*'."""
        return '*' in self.text

    def parse(self, name: str) -> tuple[str, str, str] | None:
        """Return folder, stem and other text ('' without a '*') of a relative name, None if it does not match."""
        folder, base = os.path.split(name)
        pattern = re.escape(self.text).replace(re.escape('{}'), '(?P<stem>.+?)')
        pattern = pattern.replace(re.escape('*'), '(?P<rest>.+?)')
        match = re.fullmatch(pattern, base)
        return None if match is None else (folder, match['stem'], match['rest'] if self.has_star else '')

    def fill(self, folder: str, stem: str, rest: str) -> str:
        """Return the relative name; the inverse of `parse`."""
        # If the star were replaced first, one in the stem would be replaced too.
        before, _, after = self.text.partition('{}')
        base = before.replace('*', rest) + stem + after.replace('*', rest)
        return f'{folder}/{base}' if folder else base


# Maximum number of names in an error message.
SHOWN = 3


@dataclass(frozen=True)
class NamedImage:
    """One image of a role.

    Attributes:
        index: its number among the images of the role.
        root: number of the folder or LMDB folder that holds it.
        name: its path there, with '/' and without extension, or its key.
        parts: folder, stem and other text of its name, split by its role's template.
    """

    index: int
    root: int
    name: str
    parts: tuple[str, str, str]


class NamedImages(ImageSource):
    """The images of one role, e.g. the clean ones, with their names.

    Args:
        roots: as for `ImageSource`.
        template: the pattern of the names that count; other images are skipped, so the images of two roles may share a
            folder.
        option: prefix of the options that they come from, 'lq', 'gt' or 'mask', for messages.
    """

    def __init__(self, roots: Sequence[str], template: NameTemplate, option: str) -> None:
        super().__init__(roots)
        self.template = template
        self.option = option

    def fitting(self) -> Iterator[NamedImage]:
        """Yield the images whose names match the template, in order."""
        for index, (root, name) in enumerate(self.names()):
            parts = self.template.parse(name)
            if parts is not None:
                yield NamedImage(index, root, name, parts)


@dataclass(frozen=True)
class ImageMatch:
    """Which images belong together; entry i of every array is sample i.

    Attributes:
        lq: indices of the corrupted images, in order.
        gt: indices of their clean images.
        mask: indices of their masks, None if there are no masks.
    """

    lq: NDArray[np.int64]
    gt: NDArray[np.int64]
    mask: NDArray[np.int64] | None


def match_images(
    lq: NamedImages, gt: NamedImages, mask: NamedImages | None, *, allow_unused: bool = False
) -> ImageMatch:
    """Find the partners of every corrupted image.

    Folder, stem and other text of a corrupted image's name, put into the template of the clean ones, give the name of
    its clean image; likewise for the mask. Several corrupted images may share a clean one (template '{}-*' against
    '{}'). The partners of the k-th folder of corrupted images are in the k-th folder of the other role, or in its only
    one.

    Args:
        lq: corrupted images.
        gt: clean images.
        mask: mask images, None without masks.
        allow_unused: whether clean images and masks may be left without a partner.

    Raises:
        ValueError: no name matches a template, two images of a role have the same name, the numbers of roots do not
            match, a partner is missing, or (unless allowed) an image is left without a partner.
    """
    _index_names(lq)  # `lq/a.jpg` and `lq/a.png` would both be paired with `gt/a.png`
    wanted = list(lq.fitting())
    return ImageMatch(
        lq=np.array([image.index for image in wanted], np.int64),
        gt=_find_partners(wanted, lq, gt, allow_unused),
        mask=None if mask is None else _find_partners(wanted, lq, mask, allow_unused),
    )


def _find_partners(
    wanted: Sequence[NamedImage], lq: NamedImages, others: NamedImages, allow_unused: bool
) -> NDArray[np.int64]:
    """Return the index among `others` for each of the wanted corrupted images."""
    if len(others.paths) not in (1, len(lq.paths)):
        raise ValueError(
            f"'dataroot_{others.option}' expects one folder, or as many as 'dataroot_lq', which has "
            f'{len(lq.paths)}, got {len(others.paths)}.'
        )
    indices = _index_names(others)
    partners, missing = [], []
    for image in wanted:
        name = others.template.fill(*image.parts)
        partner = indices.get((image.root if len(others.paths) > 1 else 0, name))
        if partner is None:
            missing.append((image.index, name))
        else:
            partners.append(partner)
    if missing:
        shown = ', '.join(f"{lq.path_of(index)} ('{name}')" for index, name in missing[:SHOWN])
        raise ValueError(
            f"{len(missing)} of {len(wanted)} images in 'dataroot_lq' have no partner in 'dataroot_{others.option}' "
            f'({", ".join(others.paths)}); the first, with the name of the missing one: {shown}. Complete the folders, '
            f"or correct 'lq_template' ('{lq.template.text}') and '{others.option}_template' "
            f"('{others.template.text}')."
        )
    if not allow_unused:
        _check_all_used(indices, set(partners), others)
    return np.array(partners, np.int64)


def _index_names(images: NamedImages) -> dict[tuple[int, str], int]:
    """Return root number and name -> index, for the images whose names match the template."""
    indices: dict[tuple[int, str], int] = {}
    for image in images.fitting():
        other = indices.setdefault((image.root, image.name), image.index)
        if other != image.index:
            raise ValueError(
                f"'dataroot_{images.option}': two images are called '{image.name}': "
                f'{images.path_of(other)} and {images.path_of(image.index)}. Remove one of them.'
            )
    _check_some_fit(len(indices), images)
    return indices


def _check_some_fit(count: int, images: NamedImages) -> None:
    if count == 0:
        raise ValueError(
            f"'{images.option}_template' is '{images.template.text}', but none of the {len(images)} "
            f'images in {", ".join(images.paths)} is named so; the first is {images.path_of(0)}.'
        )


def _check_all_used(indices: dict[tuple[int, str], int], used: set[int], images: NamedImages) -> None:
    unused = [index for index in indices.values() if index not in used]
    if unused:
        shown = ', '.join(images.path_of(index) for index in unused[:SHOWN])
        raise ValueError(
            f"{len(unused)} of {len(indices)} images in 'dataroot_{images.option}' have no partner in 'dataroot_lq'; "
            f"the first: {shown}. Complete 'dataroot_lq', or give 'allow_unused: true' to leave them out."
        )
