"""Counts of what was found, and the tables that they make."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from .canvas import Mask
from .kinds import CLEAN, KINDS, PAIRS


@dataclass
class Tally:
    """Sums over the pictures of one kind under one degradation, in pixels, pictures and seconds."""

    pictures: int = 0
    untouched: int = 0
    """Pictures in which nothing was marked."""
    pixels: int = 0
    corrupted: int = 0
    found: int = 0
    both: int = 0
    """Pixels found that are corrupted."""
    seconds: float = 0.0

    def add(self, found: Mask, truth: Mask, seconds: float = 0.0) -> None:
        """Count one picture.

        Raises:
            ValueError: If the masks differ in size.
        """
        if found.shape != truth.shape:
            raise ValueError(f'The mask found is of {found.shape}, the true one of {truth.shape}.')
        self.pictures += 1
        self.untouched += not found.any()
        self.pixels += truth.size
        self.corrupted += int(truth.sum())
        self.found += int(found.sum())
        self.both += int((found & truth).sum())
        self.seconds += seconds

    @property
    def iou(self) -> float:
        """Of the corrupted region, pooled: sum of intersections over sum of unions; 1 where both masks are empty."""
        union = self.found + self.corrupted - self.both
        return self.both / union if union else 1.0

    @property
    def marked(self) -> float:
        """Share of all pixels that were marked."""
        return self.found / self.pixels if self.pixels else 0.0


Tallies = dict[str, dict[str, Tally]]
"""By kind and degradation."""


def mean_iou(tallies: Tallies, degradation: str) -> float:
    """Mean over the kinds of corruption that were measured; those of clean pictures and pairs do not count."""
    ious = [tallies[kind][degradation].iou for kind in KINDS if kind in tallies]
    return sum(ious) / len(ious) if ious else 0.0


def markdown(tallies: Tallies, degradations: Sequence[str], title: str) -> str:
    """Two tables: corrupted-region IoU, and what happened to clean pictures."""
    lines = [title]
    kinds = [kind for kind in (*KINDS, PAIRS) if kind in tallies]
    if kinds:
        lines += ['', *_row('corrupted-region IoU', 'pictures', *degradations, head=True)]
        for kind in kinds:
            row = tallies[kind]
            lines += _row(kind, _any(row).pictures, *(f'{row[name].iou:.3f}' for name in degradations))
        count = sum(kind in KINDS for kind in kinds)
        if count:
            pictures = sum(_any(tallies[kind]).pictures for kind in kinds if kind in KINDS)
            means = (f'**{mean_iou(tallies, name):.3f}**' for name in degradations)
            lines += _row(f'**mean of {count}**', pictures, *means)
    if CLEAN in tallies:
        row = tallies[CLEAN]
        lines += ['', *_row('clean pictures', 'pictures', *degradations, head=True)]
        shares = (f'{100 * row[name].marked:.2f} %' for name in degradations)
        lines += _row('share of pixels marked', _any(row).pictures, *shares)
        untouched = (f'{row[name].untouched} of {row[name].pictures}' for name in degradations)
        lines += _row('pictures untouched', _any(row).pictures, *untouched)
    times = ', '.join(f'{name} {_seconds(tallies, name):.3f}' for name in degradations)
    return '\n'.join([*lines, '', f'Seconds per picture: {times}.'])


def figures(tallies: Tallies, degradations: Sequence[str]) -> dict[str, Any]:
    """Everything counted, for a JSON file."""
    return {
        'kinds': {
            kind: {name: {**asdict(tally), 'iou': tally.iou, 'marked': tally.marked} for name, tally in row.items()}
            for kind, row in tallies.items()
        },
        'mean_iou': {name: mean_iou(tallies, name) for name in degradations},
        'seconds_per_picture': {name: _seconds(tallies, name) for name in degradations},
    }


def _seconds(tallies: Tallies, degradation: str) -> float:
    columns = [row[degradation] for row in tallies.values()]
    return sum(tally.seconds for tally in columns) / max(1, sum(tally.pictures for tally in columns))


def _any(row: dict[str, Tally]) -> Tally:
    return next(iter(row.values()))


def _row(*cells: object, head: bool = False) -> list[str]:
    row = '| ' + ' | '.join(map(str, cells)) + ' |'
    return [row, '|---' + '|---:' * (len(cells) - 1) + '|'] if head else [row]
