"""The file that describes each run: option `--runs` of `hcl-report`.

A list of runs in YAML; only `results` is required:

    - method: HCL                         # name in the tables, by default that of the folder; HCL is the paper's "Ours"
      title: HCL, 300 000 iterations      # longer name, for the list of runs
      results: results/test_hcl_places    # relative to this file
      tables:                             # data set in the results -> the cells of the paper for which it stands
        Places: {table: 1, column: Places}                     # its bins 0-30 and 30-60 fill those of the table
        Places-0-20: {table: 3, column: Places, bin: 0-20}     # all its images fill this bin
        logos:                                                 # several cells: a list
          - {table: 7, column: LOGO-30K}
          - {table: 2, column: Places, method: HCL + MAT-F}    # the table's row, by default `method` of the run

Tables, columns, bins and rows are those of paper_tables.yml; additional rows are placed below the paper's. A run
without `tables` counts for the columns of Tables 1, 3 and 7 named like its data sets; `tables: {}` counts for none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional

from hcl_arch.commands.report.errors import ReportError
from hcl_arch.commands.report.paper_tables import Paper
from hcl_arch.utils.option_file import YamlFileError, read_yaml_file

_RUN_KEYS = ('method', 'title', 'results', 'tables')
_CELL_KEYS = ('table', 'column', 'bin', 'method')


@dataclass(frozen=True)
class PaperCell:
    """Cells of the paper to which a run's data set corresponds."""

    table: int
    column: str
    bin: Optional[str]
    """The bin that all images of the data set fill; None: its own bins fill those of the table."""
    method: str
    """Row of the table."""


@dataclass(frozen=True)
class RunEntry:
    """A run as described by the user."""

    method: str
    folder: Path
    title: str = ''
    cells: Optional[Mapping[str, Sequence[PaperCell]]] = field(default=None)
    """By data set; None where the user did not say: then names decide."""


def read_runs_file(file: Path, paper: Paper) -> list[RunEntry]:
    """Read the file.

    Raises:
        ReportError: If it cannot be read or refers to something that does not exist.
    """
    try:
        content = read_yaml_file(file)
    except (OSError, YamlFileError) as error:
        raise ReportError(f"The file of runs '{file}' cannot be read: {error}") from error
    if not isinstance(content, list) or not content:
        raise ReportError(f"The file of runs '{file}' must hold a list of runs (`- method: ...`), got {content!r}.")
    return [_run_entry(options, f"'{file}', run {i}", file.parent, paper) for i, options in enumerate(content, 1)]


def entries_of_folders(folders: Sequence[Path]) -> list[RunEntry]:
    """Runs without such a file: each is a separate method named by its folder, or by its path if names clash."""
    names = [folder.resolve().name for folder in folders]
    return [
        RunEntry(name if names.count(name) == 1 else folder.as_posix(), folder) for name, folder in zip(names, folders)
    ]


def check_entries(entries: Sequence[RunEntry]) -> None:
    """Refuse entries that would merge two runs.

    Raises:
        ReportError: If there is no run, or a method or a folder occurs twice.
    """
    if not entries:
        raise ReportError('No run is given: name results folders, or a file of runs with --runs.')
    for what, values in (
        ('method', [entry.method for entry in entries]),
        ('results folder', [str(entry.folder.resolve()) for entry in entries]),
    ):
        twice = sorted({value for value in values if values.count(value) > 1})
        if twice:
            raise ReportError(
                f"The {what} '{twice[0]}' is given twice: give each run its own (`{what.split()[0]}:` in "
                'the file of --runs), or name it once.'
            )


def _run_entry(options: Any, where: str, base: Path, paper: Paper) -> RunEntry:
    _check_keys(options, _RUN_KEYS, ('results',), where)
    folder = base / str(options['results'])
    method = str(options.get('method') or folder.resolve().name)
    tables = options.get('tables')
    if not isinstance(tables, (dict, type(None))):
        raise ReportError(f'{where}: `tables` must map data sets of the results to cells, got {tables!r}.')
    cells = None
    if tables is not None:
        cells = {
            str(dataset): [
                _paper_cell(cell, f"{where}, tables, '{dataset}'", method, paper)
                for cell in (named if isinstance(named, list) else [named])
            ]
            for dataset, named in tables.items()
        }
    return RunEntry(method, folder, str(options.get('title') or ''), cells)


def _paper_cell(options: Any, where: str, method: str, paper: Paper) -> PaperCell:
    _check_keys(options, _CELL_KEYS, ('table', 'column'), where)
    number, column, bin_name = options['table'], str(options['column']), options.get('bin')
    if number not in list(paper.tables):
        raise ReportError(f'{where}: `table` must be one of {list(paper.tables)}, got {number!r}.')
    table = paper.tables[number]
    if column not in table.columns:
        raise ReportError(f"{where}: `column` of table {number} must be one of {list(table.columns)}, got '{column}'.")
    if bin_name is not None and bin_name not in table.bins:
        raise ReportError(f'{where}: `bin` of table {number} must be one of {list(table.bins)}, got {bin_name!r}.')
    return PaperCell(number, column, bin_name, str(options.get('method') or method))


def _check_keys(options: Any, allowed: Sequence[str], needed: Sequence[str], where: str) -> None:
    if not isinstance(options, dict):
        raise ReportError(f'{where}: expected `key: value` of {list(allowed)}, got {options!r}.')
    unknown = [key for key in options if key not in allowed]
    if unknown:
        raise ReportError(f'{where}: unknown key {unknown[0]!r}; it takes {list(allowed)}.')
    missing = [key for key in needed if options.get(key) is None]
    if missing:
        raise ReportError(f'{where}: the key `{missing[0]}` is missing.')
