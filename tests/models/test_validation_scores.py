"""Bins of hole share, means over them, and the CSV files."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from basicsr.utils.registry import METRIC_REGISTRY
from numpy.typing import NDArray

from hcl_arch.metrics.set_metric import SetMetric
from hcl_arch.models.validation_sample import ValidationSample
from hcl_arch.models.validation_scores import ImageScores, SampleNames, Scorer, bin_rows, write_csv
from hcl_arch.utils.hole_share_bins import bin_name, check_bins, in_bin


class SpreadOfBrightness(SetMetric):
    """A metric of sets: difference of the standard deviations of mean brightness."""

    def __init__(self, scale: float = 1.0) -> None:
        self.scale = scale

    def features(self, img: NDArray, img2: NDArray) -> NDArray:
        return np.array([img.mean(), img2.mean()], np.float32)

    def _score(self, features: NDArray) -> float:
        deviations = features.std(axis=0)
        return float(self.scale * abs(deviations[0] - deviations[1]))


@pytest.fixture
def spread_metric(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setitem(METRIC_REGISTRY._obj_map, 'SpreadOfBrightness', SpreadOfBrightness)
    return 'SpreadOfBrightness'


def sample(brightness: int, truth: int, hole_share: float) -> ValidationSample:
    """A flat image of 10 x 10, of whose rows a share is corrupted, all of it called uncorrupted."""
    true_mask = np.ones((10, 10), np.float32)
    true_mask[: round(10 * hole_share)] = 0
    image = np.full((10, 10, 3), brightness, np.uint8)
    clean = np.ones((10, 10), np.float32)
    return ValidationSample(
        name='x', corruption='flat', lq=image, coarse=image, restored=image, soft_mask=clean, stage_masks=(clean,),
        stage_soft_masks=(0.4 * clean, 0.6 * clean, 0 * clean), gt=np.full_like(image, truth), true_mask=true_mask,
    )  # fmt: skip


def test_bins_hold_their_lower_limit_and_the_last_one_its_upper() -> None:
    bins = check_bins([[0, 0.3], [0.3, 0.6]])
    assert [bin_name(span) for span in bins] == ['0-30', '30-60']
    inside = {share: [bin_name(span) for span in bins if in_bin(share, span, bins)] for share in (0, 0.3, 0.6, 0.61)}
    assert inside == {0: ['0-30'], 0.3: ['30-60'], 0.6: ['30-60'], 0.61: []}
    assert not in_bin(None, bins[0], bins)


@pytest.mark.parametrize('bins', [[0, 0.3], [[0.3, 0.1]], [[0, 30]], [[0.1, 0.2, 0.3]], 'all'])
def test_no_bins(bins: Any) -> None:
    with pytest.raises(ValueError, match='hole_share_bins must be a list of'):
        check_bins(bins)


def test_an_image_at_the_limit_of_two_bins_counts_in_the_upper_one() -> None:
    shares = [sample(0, 0, tenths / 10).hole_share for tenths in range(11)]
    assert shares == [tenths / 10 for tenths in range(11)]  # exactly: rounding must not move an image


def test_means_in_bins_of_single_images_and_of_sets(spread_metric: str) -> None:
    scorer = Scorer({
        'accuracy': {'type': 'calculate_mask_accuracy'},
        'spread': {'type': spread_metric, 'scale': 2.0, 'image': 'lq', 'better': 'lower'},
    })  # fmt: skip
    samples = [sample(10, 50, 0.1), sample(20, 50, 0.2), sample(30, 70, 0.5)]
    scores = [scorer.score(one, index) for index, one in enumerate(samples)]
    rows = bin_rows(scores, [(0.0, 0.3), (0.3, 0.6), (0.6, 1.0)], scorer)
    assert [(row['bin'], row['images']) for row in rows] == [('all', 3), ('0-30', 2), ('30-60', 1), ('60-100', 0)]
    # An all-clean guess is right for the uncorrupted share.
    assert [row['accuracy'] for row in rows[:3]] == pytest.approx([(0.9 + 0.8 + 0.5) / 3, 0.85, 0.5])
    # Deviations by hand: 10, 20, 30 and 50, 50, 70 (population); 10, 20 and 50, 50.
    deviations = math.sqrt(200 / 3), math.sqrt(800 / 9)
    assert rows[0]['spread'] == pytest.approx(2 * abs(deviations[0] - deviations[1]), rel=1e-5)
    assert rows[1]['spread'] == pytest.approx(2 * 5, rel=1e-5)
    assert rows[2]['spread'] == ''  # one image has no spread
    assert rows[3]['accuracy'] == ''
    assert rows[3]['hole_share'] == ''


def test_an_infinite_psnr_is_counted_apart() -> None:
    """Of a clean picture that stays as it is; the set's figure, its bin's and the report's were infinite with it."""
    scorer = Scorer({'psnr': {'type': 'calculate_psnr', 'crop_border': 0}, 'iou': {'type': 'calculate_mask_iou'}})
    samples = [sample(50, 50, 0.1), sample(50, 101, 0.1), sample(70, 70, 0.5)]
    scores = [scorer.score(one, index) for index, one in enumerate(samples)]
    expected = 20 * math.log10(255 / 51)
    assert [score.values['psnr'] for score in scores] == [math.inf, pytest.approx(expected), math.inf]
    assert scorer.means(scores)['psnr'] == pytest.approx(expected)
    assert scorer.infinite(scores) == {'psnr': 2, 'iou': 0}
    rows = bin_rows(scores, [(0.0, 0.3), (0.3, 0.6), (0.6, 1.0)], scorer)
    assert [row['psnr'] for row in rows] == [pytest.approx(expected), pytest.approx(expected), math.inf, '']
    assert [row['psnr_infinite'] for row in rows] == [2, 1, 1, 0]
    assert 'iou_infinite' not in rows[0]
    assert all('psnr_infinite' not in row for row in bin_rows(scores[1:2], [], scorer))


