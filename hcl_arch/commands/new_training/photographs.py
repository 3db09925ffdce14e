"""The photographs of a folder: which can be trained on, and which are kept for validation."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

from hcl_arch.data.storage.folder_walk import walk_files
from hcl_arch.data.storage.image_root import IMAGE_EXTENSIONS, LMDB_SUFFIX, is_lmdb, open_root
from hcl_arch.utils.errors import HCLError
from hcl_arch.utils.image_headers import UnknownFormatError, read_stated
from hcl_arch.utils.regular_file import read_regular_file

# The short side in pixels below which a photograph shows too little, and how many photographs each part has at least:
# what is pasted into one comes from another.
LEAST_SIDE = 64
LEAST_TRAINING, LEAST_VALIDATION = 6, 2
_PARTS = ('train', 'val')
# Marks a folder that this command has made, so that it never replaces another one's pictures.
_MARKER = '.hcl-new-training'


class NewTrainingError(HCLError, ValueError):
    """Why no training can be made; one line."""


class Photograph(NamedTuple):
    """A photograph that can be trained on."""

    name: str
    """Relative to its folder, with / between folders."""
    digest: str
    """Of its content."""
    short_side: int
    """In pixels."""


class Album(NamedTuple):
    """The photographs of a folder."""

    training: list[Photograph]
    validation: list[Photograph]
    notes: list[str]
    """What was left out, one line each."""


def read_album(folder: Path, *, percent: int) -> Album:
    """Look at every photograph of a folder, and set some aside.

    Args:
        folder: It is left as it is.
        percent: How many of the photographs are kept for validation.

    Raises:
        NewTrainingError: It has no photographs, or too few of them.
        OSError: It is no folder, or cannot be read.
    """
    photographs, notes = _read_photographs(folder)
    if len(photographs) < LEAST_TRAINING + LEAST_VALIDATION:
        raise NewTrainingError(
            f'{folder}: expected at least {LEAST_TRAINING + LEAST_VALIDATION} photographs with a short side of '
            f'{LEAST_SIDE} pixels or more, found {len(photographs)}{_in_brackets(notes)}. Add photographs; '
            'some hundred are a good start.'
        )
    validation, training = split(photographs, percent=percent)
    return Album(training, validation, notes)


def split(photographs: Sequence[Photograph], *, percent: int) -> tuple[list[Photograph], list[Photograph]]:
    """Validation and training: content alone says where a photograph belongs, whatever it is called and beside which.

    Only where that gives a part too few, the next ones by their content's digest join it.
    """
    ranked = sorted(photographs, key=lambda photograph: photograph.digest)
    below = sum(int(photograph.digest[:8], 16) * 100 < percent * 16**8 for photograph in ranked)
    count = min(max(below, LEAST_VALIDATION), len(ranked) - LEAST_TRAINING)
    return sorted(ranked[:count]), sorted(ranked[count:])


def fitting_size(photographs: Sequence[Photograph], most: int) -> int:
    """The largest multiple of 32 up to `most` that nine of ten photographs have on their short side."""
    sides = sorted(photograph.short_side for photograph in photographs)
    return min(most, max(LEAST_SIDE, sides[len(sides) // 10] // 32 * 32))


def lay_out(photographs: Sequence[Photograph], source: Path, folder: Path, *, copies: bool) -> None:
    """Fill a folder with links to photographs, or with copies where links are not wanted or not possible."""
    for photograph in photographs:
        place = folder / photograph.name
        place.parent.mkdir(parents=True, exist_ok=True)
        original = (source / photograph.name).resolve()
        try:
            if copies:
                raise OSError('copies are wanted')
            place.symlink_to(original)
        except OSError:  # Windows lets only some users make links
            shutil.copyfile(original, place)


def _read_photographs(folder: Path) -> tuple[list[Photograph], list[str]]:
    """The photographs, each once, and notes on what was left out."""
    if is_lmdb(str(folder)):
        raise NewTrainingError(f'{folder}: is an LMDB folder (*{LMDB_SUFFIX}); expected a folder of photographs.')
    try:
        root = open_root(str(folder))
    except ValueError:
        others = _in_brackets(_note_of_others(folder))
        raise NewTrainingError(
            f'{folder}: expected photographs ({", ".join(IMAGE_EXTENSIONS)}) in the folder or below it, found '
            f'none{others}. Correct the path, or save the photographs as one of these.'
        ) from None
    found: dict[str, Photograph] = {}
    unreadable, small, repeated = list[str](), list[str](), list[str]()
    for name in tqdm(root.keys, desc='photographs', unit='file', leave=False):
        photograph = _read(folder, name)
        if photograph is None:
            unreadable.append(name)
        elif photograph.short_side < LEAST_SIDE:
            small.append(name)
        elif found.setdefault(photograph.digest, photograph) is not photograph:
            repeated.append(name)
    notes = [*_note(unreadable, 'cannot be read'), *_note(small, f'smaller than {LEAST_SIDE} pixels')]
    return list(found.values()), [*notes, *_note(repeated, 'there twice'), *_note_of_others(folder)]


def _read(folder: Path, name: str) -> Photograph | None:
    """A photograph by its header, None if it is damaged."""
    try:
        content = read_regular_file(folder / name)
        stated = read_stated(content)
    except (OSError, UnknownFormatError):
        return None
    if stated is None or not stated.width or not stated.height:
        return None
    return Photograph(name, hashlib.sha256(content).hexdigest(), min(stated.width, stated.height))


def _note_of_others(folder: Path) -> list[str]:
    names = sorted(name for name in walk_files(str(folder)) if not name.lower().endswith(IMAGE_EXTENSIONS))
    return _note(names, 'of other kinds')


def _note(names: Sequence[str], reason: str) -> list[str]:
    examples = f'{", ".join(names[:3])}{", ..." if len(names) > 3 else ""}'
    return [f'{len(names)} {reason} ({examples})'] if names else []


def _in_brackets(notes: Sequence[str]) -> str:
    return f' (left out: {"; ".join(notes)})' if notes else ''


def is_replaceable(folder: Path) -> bool:
    """Whether a folder has no pictures that this command has not laid out itself."""
    return (folder / _MARKER).is_file() or not any(os.path.lexists(folder / part) for part in _PARTS)


def start_again(folder: Path) -> None:
    """Remove what has been laid out before, links and copies, not what links lead to; mark the folder as made here."""
    for part in _PARTS:
        if os.path.isdir(folder / part) and not os.path.islink(folder / part):
            shutil.rmtree(folder / part)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _MARKER).touch()
