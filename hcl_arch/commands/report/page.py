"""The blocks of the report, in order."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hcl_arch.commands.report.arguments import DEFAULT_CURVES, DEFAULT_IMAGES, DEFAULT_TITLE
from hcl_arch.commands.report.comparability import differences
from hcl_arch.commands.report.curves import can_draw, curves_of, draw_curves
from hcl_arch.commands.report.dataset_tables import bins_table, corruptions_table, stages_table
from hcl_arch.commands.report.document import Block, Cell, Column, Details, Gallery, Heading, Paragraph, Picture, Table
from hcl_arch.commands.report.metric_kinds import kind_of
from hcl_arch.commands.report.paper_comparison import comparison_table, our_figures
from hcl_arch.commands.report.paper_tables import Paper
from hcl_arch.commands.report.picture_rows import SavedPictures, choose_images, picture_table
from hcl_arch.commands.report.results import DatasetScores, RunResults
from hcl_arch.commands.report.runs_file import RunEntry

PICTURES = 'pictures'
"""Folder of the pictures, beside the pages."""


@dataclass(frozen=True)
class ReportOptions:
    """What the user may choose."""

    title: str = DEFAULT_TITLE
    curves: Sequence[str] = DEFAULT_CURVES
    """Metrics that get a curve, where they were measured."""
    n_images: int = DEFAULT_IMAGES
    """Images shown of each data set."""


@dataclass
class ReportPage:
    """Collects the blocks of a report and draws its pictures.

    Attributes:
        paper: Figures of the paper.
        runs: The runs, in display order.
        folder: Folder of the page; its sub-folder `pictures` must exist.
        options: The user's options.
        warnings: Warnings for the reader, filled by :meth:`blocks`.
    """

    paper: Paper
    runs: Sequence[tuple[RunEntry, RunResults]]
    folder: Path
    options: ReportOptions = field(default_factory=ReportOptions)
    warnings: list[str] = field(default_factory=list)

    def blocks(self) -> list[Block]:
        """Build the page."""
        names = sorted({name for _, results in self.runs for name in results.datasets})
        self.warnings = [text for _, results in self.runs for text in results.warnings]
        for name in names:
            self.warnings += differences(name, self._scores(name))
        self.warnings += self._missing_curves()
        paper_blocks = list(self._paper_blocks())
        blocks: list[Block] = [Heading(1, self.options.title)]
        blocks += [Paragraph(text, warning=True) for text in self.warnings]
        blocks.append(self._runs_table())
        for number, name in enumerate(names, start=1):
            blocks += self._dataset_blocks(name, number)
        return blocks + paper_blocks

    def _missing_curves(self) -> list[str]:
        if self.options.curves and not can_draw():
            return [
                'The curves are left out: matplotlib is not installed. Install the extra hcl_arch[report] or '
                'matplotlib itself, or ask for no curves with --curves "".'
            ]
        measured = {name for _, results in self.runs for scores in results.datasets.values() for name in scores.metrics}
        asked = [name for name in self.options.curves if name not in DEFAULT_CURVES and name not in measured]
        return [
            f"No run measured '{name}', of which --curves asks for a curve; there are {sorted(measured)}."
            for name in asked
        ]

    def _scores(self, dataset: str) -> dict[str, DatasetScores]:
        return {entry.method: results.datasets[dataset] for entry, results in self.runs if dataset in results.datasets}

    def _runs_table(self) -> Table:
        rows = [
            [
                Cell(entry.method),
                Cell(entry.title or '-'),
                Cell(entry.folder.as_posix()),
                Cell(', '.join(results.datasets) or 'none'),
            ]
            for entry, results in self.runs
        ]
        columns = [Column('method'), Column('title'), Column('results'), Column('data sets')]
        return Table('Runs of this report.', columns, rows, n_labels=4)

    def _dataset_blocks(self, name: str, number: int) -> Iterator[Block]:
        scores = self._scores(name)
        yield Heading(2, f'Data set {name}')
        yield from (Paragraph(text, warning=True) for text in differences(name, scores))
        kinds = self.paper.metrics
        tables = [bins_table(scores, kinds), stages_table(scores, kinds), corruptions_table(scores, kinds)]
        yield from (table for table in tables if table is not None and table.rows)
        yield from self._curve_blocks(name, scores, f'{number:02d}_{_slug(name)}')
        yield from self._picture_blocks(name, scores, f'{number:02d}_{_slug(name)}')

    def _curve_blocks(self, dataset: str, scores: Mapping[str, DatasetScores], stem: str) -> Iterator[Block]:
        if not can_draw():
            return
        numbers = {entry.method: number for number, (entry, _) in enumerate(self.runs)}
        pictures = []
        for number, metric in enumerate(self.options.curves, start=1):
            curves = curves_of(scores, metric)
            if curves:
                path = f'{PICTURES}/{stem}_curve_{number:02d}_{_slug(metric)}.svg'
                draw_curves(self.folder / path, curves, self._axis_label(metric), numbers=numbers)
                alt = f'Curves of {metric} against hole share on {dataset}, one line for each of {", ".join(curves)}'
                pictures.append(Picture(path, alt, f'{metric} against hole share, means in steps of 5 %.'))
        if pictures:
            yield Heading(3, 'Against hole share')
            yield Gallery(pictures)

    def _axis_label(self, metric: str) -> str:
        kind = kind_of(metric, self.paper.metrics)
        return metric if kind is None else f'{metric} ({kind.better} is better)'

    def _picture_blocks(self, dataset: str, scores: Mapping[str, DatasetScores], stem: str) -> Iterator[Block]:
        if not self.options.n_images:
            return
        names = list(dict.fromkeys(image.name for of_method in scores.values() for image in of_method.images))
        saved = {
            entry.method: SavedPictures(entry.folder / 'visualization' / dataset, names, entry.folder.resolve().name)
            for entry, _ in self.runs
            if entry.method in scores
        }
        there = [name for name in names if any(name in of_method for of_method in saved.values())]
        yield Heading(3, 'Pictures')
        if not there:
            yield Paragraph('No pictures were saved; the option val.save_img saves them.')
            return
        choice = choose_images(there, scores, self.paper.metrics, self.options.n_images)

        def keep(file: Path, name: str) -> str:
            path = f'{PICTURES}/{stem}_image_{name}.png'
            shutil.copyfile(file, self.folder / path)
            return path

        yield picture_table(choice.images, saved, f'{choice.rule} In masks white is corrupted.', keep)

    def _paper_blocks(self) -> Iterator[Block]:
        ours = our_figures([(entry, results.datasets) for entry, results in self.runs], self.paper)
        self.warnings += ours.warnings
        yield Heading(2, 'Beside the paper')
        yield Paragraph('The paper\'s "Ours" is HCL here; "-" stands for what was not run or the paper does not give.')
        if any(entry.cells is None for entry, _ in self.runs):
            numbers = ', '.join(str(table.number) for table in self.paper.tables.values() if table.by_name)
            yield Paragraph(
                'Where --runs does not tell the tables of a run, it counts for the columns of Tables '
                f'{numbers} that have the names of its data sets. Whether its images and holes are made as '
                'the paper tells is not checked.'
            )
        others = []
        for table in self.paper.tables.values():
            block = comparison_table(table, ours.tables.get(table.number, {}))
            if table.number in ours.tables:
                yield block
            else:
                others.append(block)
        if others:
            yield Details('Tables of the paper for which nothing was run', others)


def _slug(name: str) -> str:
    """A name as part of a file name."""
    return re.sub(r'[^A-Za-z0-9-]+', '_', name).strip('_')[:40] or 'x'