def test_a_stage_is_measured_by_the_papers_number() -> None:
    one = sample(0, 0, 0.5)
    values = [one.score({'type': 'calculate_mask_bce', 'stage': stage}) for stage in (1, 2, 3)]
    by_hand = [-(np.log(c) + np.log(1 - c)) / 2 for c in (0.6, 0.4)]
    assert values == pytest.approx([50.0, *by_hand])  # S1 is the last, coarsest: 0 where half is 1 costs 100 each
    with pytest.raises(ValueError, match=r'`stage` must be one of 1 ... 3.*got 4'):
        one.score({'type': 'calculate_mask_bce', 'stage': 4})


def test_the_reversed_image_is_compared_with_what_was_put_in() -> None:
    one = sample(0, 0, 0.5)
    options = {'type': 'calculate_psnr', 'crop_border': 0, 'image': 'reversed'}
    with pytest.raises(ValueError, match="needs 'noise'"):
        one.score(options)
    with_noise = ValidationSample(**{**vars(one), 'noise': np.full((10, 10, 3), 51, np.uint8)})
    with pytest.raises(ValueError, match='needs `val: reverse: true`'):
        with_noise.score(options)
    both = ValidationSample(**{**vars(with_noise), 'reversed': np.zeros((10, 10, 3), np.uint8)})
    assert both.score(options) == pytest.approx(20 * math.log10(255 / 51))


def test_names_are_unique() -> None:
    class Listed:
        def image_paths(self) -> list[str]:
            return ['a/x.png', 'b/x.jpg', 'b/y.png']

    names = SampleNames(Listed())
    assert [names.of(index, '') for index in (2, 0, 1)] == ['y', 'x', 'x_1']
    unlisted = SampleNames(object())
    assert [unlisted.of(0, 'a/x.png'), unlisted.of(1, 'b/x.png')] == ['x', 'x_1']


def test_a_numbered_name_is_not_that_of_another_file() -> None:
    names = SampleNames(object())
    given = [names.of(0, path) for path in ('a/x.png', 'b/x.png', 'b/x_1.png', 'c/x.png', 'c/x_1.png')]
    assert given[:2] == ['x', 'x_1']
    assert len(set(given)) == 5


def test_a_csv_file_is_complete_or_absent(tmp_path: Path) -> None:
    path = tmp_path / 'scores.csv'
    with pytest.raises(ValueError, match='not in fieldnames'):
        write_csv(path, [{'image': 'a'}, {'image': 'b', 'stray': 1}])
    assert not path.exists()
    row = ImageScores(index=0, name='a,b', corruption='', hole_share=0.25, values={'psnr': 1 / 3}).row
    write_csv(path, [row])
    with path.open(newline='') as file:
        (read,) = csv.DictReader(file)
    assert read['image'] == 'a,b'
    assert float(read['psnr']) == 1 / 3
    assert list(tmp_path.iterdir()) == [path]
