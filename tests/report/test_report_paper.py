"""The paper's figures and ours beside them."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from hcl_arch.commands.report.document import Table
from hcl_arch.commands.report.errors import ReportError
from hcl_arch.commands.report.paper_comparison import comparison_table, our_figures
from hcl_arch.commands.report.paper_tables import FILE, read_paper
from hcl_arch.commands.report.results import read_run
from hcl_arch.commands.report.runs_file import RunEntry, check_entries, entries_of_folders, read_runs_file

CsvWriter = Callable[..., Path]
MakeRun = Callable[..., Path]
PAPER = read_paper()


@pytest.fixture
def entries_of(tmp_path: Path) -> Callable[[str], list[RunEntry]]:
    """Function that reads the text of a runs file which lies beside the folder `results`."""

    def read(text: str) -> list[RunEntry]:
        file = tmp_path / 'runs.yml'
        file.write_text(text, 'utf-8')
        return read_runs_file(file, PAPER)

    return read


def compare(entries: list[RunEntry], number: int) -> tuple[Table, list[str]]:
    ours = our_figures([(entry, read_run(entry.folder).datasets) for entry in entries], PAPER)
    return comparison_table(PAPER.tables[number], ours.tables.get(number, {})), ours.warnings


def row_of(table: Table, metric: str, method: str) -> list[str]:
    (row,) = [row for row in table.rows if row[0].text.startswith(metric) and row[1].text == method]
    return [cell.text for cell in row[2:]]


def test_every_table_of_the_paper_is_there() -> None:
    assert list(PAPER.tables) == [1, 2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize('number', PAPER.tables)
def test_every_method_of_a_table_has_a_figure_for_every_metric_and_place(number: int) -> None:
    table = PAPER.tables[number]
    expected = {
        (metric.key, method, *place) for metric in table.metrics for method in table.methods for place in table.places
    }
    empty = {('accuracy', 'true mask + MAT-F', 'Places', 'all'), ('iou', 'true mask + MAT-F', 'Places', 'all')}
    if number == 7:  # for ours alone: what the paper calls so is LPIPS
        empty |= {key for key in expected if key[0] == 'fid'}
    assert set(table.figures) == expected - empty
    assert 'HCL' in table.methods


@pytest.mark.parametrize('number', PAPER.tables)
def test_figures_of_the_paper_lie_in_the_range_of_their_metric(number: int) -> None:
    table = PAPER.tables[number]
    for (metric, *_), figure in table.figures.items():
        low, high = {'psnr': (15, 45), 'fid': (0, 60)}.get(metric, (0, 1))
        assert low < figure < high


def test_figures_that_the_paper_prints_twice_agree() -> None:
    detected, ablated = PAPER.tables[1].figures, PAPER.tables[6].figures
    for metric in ('accuracy', 'f1', 'bce', 'iou'):
        for bin_name in ('0-30', '30-60'):
            assert ablated[metric, 'HCL', 'FFHQ', bin_name] == detected[metric, 'HCL', 'FFHQ', bin_name]


def test_hcl_beats_the_others_in_table_3_as_the_paper_says() -> None:
    table = PAPER.tables[3]
    for metric in table.metrics:
        sign = 1 if metric.better == 'higher' else -1
        for column, bin_name in table.places:
            figures = {method: sign * table.figures[metric.key, method, column, bin_name] for method in table.methods}
            assert max(figures.items(), key=lambda pair: pair[1])[0] == 'HCL'


def test_line_with_too_few_figures_is_refused(tmp_path: Path) -> None:
    content = yaml.safe_load(FILE.read_text('utf-8'))
    content['tables'][1]['values']['f1']['HCL']['FFHQ'] = [0.986]
    file = tmp_path / 'tables.yml'
    file.write_text(yaml.safe_dump(content, sort_keys=False), 'utf-8')
    with pytest.raises(ValueError, match=r'table 1, f1, HCL: expected the columns .* with 2 figures each'):
        read_paper(file)


def test_data_set_with_the_name_of_a_column_counts_for_it(small_run: MakeRun) -> None:
    table, warnings = compare(entries_of_folders([small_run('mine')]), 1)
    # The run's bins 0-30 and 30-60 have mean_bce 0.15 and 0.35; the paper has no such method.
    assert row_of(table, 'BCE', 'mine') == ['-', '-', '-', '-', '-', '0.150', '-', '0.350']
    assert row_of(table, 'BCE', 'VCNet') == ['0.126', '0.137', '0.073', '0.055', '0.064', '-', '0.060', '-']
    assert [(column.group, column.name) for column in table.columns[5:]] == [
        ('ImageNet 30-60 %', 'paper'),
        ('Places 0-30 %', 'paper'),
        ('Places 0-30 %', 'ours'),
        ('Places 30-60 %', 'paper'),
        ('Places 30-60 %', 'ours'),
    ]
    assert warnings == []


def test_runs_file_tells_the_row_the_column_and_the_bin(
    small_run: MakeRun, entries_of: Callable[[str], list[RunEntry]]
) -> None:
    small_run('a')
    entries = entries_of("""
