"""Which images are shown, and their rows of pictures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hcl_arch.commands.report.document import Table
from hcl_arch.commands.report.paper_tables import read_paper
from hcl_arch.commands.report.picture_rows import ChosenImage, SavedPictures, choose_images, picture_table
from hcl_arch.commands.report.results import DatasetScores, read_run

CsvWriter = Callable[..., Path]
KINDS = read_paper().metrics
NAMES = ['a', 'b', 'c', 'd', 'e']


@pytest.fixture
def scores_of(tmp_path: Path, write_csv: CsvWriter) -> Callable[..., DatasetScores]:
    """Function `(metric=values)` that gives a method's scores of the images a, b, ..."""

    def make(**metrics: list[float]) -> DatasetScores:
        rows: list[dict[str, Any]] = [{'image': name} for name in NAMES]
        for metric, values in metrics.items():
            for row, value in zip(rows, values):
                row[metric] = value
        write_csv(tmp_path / 'scores' / 'd.csv', rows)
        return read_run(tmp_path / 'scores').datasets['d']

    return make


def saved(folder: Path, names: list[str], run_name: str = 'run') -> SavedPictures:
    return SavedPictures(folder / 'visualization' / 'd', names, run_name)


def cells(table: Table) -> list[list[str]]:
    """Paths of the pictures, or texts."""
    return [[cell.picture or cell.text for cell in row[1:]] for row in table.rows]


def test_images_are_ranked_by_the_mean_over_the_methods(scores_of: Callable[..., DatasetScores]) -> None:
    # Means .25 .55 .3 .75 .4: the order is a, c, e, b, d; neither method alone has it.
    scores = {
        'A': scores_of(corrupted_iou=[0.4, 0.2, 0.5, 0.6, 0.8], psnr=[1, 2, 3, 4, 5]),
        'B': scores_of(corrupted_iou=[0.1, 0.9, 0.1, 0.9, 0.0], psnr=[1, 2, 3, 4, 5]),
    }
    choice = choose_images(NAMES, scores, KINDS, 3)
    assert choice.images == [
        ChosenImage('a', 'worst: corrupted_iou 0.250'),
        ChosenImage('e', 'median: corrupted_iou 0.400'),
        ChosenImage('d', 'best: corrupted_iou 0.750'),
    ]
    assert choice.rule == (
        '3 of the 5 images of which pictures were saved, ranked by corrupted_iou, mean over the methods, at even ranks.'
    )


def test_only_images_with_pictures_are_ranked(scores_of: Callable[..., DatasetScores]) -> None:
    choice = choose_images(['b', 'c'], {'A': scores_of(psnr=[1, 9, 8, 0, 0])}, KINDS, 5)
    assert [image.name for image in choice.images] == ['c', 'b']
    assert choice.rule.startswith('2 of the 2 images of which pictures were saved, ranked by psnr')


def test_one_image_is_the_median(scores_of: Callable[..., DatasetScores]) -> None:
    choice = choose_images(NAMES, {'A': scores_of(psnr=[5, 1, 4, 2, 3])}, KINDS, 1)
    assert choice.images == [ChosenImage('e', 'median: psnr 3.000')]


def test_without_a_metric_the_order_of_the_files_counts(scores_of: Callable[..., DatasetScores]) -> None:
    choice = choose_images(NAMES, {'A': scores_of(niqe=[1, 2, 3, 4, 5])}, KINDS, 2)
    assert choice.images == [ChosenImage('a', ''), ChosenImage('e', '')]
    assert 'in the order of the files' in choice.rule


def test_row_has_image_and_mask_of_every_method_beside_the_truth(
    tmp_path: Path, save_pictures: Callable[..., None]
) -> None:
    for run in ('one', 'two'):
        save_pictures(tmp_path / run, 'd', 'im', run)
    methods = {run: saved(tmp_path / run, ['im'], run) for run in ('one', 'two')}
    chosen = [ChosenImage('im', 'best')]
    table = picture_table(chosen, methods, 'rule', lambda file, name: f'{file.parts[-4]}/{file.name}')
    assert [column.name for column in table.columns] == ['image', '', 'input', 'truth', 'one', 'two']
    assert cells(table) == [
        ['image', 'one/im_one_input.png', 'one/im_one_truth.png', 'one/im_one.png', 'two/im_two.png'],
        ['mask', '', 'one/im_one_true_mask.png', 'one/im_one_mask.png', 'two/im_two_mask.png'],
    ]
    assert table.rows[0][0].text == 'im (best)'
    assert table.rows[0][4].text == 'im: image, one'


def test_missing_pictures_are_dashes(tmp_path: Path, save_pictures: Callable[..., None]) -> None:
    save_pictures(tmp_path, 'd', 'im', 'run')
    (tmp_path / 'visualization' / 'd' / 'im_run_truth.png').unlink()
    methods = {'A': saved(tmp_path, ['im']), 'B': saved(tmp_path / 'absent', ['im'])}
    table = picture_table([ChosenImage('im', '')], methods, '', lambda file, name: file.name)
    assert cells(table) == [
        ['image', 'im_run_input.png', '-', 'im_run.png', '-'],
        ['mask', '', 'im_run_true_mask.png', 'im_run_mask.png', '-'],
    ]


def test_reversed_restorations_get_a_row(tmp_path: Path, save_pictures: Callable[..., None]) -> None:
    save_pictures(tmp_path, 'd', 'im', 'run')
    folder = tmp_path / 'visualization' / 'd'
    (folder / 'im_run_reversed.png').write_bytes((folder / 'im_run.png').read_bytes())
    table = picture_table([ChosenImage('im', '')], {'A': saved(tmp_path, ['im'])}, '', lambda file, name: file.name)
    assert cells(table)[2] == ['reversed', '', '-', 'im_run_reversed.png']


def test_tag_is_found_whatever_the_run_was_called(tmp_path: Path, save_pictures: Callable[..., None]) -> None:
    names = ['im', 'im_1', 'im_2']
    for name in names:
        save_pictures(tmp_path, 'd', name, 'my_suffix')
    pictures = saved(tmp_path, names, 'run')
    assert all(name in pictures for name in names)
    found = pictures.file('im_1', '_true_mask')
    assert found is not None
    assert found.name == 'im_1_my_suffix_true_mask.png'
    assert 'im_3' not in pictures
