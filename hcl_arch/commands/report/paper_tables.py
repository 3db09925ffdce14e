"""The figures of the paper, read from paper_tables.yml beside this file."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

import yaml

from hcl_arch.commands.report.metric_kinds import MetricKind

FILE = Path(__file__).with_name('paper_tables.yml')

# A column and a bin of a table of the paper.
Place = tuple[str, str]


@dataclass(frozen=True)
class PaperTable:
    """A table of the paper."""

    number: int
    caption: str
    columns: Sequence[str]
    """Data sets, or corruptions."""
    bins: Sequence[str]
    metrics: Sequence[MetricKind]
    methods: Sequence[str]
    by_name: bool
    """Whether a data set that has the name of a column stands for it without being told so."""
    figures: Mapping[tuple[str, str, str, str], float]
    """By (metric, method, column, bin); those that the paper leaves empty are left out."""

    @property
    def places(self) -> list[Place]:
        """All columns with all their bins, from left to right."""
        return [(column, bin_name) for column in self.columns for bin_name in self.bins]


@dataclass(frozen=True)
class Paper:
    """All tables of the paper, by number, and all kinds of metrics."""

    metrics: Sequence[MetricKind]
    tables: Mapping[int, PaperTable]


@functools.cache
def read_paper(file: Path = FILE) -> Paper:
    """Read the file.

    Raises:
        ValueError: If a line does not have exactly one figure for each bin of each column.
    """
    content = yaml.safe_load(file.read_text('utf-8'))
    kinds = {
        key: MetricKind(key, options['label'], options['better'], options['digits'], tuple(options['columns']))
        for key, options in content['metrics'].items()
    }
    tables = {number: _table(number, options, kinds) for number, options in content['tables'].items()}
    return Paper(tuple(kinds.values()), tables)


def _table(number: int, options: Mapping[str, Any], kinds: Mapping[str, MetricKind]) -> PaperTable:
    digits = options.get('digits', {})
    figures = {}
    methods: dict[str, None] = {}
    for key, of_methods in options['values'].items():
        for method, of_columns in of_methods.items():
            methods[method] = None
            for (column, bin_name), figure in _figures(f'{number}, {key}, {method}', of_columns, options).items():
                if figure is not None:
                    figures[key, method, column, bin_name] = float(figure)
    metrics = [
        MetricKind(key, kinds[key].label, kinds[key].better, digits.get(key, kinds[key].digits), kinds[key].columns)
        for key in options['values']
    ]
    return PaperTable(
        number=number,
        caption=options['caption'],
        columns=tuple(options['columns']),
        bins=tuple(options['bins']),
        metrics=metrics,
        methods=list(methods),
        by_name=options.get('by_name', False),
        figures=figures,
    )


def _figures(
    where: str, of_columns: Mapping[str, Sequence[Optional[float]]], options: Mapping[str, Any]
) -> dict[Place, Optional[float]]:
    columns, bins = options['columns'], options['bins']
    if list(of_columns) != columns or any(len(line) != len(bins) for line in of_columns.values()):
        raise ValueError(
            f'paper_tables.yml, table {where}: expected the columns {columns} with {len(bins)} figures each, '
            f'got {of_columns}.'
        )
    return {(column, bin_name): of_columns[column][i] for column in columns for i, bin_name in enumerate(bins)}
