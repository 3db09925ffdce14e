"""The tables of a data set: bins, stages, kinds of corruption, and whether methods can be compared."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from hcl_arch.commands.report.comparability import differences
from hcl_arch.commands.report.dataset_tables import bins_table, corruptions_table, stages_table
from hcl_arch.commands.report.document import Table
from hcl_arch.commands.report.metric_kinds import best_of, format_value, kind_of, split_stage
from hcl_arch.commands.report.paper_tables import read_paper
from hcl_arch.commands.report.results import DatasetScores, read_run

CsvWriter = Callable[..., Path]
MakeRun = Callable[..., Path]
KINDS = read_paper().metrics


@pytest.fixture
def two_methods(small_run: MakeRun) -> dict[str, DatasetScores]:
    """The second method is better in PSNR of bin 30-60, worse in everything else."""
    better, worse = small_run('a'), small_run('b', psnr=(29.0, 31.0, 30.0, 28.0), offset=0.1)
    return {name: read_run(folder).datasets['Places'] for name, folder in (('A', better), ('B', worse))}


def texts(table: Table) -> dict[tuple[str, str], list[str]]:
    """By metric and method."""
    return {(row[0].text, row[1].text): [cell.text for cell in row[2:]] for row in table.rows}


def bold(table: Table, metric: str) -> list[str]:
    """Which method is bold in each column."""
    rows = [row for row in table.rows if row[0].text == metric]
    return [''.join(row[1].text for row in rows if row[i].bold) for i in range(2, len(table.columns))]


def test_bins_are_columns_with_mean_and_standard_error(two_methods: Mapping[str, DatasetScores]) -> None:
    table = bins_table(two_methods, KINDS)
    assert [column.name for column in table.columns[2:]] == ['all', '0-30 %', '30-60 %', '60-90 %']
    # 30 and 32: s = sqrt(2), divided by sqrt(2) images.
    assert texts(table)['psnr ↑', 'A'] == ['27.00 ± 2.65', '31.00 ± 1.00', '23.00 ± 3.00', '-']
    assert texts(table)['fid ↓', 'B'] == ['12.45', '12.45', '12.45', '-']


def test_images_and_hole_share_are_one_row_where_methods_agree(two_methods: Mapping[str, DatasetScores]) -> None:
    found = texts(bins_table(two_methods, KINDS))
    assert found['images', 'all methods'] == ['4', '2', '2', '0']
    assert found['hole share', 'all methods'] == ['0.275', '0.150', '0.400', '-']


@pytest.mark.parametrize(
    ('metric', 'best'),
    [
        ('psnr ↑', ['B', 'A', 'B', '']),
        ('mask_bce ↓', ['A', 'A', 'A', '']),
        ('fid ↓', ['A', 'A', 'A', '']),
    ],
)
def test_best_is_bold_in_the_direction_of_the_metric(
    two_methods: Mapping[str, DatasetScores], metric: str, best: list[str]
) -> None:
    assert bold(bins_table(two_methods, KINDS), metric) == best


@pytest.mark.parametrize('name', ['mask_bce', 'lpips', 'fid', 'mask_bce_s1', 'lpips_coarse'])
def test_lower_is_better_for(name: str) -> None:
    kind = kind_of(name, KINDS)
    assert kind is not None
    assert kind.better == 'lower'


def test_equal_figures_and_unknown_directions_have_no_best() -> None:
    assert best_of([0.5, 0.5, None], 'higher') is None
    assert best_of([0.5, 0.6], None) is None
    assert best_of([0.5, float('nan'), 0.4], 'higher') == 0.5


def test_figures_are_printed_with_their_digits() -> None:
    printed = [
        format_value(value, digits)
        for value, digits in ((1.23456, 2), (1.23456, None), (None, 2), (float('nan'), 2), (float('inf'), 2))
    ]
    assert printed == ['1.23', '1.235', '-', '-', 'inf']


def test_stages_are_columns_from_the_coarsest(tmp_path: Path, write_csv: CsvWriter) -> None:
    row = {'image': 'x', 'mask_iou': 0.9, 'mask_iou_s2': 0.8, 'mask_iou_s1': 0.7, 'mask_iou_s3': 0.85}
    write_csv(tmp_path / 'a.csv', [row])
    table = stages_table({'A': read_run(tmp_path).datasets['a']}, KINDS)
    assert table is not None
    assert [column.name for column in table.columns[2:]] == ['S1', 'S2', 'S3', 'final mask']
    assert texts(table) == {('mask_iou ↑', 'A'): ['0.700', '0.800', '0.850', '0.900']}
    assert split_stage('mask_iou_s2') == ('mask_iou', 2)
    assert split_stage('mask_iou') is None


def test_stages_stay_out_of_the_table_of_bins(two_methods: Mapping[str, DatasetScores]) -> None:
    assert not [metric for metric, _ in texts(bins_table(two_methods, KINDS)) if '_s1' in metric]


def test_kinds_of_corruption_are_columns(two_methods: Mapping[str, DatasetScores]) -> None:
    table = corruptions_table(two_methods, KINDS)
    assert table is not None
    assert [column.name for column in table.columns[2:]] == ['noise (2 images)', 'patch (2 images)']
    assert texts(table)['psnr ↑', 'A'] == ['25.00 ± 5.00', '29.00 ± 3.00']


def test_same_images_are_comparable(two_methods: Mapping[str, DatasetScores]) -> None:
    assert differences('Places', two_methods) == []


@pytest.mark.parametrize(
    ('change', 'warning'),
    [
        ({'image': 'other'}, r'different images: 1 only in A \(im0\), 1 only in B \(other\)'),
        ({'hole_share': 0.11}, r'1 of the same images with different holes or corruptions \(im0\)'),
        ({'corruption': 'graffiti'}, r'1 of the same images with different holes or corruptions \(im0\)'),
    ],
)
def test_other_images_holes_or_corruptions_are_told(
    tmp_path: Path, write_csv: CsvWriter, change: Mapping[str, object], warning: str
) -> None:
    row = {'image': 'im0', 'corruption': 'patch', 'hole_share': 0.1, 'psnr': 20}
    write_csv(tmp_path / 'a' / 'd.csv', [row])
    write_csv(tmp_path / 'b' / 'd.csv', [{**row, **change}])
    scores = {name.upper(): read_run(tmp_path / name).datasets['d'] for name in 'ab'}
    (found,) = differences('d', scores)
    assert re.search(warning, found)
    assert found.endswith('cannot be compared.')


def test_another_number_of_images_is_told(tmp_path: Path, write_csv: CsvWriter) -> None:
    rows = [{'image': f'im{i}', 'hole_share': 0.1, 'psnr': 20} for i in range(5)]
    write_csv(tmp_path / 'a' / 'd.csv', rows)
    write_csv(tmp_path / 'b' / 'd.csv', rows[:1])
    scores = {name.upper(): read_run(tmp_path / name).datasets['d'] for name in 'ab'}
    assert '4 only in A (im1, im2, im3, ...)' in differences('d', scores)[0]
