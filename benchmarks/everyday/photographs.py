"""Photographs of folders, and which of them a kind of corruption takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps

from .canvas import Picture, Spoiled
from .kinds import CLEAN, KINDS, PAIRS, generator, needs_donor, spoil

SUFFIXES = {'.bmp', '.gif', '.jpeg', '.jpg', '.png', '.tif', '.tiff', '.webp'}
LEAST_CLEAN = 60


class Case(NamedTuple):
    """One picture that a model is to look at."""

    kind: str
    path: Path
    number: int
    """In its folder; with the kind it gives all random numbers."""
    mask_path: Path = Path()
    """Of a pair."""


def listed(folder: Path) -> list[Path]:
    """The pictures of a folder and its subfolders, sorted.

    Raises:
        ValueError: If there are none.
    """
    paths = sorted(path for path in folder.rglob('*') if path.suffix.lower() in SUFFIXES and path.is_file())
    if not paths:
        raise ValueError(f'{folder}: expected a folder with pictures ({", ".join(sorted(SUFFIXES))}), found none.')
    return paths


def taken(kind: str, count: int, per_kind: int) -> list[int]:
    """The images that a kind takes: evenly spaced, every kind from another start.

    Args:
        kind: Of `KINDS`, or ``clean``, which takes at least 60.
        count: Of all images.
        per_kind: How many to take; 0 or more than there are takes all.
    """
    wanted = max(per_kind, LEAST_CLEAN) if kind == CLEAN and per_kind else per_kind
    if not 0 < wanted < count:
        return list(range(count))
    kinds = (*KINDS, CLEAN)
    start = kinds.index(kind) / len(kinds)
    return [int((number + start) * count / wanted) for number in range(wanted)]


def cases(paths: Sequence[Path], kinds: Sequence[str], per_kind: int) -> list[Case]:
    """All that the kinds are measured on."""
    return [Case(kind, paths[index], index) for kind in kinds for index in taken(kind, len(paths), per_kind)]


def pair_cases(pictures: Path, masks: Path) -> list[Case]:
    """Spoiled pictures with the masks of equal stem.

    Raises:
        ValueError: If a picture has no mask.
    """
    by_stem = {path.stem: path for path in listed(masks)}
    paths = listed(pictures)
    missing = [path.name for path in paths if path.stem not in by_stem]
    if missing:
        found = f'{len(missing)} of {len(paths)} pictures have none: {missing[0]} ...'
        raise ValueError(f'{masks}: expected a mask of equal stem for each picture, {found}')
    return [Case(PAIRS, path, index, by_stem[path.stem]) for index, path in enumerate(paths)]


def spoiled(case: Case, paths: Sequence[Path], seed: int) -> Spoiled:
    """Load and spoil the photograph of a case; of a pair, load both.

    Raises:
        ValueError: If a photograph is too small, there is no other one to paste from, or a pair differs in size.
    """
    picture = load(case.path)
    if case.kind == PAIRS:
        mask = np.array(Image.open(case.mask_path).convert('L')) >= 128
        if mask.shape != picture.shape[:2]:
            raise ValueError(f'{case.path} is of {picture.shape[:2]}, its mask {case.mask_path} of {mask.shape}.')
        return Spoiled(picture, mask)
    donor = load(_donor(case, paths, seed)) if needs_donor(case.kind) else None
    try:
        return spoil(case.kind, picture, index=case.number, seed=seed, donor=donor)
    except ValueError as error:
        raise ValueError(f'{case.path}: {error}') from error


def load(path: Path) -> Picture:
    """A picture as (H, W, 3) uint8 RGB, upright."""
    with Image.open(path) as image:
        return np.array(ImageOps.exif_transpose(image).convert('RGB'))


def _donor(case: Case, paths: Sequence[Path], seed: int) -> Path:
    if len(paths) < 2:
        raise ValueError(f'{case.kind} pastes from another photograph: the folder needs at least two.')
    step = int(generator(seed, f'donor of {case.kind}', case.number).integers(1, len(paths)))
    return paths[(case.number + step) % len(paths)]


def shown(all_cases: Sequence[Case], per_kind: int) -> Iterator[Case]:
    """Some cases of each kind, evenly spaced."""
    kinds = dict.fromkeys(case.kind for case in all_cases)
    for kind in kinds:
        own = [case for case in all_cases if case.kind == kind]
        step = max(1, len(own) // per_kind)
        yield from own[step // 2 :: step][:per_kind]
