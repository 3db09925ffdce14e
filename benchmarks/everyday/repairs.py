"""How near repaired pictures come to the photographs as they were."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean
from typing import Any, Callable, NamedTuple, Optional

import numpy as np
from basicsr.metrics import calculate_ssim

from .canvas import Mask, Picture, Spoiled
from .kinds import CLEAN, KINDS
from .photographs import Case

BEFORE, BLIND = 'spoiled', 'blind'
"""Ways of a picture that no mask was given for: as it was spoiled, and as it is repaired blindly."""
OPAQUE = ('bars', 'scribbles', 'stickers', 'captions', 'lost_blocks', 'hard_paste')
"""Kinds through which nothing shines, of which the mask says what is to be found."""

Seen = Callable[[Case, Picture, Mapping[str, Picture]], None]
"""Called with each case, the photograph as it was, and the repaired pictures by way."""


class Record(NamedTuple):
    """What became of one picture in one way."""

    kind: str
    number: int
    way: str
    psnr: float
    """Of the whole picture, in dB; infinite where it is the photograph as it was."""
    hole_psnr: float
    """Of the corrupted pixels only; for a clean picture that of the whole."""
    ssim: float
    changed: float
    """Share of the pixels that are not as they were spoiled."""


def repaired(
    cases: Iterable[Case],
    load: Callable[[Case, str], Spoiled],
    blind: Callable[[Picture], Picture],
    by_mask: Mapping[str, Callable[[Picture, Mask], Picture]],
    *,
    seen: Optional[Seen] = None,
) -> list[Record]:
    """Have every case repaired in every way.

    Args:
        cases: In any order; a progress bar may stand around them.
        load: Gives the picture of a case spoiled by a kind.
        blind: Repairs a picture of which nothing else is known.
        by_mask: By name: repairs a picture by its true mask. Clean pictures have none.
        seen: Gets what the sheet shows.
    """
    records = []
    for case in cases:
        sample, truth = load(case, case.kind), load(case, CLEAN).picture
        pictures = {BEFORE: sample.picture, BLIND: blind(sample.picture)}
        if sample.mask.any():
            pictures.update({name: repair(sample.picture, sample.mask) for name, repair in by_mask.items()})
        records += [
            _record(case, way, picture, sample, truth) for way, picture in pictures.items()
        ]  # fmt: skip
        if seen is not None:
            seen(case, truth, pictures)
    return records


def _record(case: Case, way: str, picture: Picture, sample: Spoiled, truth: Picture) -> Record:
    hole = sample.mask if sample.mask.any() else np.ones_like(sample.mask)
    return Record(
        case.kind,
        case.number,
        way,
        psnr(picture, truth),
        psnr(picture[hole], truth[hole]),
        float(calculate_ssim(picture, truth, crop_border=0)),
        float((picture != sample.picture).any(axis=2).mean()),
    )


def psnr(picture: np.ndarray, truth: np.ndarray) -> float:
    """Of uint8 pixels of any shape, in dB; infinite if they are equal."""
    error = float(np.square(picture.astype(np.float64) - truth).mean())
    return float(10 * np.log10(255**2 / error)) if error else float('inf')


def markdown(records: Sequence[Record], title: str) -> str:
    """Tables: the repair of a known mask, the blind repair, and what happened to clean pictures."""
    ways = [way for way in dict.fromkeys(record.way for record in records) if way != BLIND]
    kinds = [kind for kind in KINDS if any(record.kind == kind for record in records)]
    lines = [title]
    if kinds:
        lines += ['', *_head('in the true mask: PSNR / SSIM of the picture', *ways)]
        lines += [_row(kind, *(_by_mask(records, [kind], way) for way in ways)) for kind in kinds]
        lines += [_row(f'**mean of {name}**', *(_by_mask(records, group, way) for way in ways))
                  for name, group in _groups(kinds)]  # fmt: skip
        lines += ['', *_head('blind: PSNR of the picture', BEFORE, 'repaired', 'gain', 'pictures that lose')]
        lines += [_row(kind, *_blind(records, [kind])) for kind in kinds]
        lines += [_row(f'**mean of {name}**', *_blind(records, group)) for name, group in _groups(kinds)]
    clean = [record for record in records if record.kind == CLEAN and record.way == BLIND]
    if clean:
        changed = sum(record.changed > 0 for record in clean)
        lines += ['', f'Clean pictures that were changed: {changed} of {len(clean)}.']
    return '\n'.join(lines)


def _groups(kinds: Sequence[str]) -> list[tuple[str, list[str]]]:
    opaque = [kind for kind in kinds if kind in OPAQUE]
    return [*([('opaque kinds', opaque)] if opaque else []), ('all', list(kinds))]


def _by_mask(records: Sequence[Record], kinds: Sequence[str], way: str) -> str:
    figures = [
        (_mean(records, kind, way, 'hole_psnr'), _mean(records, kind, way, 'ssim')) for kind in kinds
    ]  # fmt: skip
    decibels, ssim = (fmean(column) for column in zip(*figures))
    return f'{decibels:.2f} / {ssim:.4f}'


def _blind(records: Sequence[Record], kinds: Sequence[str]) -> tuple[str, ...]:
    before, after = (fmean(_mean(records, kind, way, 'psnr') for kind in kinds) for way in (BEFORE, BLIND))
    pairs = [
        (_of(records, kind, BEFORE), _of(records, kind, BLIND)) for kind in kinds
    ]  # fmt: skip
    gains = [new.psnr - old.psnr for olds, news in pairs for old, new in zip(olds, news)]
    return (
        f'{before:.2f}',
        f'{after:.2f}',
        f'{after - before:+.2f}',
        f'{sum(gain < 0 for gain in gains)} of {len(gains)}',
    )


def _mean(records: Sequence[Record], kind: str, way: str, figure: str) -> float:
    return fmean(getattr(record, figure) for record in _of(records, kind, way))


def _of(records: Sequence[Record], kind: str, way: str) -> list[Record]:
    return [record for record in records if record.kind == kind and record.way == way]


def _head(*cells: object) -> list[str]:
    return [_row(*cells), '|---' + '|---:' * (len(cells) - 1) + '|']


def _row(*cells: object) -> str:
    return '| ' + ' | '.join(map(str, cells)) + ' |'


def figures(records: Sequence[Record]) -> list[dict[str, Any]]:
    """Everything measured, for a JSON file."""
    return [record._asdict() for record in records]
