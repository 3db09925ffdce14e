"""The twelve kinds of corruption, and how photographs are spoiled by them: the same in every run."""

from __future__ import annotations

import zlib
from typing import Callable, Optional

import numpy as np

from . import damage, drawn_over, marks, pasting, stickers, writing
from .canvas import Picture, Spoiled, check_picture

_ALONE: dict[str, Callable[[Picture, np.random.Generator], Spoiled]] = {
    'bars': drawn_over.bars,
    'scribbles': drawn_over.scribbles,
    'stickers': stickers.stickers,
    'captions': writing.captions,
    'date_stamps': writing.date_stamps,
    'single_mark': marks.single_mark,
    'tiled_marks': marks.tiled_marks,
    'mosaic': damage.mosaic,
    'lost_blocks': damage.lost_blocks,
    'scratches': damage.scratches,
}
_PASTED: dict[str, Callable[[Picture, np.random.Generator, Picture], Spoiled]] = {
    'hard_paste': pasting.hard_paste,
    'soft_paste': pasting.soft_paste,
}
KINDS = (*_ALONE, *_PASTED)
CLEAN = 'clean'
PAIRS = 'pairs'

# A corruption is drawn anew while it hits fewer pixels, as a white mark on snow does, or more.
LEAST_SHARE, MOST_SHARE = 0.002, 0.6
_TRIES = 20


def needs_donor(kind: str) -> bool:
    """Whether a kind takes parts of another photograph."""
    return kind in _PASTED


def generator(seed: int, use: str, index: int) -> np.random.Generator:
    """The random numbers for one use of image `index`, whatever else is drawn in the run."""
    return np.random.default_rng([seed, zlib.crc32(use.encode()), index])


def spoil(kind: str, picture: Picture, *, index: int, seed: int = 0, donor: Optional[Picture] = None) -> Spoiled:
    """Spoil a photograph.

    The mask holds opaque shapes whole (and what visibly changed at their edges), of translucent ones the pixels that
    changed by at least 4 of 255 levels in a channel, and of a soft-edged part those where at least half is pasted.

    Args:
        kind: One of `KINDS`, or ``clean``, which leaves it as it is.
        picture: (H, W, 3) uint8 RGB of at least 16 pixels a side; stays as it is.
        index: Number of the photograph, for the random numbers.
        seed: Of the run.
        donor: Another photograph, for the kinds that need one.

    Raises:
        ValueError: If it is no such picture, there is no such kind, or the donor is missing.
    """
    check_picture(picture)
    if kind == CLEAN:
        return Spoiled(picture.copy(), np.zeros(picture.shape[:2], bool))
    if kind not in KINDS:
        raise ValueError(f'kind: expected one of {", ".join((*KINDS, CLEAN))}, got {kind!r}.')
    rng = generator(seed, kind, index)
    for _ in range(_TRIES):
        if kind in _ALONE:
            spoiled = _ALONE[kind](picture, rng)
        elif donor is None:
            raise ValueError(f'{kind} needs another photograph, a `donor`.')
        else:
            check_picture(donor)
            spoiled = _PASTED[kind](picture, rng, donor)
        if LEAST_SHARE <= spoiled.mask.mean() <= MOST_SHARE:
            break
    return spoiled
