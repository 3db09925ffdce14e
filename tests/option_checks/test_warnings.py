"""What looks like a mistake is said, and ends no run."""

from __future__ import annotations

from typing import Any

import pytest

from hcl_arch.option_checks.problems import find_problems, find_warnings
from hcl_arch.plugin.pipeline import check_options
from tests.example_options import IMAGES, Keys, Options, changed, parsed

SEVEN_BINS = [[0.1 * i, 0.1 * i + 0.1] for i in range(7)]


@pytest.mark.parametrize(('changes', 'lines'), [
    ([(('datasets', 'val', 'max_samples'), 1), (('val', 'hole_share_bins'), None)],
     ['datasets: val: hole_share: 2 ranges take turns, but there are only 1 samples (`max_samples`), so that some '
      'never come up.']),
    ([(('val', 'hole_share_bins'), SEVEN_BINS)],
     ['val: hole_share_bins: 7 bins, but `datasets: val` has only 6 samples (`max_samples`), so that some may stay '
      'empty.']),
    ([(('datasets', 'val', 'max_samples'), None), (('val', 'hole_share_bins'), 2 * SEVEN_BINS)],
     [f'val: hole_share_bins: 14 bins, but `datasets: val` has only {IMAGES} samples, so that some may stay empty.']),
    ([(('datasets', 'val', 'max_samples'), 3), (('val', 'hole_share_bins'), SEVEN_BINS[:3])], []),
    ([(('datasets', 'train', 'max_samples'), 1)], []),
    ([(('datasets', 'val', 'dataroot_gt'), 'nowhere'), (('val', 'hole_share_bins'), SEVEN_BINS)], []),
])  # fmt: skip
def test_fewer_samples_than_ranges(changes: list[tuple[Keys, Any]], lines: list[str], training: Options) -> None:
    spoilt = changed(training, *changes)
    assert find_warnings(spoilt) == lines
    assert find_warnings(parsed(spoilt, is_train=True)) == lines


def test_of_a_test(testing: Options) -> None:
    few = changed(testing, (('datasets', 'test_2', 'max_samples'), 1))
    (line,) = find_warnings(few)
    assert line.startswith('datasets: test_2: hole_share: 2 ranges take turns, but there are only 1 samples')
    assert find_problems(few) == []


def test_the_first_process_prints_them(training: Options, capsys: pytest.CaptureFixture[str]) -> None:
    opt = parsed(changed(training, (('val', 'hole_share_bins'), SEVEN_BINS)), is_train=True)
    check_options(opt)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith('Warning: val: hole_share_bins: 7 bins')
    check_options({**opt, 'rank': 1})
    assert capsys.readouterr().err == ''


def test_without_a_reason_there_is_none(training: Options, testing: Options) -> None:
    assert find_warnings(training) == []
    assert find_warnings(testing) == []
