from __future__ import annotations

import copy
from typing import Any

import pytest

from hcl_arch.data.corruptions.degradation import Degradation
from hcl_arch.data.dataset_options import read_options
from hcl_arch.utils.option_error import OptionError

BASE: dict[str, Any] = {
    'name': 'Faces',
    'type': 'BlindCorruptionDataset',
    'phase': 'train',
    'dataroot_gt': 'a',
    'dataroot_noise': 'b',
    'gt_size': 64,
}
WHOLE: dict[str, Any] = {
    'prob': 0.9,
    'blur_prob': 0.1,
    'blur_sigma': [0.5, 3],
    'resize_prob': 0.2,
    'resize_range': [0.3, 1.8],
    'noise_prob': 0.3,
    'noise_sigma': [1, 20],
    'jpeg_prob': 0.4,
    'jpeg_quality': [30, 90],
    'webp_prob': 0.5,
    'webp_quality': 50,
    'second_jpeg_prob': 0.6,
}


def read(degradation: Any) -> Degradation | None:
    return read_options({**BASE, 'degradation': degradation}).degradation


def test_nothing_by_default() -> None:
    assert read_options(BASE).degradation is None
    assert read(None) is None


def test_all_options_are_read_and_left_as_they_are() -> None:
    given = copy.deepcopy(WHOLE)
    assert read(given) == Degradation(
        prob=0.9,
        blur_prob=0.1,
        blur_sigma=(0.5, 3.0),
        resize_prob=0.2,
        resize_range=(0.3, 1.8),
        noise_prob=0.3,
        noise_sigma=(1.0, 20.0),
        jpeg_prob=0.4,
        jpeg_quality=(30.0, 90.0),
        webp_prob=0.5,
        webp_quality=(50.0, 50.0),
        second_jpeg_prob=0.6,
    )
    assert given == WHOLE


def test_a_chance_is_enough_for_each_stage_and_null_stands_for_the_default() -> None:
    for stage in ('blur_prob', 'resize_prob', 'noise_prob', 'jpeg_prob', 'webp_prob', 'second_jpeg_prob'):
        assert read({stage: 1}) == Degradation(**{stage: 1})
    assert read({**dict.fromkeys(WHOLE), 'jpeg_prob': 1}) == Degradation(jpeg_prob=1)
    assert read({'second_jpeg_prob': 1, 'jpeg_quality': 50}) == Degradation(
        second_jpeg_prob=1, jpeg_quality=(50.0, 50.0)
    )
    assert read({**WHOLE, 'blur_prob': 0}) is not None  # a stage that is switched off keeps its strength


@pytest.mark.parametrize(
    ('degradation', 'message'),
    [
        ({'jpg_prob': 1}, "data set 'Faces', 'degradation': unknown option 'jpg_prob'. Did you mean 'jpeg_prob'?"),
        ({'jpeg_prob': 1.5}, "data set 'Faces', 'degradation': 'jpeg_prob' expects a number from 0 to 1, got 1.5"),
        ({'prob': -1, 'jpeg_prob': 1}, "'prob' expects a number from 0 to 1, got -1"),
        ({'jpeg_prob': True}, "'jpeg_prob' expects a number from 0 to 1, got true"),
        (
            {'blur_prob': 1, 'blur_sigma': 30},
            "'blur_sigma' expects a number or two rising numbers, from 0 to 20, got 30",
        ),
        (
            {'resize_prob': 1, 'resize_range': [0, 1]},
            'expects a number or two rising numbers, from 0.1 to 4, got [0, 1]',
        ),
        ({'resize_prob': 1, 'resize_range': [2, 1]}, "'resize_range' expects a number or two rising numbers"),
        (
            {'noise_prob': 1, 'noise_sigma': [1, 101]},
            "'noise_sigma' expects a number or two rising numbers, from 0 to 100",
        ),
        (
            {'jpeg_prob': 1, 'jpeg_quality': [0, 90]},
            "'jpeg_quality' expects a number or two rising numbers, from 1 to 100",
        ),
        (
            {'webp_prob': 1, 'webp_quality': 'good'},
            "'webp_quality' expects a number or two rising numbers, from 1 to 100",
        ),
        ({}, "data set 'Faces': 'degradation' would never do anything. Give at least one of blur_prob, resize_prob,"),
        ({'prob': 1, 'jpeg_prob': 0}, "'degradation' would never do anything"),
        ({'jpeg_prob': 1, 'blur_sigma': 1}, "'blur_sigma' is given, but 'degradation' has no blur_prob"),
        ({'webp_prob': 1, 'jpeg_quality': 50}, "is given, but 'degradation' has no jpeg_prob or second_jpeg_prob"),
        (
            True,
            "data set 'Faces': 'degradation' expects a mapping, e.g. {jpeg_prob: 0.5, jpeg_quality: [40, 95]}, got t",
        ),
        (['jpeg_prob'], "'degradation' expects a mapping"),
    ],
)
def test_wrong_options_are_refused(degradation: Any, message: str) -> None:
    with pytest.raises(OptionError) as caught:
        read(degradation)
    assert message in str(caught.value)
    assert caught.value.keys[0] == 'degradation'
