"""Reading the CSV files of a results folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hcl_arch.commands.report.errors import ReportError
from hcl_arch.commands.report.results import ALL, Measured, mean_of, read_run
from hcl_arch.models.validation_scores import ImageScores, bin_rows, write_csv

CsvWriter = Callable[..., Path]
MakeRun = Callable[..., Path]


class MeanScorer:
    """Stands in for the scorer of a test: the mean of PSNR."""

    def means(self, images: list[ImageScores]) -> dict[str, float]:
        return {'psnr': float(np.mean([image.values['psnr'] for image in images])) if images else float('nan')}

    def infinite(self, images: list[ImageScores]) -> dict[str, int]:
        return {'psnr': 0}


def test_means_and_errors_of_every_bin_agree_with_numpy_on_files_of_a_test(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    shares, psnr = generator.uniform(0, 0.6, 50), generator.normal(25, 5, 50)
    shares[:2] = 0.3, 0.6
    images = [ImageScores(i, f'im{i}', 'patch', shares[i], {'psnr': psnr[i]}) for i in range(50)]
    bins = [(0.0, 0.3), (0.3, 0.6), (0.0, 0.2)]
    write_csv(tmp_path / 'Places.csv', [image.row for image in images])
    write_csv(tmp_path / 'Places_bins.csv', bin_rows(images, bins, MeanScorer()))  # type: ignore[arg-type]

    scores = read_run(tmp_path).datasets['Places']

    chosen = {'all': shares >= 0, '0-30': shares < 0.3, '30-60': shares >= 0.3, '0-20': shares <= 0.2}
    for name, members in chosen.items():
        measured = scores.in_bin('psnr', name)
        assert measured is not None
        assert measured.mean == pytest.approx(psnr[members].mean())
        assert measured.error == pytest.approx(psnr[members].std(ddof=1) / np.sqrt(members.sum()))


def test_metric_of_whole_sets_has_no_error(small_run: MakeRun) -> None:
    scores = read_run(small_run('a')).datasets['Places']
    measured = scores.in_bin('fid', 'all')
    assert measured is not None
    assert measured.mean == 12.345
    assert measured.error is None


def test_empty_bin_has_no_figure(small_run: MakeRun) -> None:
    assert read_run(small_run('a')).datasets['Places'].in_bin('psnr', '60-90') is None


def test_error_of_one_image_is_unknown(tmp_path: Path, write_csv: CsvWriter) -> None:
    write_csv(tmp_path / 'a.csv', [{'image': 'x', 'ssim': 0.5}, {'image': 'y', 'ssim': ''}])
    assert mean_of(read_run(tmp_path).datasets['a'].images, 'ssim') == Measured(0.5)


def test_infinite_values_are_counted_apart(tmp_path: Path, write_csv: CsvWriter) -> None:
    """The PSNR of an image that equals its truth says nothing of the others."""
    rows = [{'image': name, 'hole_share': 0.1, 'psnr': value} for name, value in zip('wxyz', (30, 'inf', 34, 'inf'))]
    write_csv(tmp_path / 'a.csv', rows)
    write_csv(tmp_path / 'a_bins.csv', [
        {'bin': 'all', 'images': 4, 'hole_share': 0.1, 'psnr': 32, 'psnr_infinite': 2},
    ])  # fmt: skip
    scores = read_run(tmp_path).datasets['a']
    assert scores.metrics == ['psnr']
    assert scores.in_bin('psnr', ALL) == mean_of(scores.images, 'psnr') == Measured(32.0, 2.0, infinite=2)
    write_csv(tmp_path / 'a_bins.csv', [{'bin': 'all', 'images': 4, 'hole_share': 0.1, 'psnr': 'inf'}])  # of 0.1.0
    assert read_run(tmp_path).datasets['a'].in_bin('psnr', ALL) == Measured(32.0, 2.0, infinite=2)
    (tmp_path / 'a_bins.csv').unlink()
    assert read_run(tmp_path).datasets['a'].bins[ALL].values == {'psnr': 32.0}
    equal = [image for image in scores.images if image.name in 'xz']
    assert mean_of(equal, 'psnr') == Measured(float('inf'), infinite=2)


def test_without_a_file_of_bins_all_images_are_one_bin(tmp_path: Path, write_csv: CsvWriter) -> None:
    rows = [{'image': 'x', 'hole_share': 0.2, 'psnr': 20}, {'image': 'y', 'hole_share': 0.4, 'psnr': 30}]
    write_csv(tmp_path / 'a.csv', rows)
    bins = read_run(tmp_path).datasets['a'].bins
    assert list(bins) == ['all']
    assert (bins['all'].n_images, bins['all'].values) == (2, {'psnr': 25})
    assert bins['all'].hole_share == pytest.approx(0.3)


def test_images_of_one_kind_of_corruption(small_run: MakeRun) -> None:
    measured = read_run(small_run('a')).datasets['Places'].of_corruption('psnr', 'noise')
    assert measured is not None
    assert (measured.mean, measured.error) == (25, pytest.approx(5))


def test_bins_of_another_test_are_told_and_get_no_error(small_run: MakeRun, write_csv: CsvWriter) -> None:
    folder = small_run('a')
    write_csv(folder / 'Places.csv', [{'image': 'im0', 'hole_share': 0.1, 'psnr': 1}])
    results = read_run(folder)
    assert 'one of the two files is of another test' in results.warnings[0]
    measured = results.datasets['Places'].in_bin('psnr', 'all')
    assert measured is not None
    assert measured.error is None


def test_column_of_words_is_left_out_with_a_warning(tmp_path: Path, write_csv: CsvWriter) -> None:
    write_csv(tmp_path / 'a.csv', [{'image': 'x', 'camera': 'left', 'psnr': 20}])
    results = read_run(tmp_path)
    assert list(results.datasets['a'].metrics) == ['psnr']
    assert 'column `camera` holds words' in results.warnings[0]


def test_foreign_csv_file_is_left_out_with_a_warning(small_run: MakeRun, write_csv: CsvWriter) -> None:
    folder = small_run('a')
    write_csv(folder / 'notes.csv', [{'day': 1, 'text': 'x'}])
    results = read_run(folder)
    assert list(results.datasets) == ['Places']
    assert "notes.csv' is left out" in results.warnings[0]


def test_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="missing' is no folder: name the results folder"):
        read_run(tmp_path / 'missing')


def test_folder_without_scores_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match='holds no scores: expected <data set>.csv .* got no CSV file'):
        read_run(tmp_path)


def test_folder_whose_file_lacks_the_columns_is_refused(tmp_path: Path, write_csv: CsvWriter) -> None:
    write_csv(tmp_path / 'Places.csv', [{'psnr': 1}])
    with pytest.raises(ReportError, match='a column `image` and a line for each image, .* got Places.csv'):
        read_run(tmp_path)


def test_line_with_too_many_values_is_refused(tmp_path: Path) -> None:
    (tmp_path / 'a.csv').write_text('image,psnr\nx,1,2\n', 'utf-8')
    with pytest.raises(ReportError, match='more values than its first line names'):
        read_run(tmp_path)
