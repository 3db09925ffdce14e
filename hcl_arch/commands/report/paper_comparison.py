"""The tables of the paper with our figures beside theirs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Optional

from hcl_arch.commands.report.document import Cell, Column, Table
from hcl_arch.commands.report.metric_kinds import format_value
from hcl_arch.commands.report.paper_tables import Paper, PaperTable
from hcl_arch.commands.report.results import ALL, DatasetScores
from hcl_arch.commands.report.runs_file import PaperCell, RunEntry

# Our figures for a table, by (metric, method, column, bin).
Figures = dict[tuple[str, str, str, str], float]


@dataclass
class OurFigures:
    """Our figures for the tables of the paper, by the table's number, and those that fit no table."""

    tables: dict[int, Figures] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def add(self, cell: PaperCell, figures: Figures, source: str) -> None:
        """Add the figures of a run's data set to a table; existing figures are kept."""
        if not figures:
            self.warnings.append(
                f'{source} stands for table {cell.table}, column {cell.column}, but has no figure for it: neither the '
                'bins of the table nor its metrics fit.'
            )
            return
        table = self.tables.setdefault(cell.table, {})
        if any(key in table for key in figures):
            self.warnings.append(
                f'{source} stands for table {cell.table}, {cell.method}, {cell.column}, for which another data set has '
                'given figures: where both give one, the first stays.'
            )
        self.tables[cell.table] = {**table, **{key: value for key, value in figures.items() if key not in table}}


def our_figures(runs: Sequence[tuple[RunEntry, Mapping[str, DatasetScores]]], paper: Paper) -> OurFigures:
    """Collect the runs' figures for the tables of the paper.

    A run without a description counts for the columns named like its data sets, in tables where names are sufficient.
    """
    ours = OurFigures()
    for entry, datasets in runs:
        missing = [name for name in entry.cells or () if name not in datasets]
        ours.warnings += [
            f"{entry.method}: the results hold no data set '{name}', which --runs names." for name in missing
        ]
        for name, scores in datasets.items():
            told = entry.cells is not None
            cells = entry.cells.get(name, ()) if entry.cells is not None else _cells_by_name(name, entry.method, paper)
            for cell in cells:
                figures = _figures(cell, paper.tables[cell.table], scores)
                if told or figures:
                    ours.add(cell, figures, f"{entry.method}: data set '{name}'")
    return ours


def comparison_table(table: PaperTable, ours: Figures) -> Table:
    """The paper's table, with our column beside each of the paper's for which we have a figure."""
    methods = list(dict.fromkeys([*table.methods, *(method for _, method, _, _ in ours)]))
    columns, sources = [], []
    for column, bin_name in table.places:
        group = column if bin_name == ALL else f'{column} {bin_name} %'
        for name, figures in (('paper', table.figures), ('ours', ours)):
            if figures is table.figures or any(key[2:] == (column, bin_name) for key in ours):
                columns.append(Column(name, group))
                sources.append((figures, column, bin_name))
    rows = []
    for metric in table.metrics:
        label = f'{metric.label} {"↑" if metric.better == "higher" else "↓"}'
        for method in methods:
            found = [figures.get((metric.key, method, column, bin_name)) for figures, column, bin_name in sources]
            if any(figure is not None for figure in found):
                cells = [Cell(format_value(figure, metric.digits)) for figure in found]
                rows.append([Cell(label), Cell(method), *cells])
    caption = f'Table {table.number} of the paper. {table.caption}'
    return Table(caption, [Column('metric'), Column('method'), *columns], rows, n_labels=2)


def _figures(cell: PaperCell, table: PaperTable, scores: DatasetScores) -> Figures:
    figures = {}
    for metric in table.metrics:
        for bin_name in table.bins if cell.bin is None else [cell.bin]:
            value = _value(scores, metric.columns, bin_name if cell.bin is None else ALL)
            if value is not None:
                figures[metric.key, cell.method, cell.column, bin_name] = value
    return figures


def _value(scores: DatasetScores, names: Sequence[str], bin_name: str) -> Optional[float]:
    values = scores.bins[bin_name].values if bin_name in scores.bins else {}
    return next((values[name] for name in names if name in values), None)


def _cells_by_name(dataset: str, method: str, paper: Paper) -> list[PaperCell]:
    """The columns with the data set's name, ignoring case."""
    return [
        PaperCell(table.number, column, None, method)
        for table in paper.tables.values()
        if table.by_name
        for column in table.columns
        if dataset.lower() == column.lower()
    ]
