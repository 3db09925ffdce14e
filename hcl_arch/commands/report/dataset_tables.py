"""Tables of one data set: every metric of every method in bins of hole share, by stage and by kind of corruption."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Callable, Optional

from hcl_arch.commands.report.document import Cell, Column, Table
from hcl_arch.commands.report.metric_kinds import MetricKind, best_of, format_value, kind_of, split_stage
from hcl_arch.commands.report.results import ALL, DatasetScores, Measured

# Scores of one data set by method.
Scores = Mapping[str, DatasetScores]
# The value of a method (first argument) at a metric (second) in a column.
Lookup = Callable[[DatasetScores, str], Optional[Measured]]

_ERROR_NOTE = 'Mean ± standard error over the images; the best figure of a column in bold.'


def bins_table(scores: Scores, kinds: Sequence[MetricKind]) -> Table:
    """Metric and method by bin of hole share."""
    bins = list(dict.fromkeys(name for of_method in scores.values() for name in of_method.bins))
    metrics = [name for name in _metrics(scores) if split_stage(name) is None]
    columns = [(Column('all' if name == ALL else f'{name} %', 'hole share'), _in_bin(name)) for name in bins]
    about = _about_rows(scores, bins)
    return _grid(f'Bins of hole share. {_ERROR_NOTE}', scores, metrics, columns, kinds, about)


def stages_table(scores: Scores, kinds: Sequence[MetricKind]) -> Optional[Table]:
    """Metric and method by stage, over all images; None if no metric was measured by stage."""
    split = [found for name in _metrics(scores) if (found := split_stage(name)) is not None]
    if not split:
        return None
    stages = sorted({stage for _, stage in split})
    bases = list(dict.fromkeys(base for base, _ in split))
    columns = [(Column(f'S{stage}', 'stage'), _at_stage(stage)) for stage in stages]
    if any(base in _metrics(scores) for base in bases):
        columns.append((Column('final mask'), _in_bin(ALL)))
    return _grid(f'Stages, S1 = coarsest. {_ERROR_NOTE}', scores, bases, columns, kinds)


def corruptions_table(scores: Scores, kinds: Sequence[MetricKind]) -> Optional[Table]:
    """Metric and method by kind of corruption; None if there is one kind only."""
    counts: dict[str, set[int]] = {}
    for of_method in scores.values():
        for name, count in Counter(image.corruption for image in of_method.images).items():
            counts.setdefault(name, set()).add(count)
    if len(counts) < 2:
        return None
    columns = [
        (Column(f'{name or "(not named)"} ({_numbers(counts[name])} images)', 'corruption'), _of_corruption(name))
        for name in sorted(counts)
    ]
    per_image = {name for of_method in scores.values() for image in of_method.images for name in image.values}
    metrics = [name for name in _metrics(scores) if name in per_image and split_stage(name) is None]
    return _grid(f'Kinds of corruption. {_ERROR_NOTE}', scores, metrics, columns, kinds)


def _grid(
    caption: str,
    scores: Scores,
    metrics: Sequence[str],
    columns: Sequence[tuple[Column, Lookup]],
    kinds: Sequence[MetricKind],
    first_rows: Sequence[Sequence[Cell]] = (),
) -> Table:
    """A table with a row for each method under each metric."""
    rows = [list(row) for row in first_rows]
    for metric in metrics:
        kind = kind_of(metric, kinds)
        arrow = '' if kind is None else ' ↑' if kind.better == 'higher' else ' ↓'
        grid = [[lookup(of_method, metric) for _, lookup in columns] for of_method in scores.values()]
        best = [
            best_of([None if found is None else found.mean for found in column], kind.better if kind else None)
            for column in zip(*grid)
        ]
        for method, line in zip(scores, grid):
            if any(found is not None for found in line):
                cells = [_cell(found, best[i], kind.digits if kind else None) for i, found in enumerate(line)]
                rows.append([Cell(metric + arrow), Cell(method), *cells])
    return Table(caption, [Column('metric'), Column('method'), *(column for column, _ in columns)], rows, n_labels=2)


def _cell(found: Optional[Measured], best: Optional[float], digits: Optional[int]) -> Cell:
    if found is None:
        return Cell('-')
    text = format_value(found.mean, digits)
    if found.error is not None:
        text += f' ± {format_value(found.error, digits)}'
    if found.infinite and math.isfinite(found.mean):
        text += f' (without {found.infinite} of inf)'
    return Cell(text, bold=found.mean == best)


def _about_rows(scores: Scores, bins: Sequence[str]) -> list[list[Cell]]:
    """Number of images and their mean hole share, in one row if all methods agree."""
    rows = []
    for label in ('images', 'hole share'):
        lines = {method: [_about(of_method, name, label) for name in bins] for method, of_method in scores.items()}
        distinct = list(lines.values())
        if all(line == distinct[0] for line in distinct):
            lines = {'all methods' if len(lines) > 1 else next(iter(lines)): distinct[0]}
        rows += [[Cell(label), Cell(method), *map(Cell, line)] for method, line in lines.items()]
    return rows


def _about(of_method: DatasetScores, bin_name: str, label: str) -> str:
    row = of_method.bins.get(bin_name)
    if row is None:
        return '-'
    return str(row.n_images) if label == 'images' else format_value(row.hole_share, 3)


def _metrics(scores: Scores) -> list[str]:
    return list(dict.fromkeys(name for of_method in scores.values() for name in of_method.metrics))


def _numbers(counts: set[int]) -> str:
    return ' / '.join(map(str, sorted(counts)))


def _in_bin(name: str) -> Lookup:
    return lambda of_method, metric: of_method.in_bin(metric, name)


def _at_stage(stage: int) -> Lookup:
    return lambda of_method, metric: of_method.in_bin(f'{metric}_s{stage}', ALL)


def _of_corruption(name: str) -> Lookup:
    return lambda of_method, metric: of_method.of_corruption(metric, name)