- method: HCL
  title: HCL, small
  results: results/a
  tables:
    Places:
      - {table: 4, column: CelebA-HQ}
      - {table: 5, column: CelebA-HQ, bin: 20-40}
      - {table: 2, column: Places, bin: all, method: HCL + MAT-F}
""")
    assert [(entry.method, entry.title) for entry in entries] == [('HCL', 'HCL, small')]
    assert row_of(compare(entries, 4)[0], 'BCE', 'HCL')[2:] == ['0.062', '0.150', '0.054', '0.350']
    assert row_of(compare(entries, 5)[0], 'PSNR', 'HCL')[3:] == ['34.60', '26.52', '27.00', '21.82']
    assert row_of(compare(entries, 2)[0], 'PSNR', 'HCL + MAT-F') == ['24.53', '27.00']
    assert 'ours' not in [column.name for column in compare(entries, 1)[0].columns]


def test_second_data_set_for_the_same_cells_is_told_and_left_out(
    small_run: MakeRun, write_csv: CsvWriter, entries_of: Callable[[str], list[RunEntry]]
) -> None:
    write_csv(small_run('a') / 'Places2.csv', [{'image': 'x', 'psnr': 1}])
    entries = entries_of("""
- {method: HCL, results: results/a, tables: {Places: {table: 7, column: LOGO-30K},
                                             Places2: {table: 7, column: LOGO-30K}}}
""")
    table, warnings = compare(entries, 7)
    assert row_of(table, 'PSNR', 'HCL') == ['41.88', '27.00']
    assert 'where both give one, the first stays' in warnings[0]


def test_data_set_that_is_not_there_or_fits_nothing_is_told(
    small_run: MakeRun, write_csv: CsvWriter, entries_of: Callable[[str], list[RunEntry]]
) -> None:
    write_csv(small_run('a') / 'bare.csv', [{'image': 'x', 'niqe': 1}])
    warnings = compare(
        entries_of("""
- results: results/a
  tables: {bare: {table: 7, column: LOGO-30K}, absent: {table: 7, column: LOGO-30K}}
"""),
        7,
    )[1]
    assert "the results hold no data set 'absent'" in warnings[0]
    assert "data set 'bare' stands for table 7, column LOGO-30K, but has no figure for it" in warnings[1]


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('{}', 'must hold a list of runs'),
        ('- x', 'expected `key: value`'),
        ('- {method: A}', 'run 1: the key `results` is missing'),
        ('- {results: a, colour: red}', "unknown key 'colour'; it takes ['method', 'title', 'results', 'tables']"),
        ('- {results: a, tables: [1]}', '`tables` must map data sets'),
        (
            '- {results: a, tables: {P: {table: 9, column: Places}}}',
            '`table` must be one of [1, 2, 3, 4, 5, 6, 7], got 9',
        ),
        ('- {results: a, tables: {P: {table: [1], column: Places}}}', 'must be one of [1, 2, 3, 4, 5, 6, 7], got [1]'),
        ('- {results: a, tables: {P: {table: 1, column: Moon}}}', '`column` of table 1 must be one of'),
        (
            '- {results: a, tables: {P: {table: 1, column: FFHQ, bin: 0-20}}}',
            "`bin` of table 1 must be one of ['0-30', '30-60'], got '0-20'",
        ),
        ('- {results: a, tables: {P: {table: 1, column: FFHQ, row: HCL}}}', "tables, 'P': unknown key 'row'"),
        ('- [', 'cannot be read'),
    ],
)
def test_wrong_runs_file_is_refused(entries_of: Callable[[str], list[RunEntry]], text: str, message: str) -> None:
    with pytest.raises(ReportError, match=re.escape(message)):
        entries_of(text)


def test_folders_of_the_same_name_are_told_apart_by_their_paths() -> None:
    entries = entries_of_folders([Path('x/run'), Path('y/run'), Path('y/other')])
    assert [entry.method for entry in entries] == ['x/run', 'y/run', 'other']


def test_no_run_and_a_run_given_twice_are_refused() -> None:
    with pytest.raises(ReportError, match='No run is given'):
        check_entries([])
    with pytest.raises(ReportError, match="The results folder '.*run' is given twice"):
        check_entries([RunEntry('A', Path('run')), RunEntry('B', Path('run'))])
    with pytest.raises(ReportError, match="The method 'A' is given twice"):
        check_entries([RunEntry('A', Path('run')), RunEntry('A', Path('other'))])
