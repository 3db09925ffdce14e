"""Errors of single options, and reading on after them."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from typing import Any

import pytest

from hcl_arch.data.dataset_options import read_options
from hcl_arch.option_checks.data_set_reading import read_with_set_aside
from hcl_arch.utils.option_error import OptionError, check_keys

BASE: dict[str, Any] = {
    'name': 'Faces', 'phase': 'val', 'dataroot_gt': 'a', 'dataroot_noise': 'b', 'gt_size': 64,
}  # fmt: skip


@pytest.mark.parametrize(
    ('change', 'keys', 'problem'),
    [
        ({'gt_size': 3}, ('gt_size',), 'expects a whole number of at least 16, got 3.'),
        ({'gt_siz': 3}, ('gt_siz',), "unknown option. Did you mean 'gt_size'?"),
        ({'masks': {'line': 1}}, ('masks', 'line'), "unknown option. Did you mean 'lines'?"),
        (
            {'corruptions': {'a': {'type': 'txt'}}},
            ('corruptions', 'a', 'type', 'txt'),
            "unknown option. Did you mean 'te",
        ),
        (
            {'corruptions': {'text': {'opacity': 2}}},
            ('corruptions', 'text', 'opacity'),
            'expects a number or two rising ',
        ),
        (
            {'corruptions': {'bars': {'opacity': 1}}},
            ('corruptions', 'bars', 'opacity'),
            'is given, but bars brings its ow',
        ),
        ({'second_kind': 1}, ('second_kind',), 'asks for a second everyday kind on top'),
        ({'degradation': {'jpg_prob': 1}}, ('degradation', 'jpg_prob'), "unknown option. Did you mean 'jpeg_prob'?"),
        ({'degradation': {'jpeg_prob': 2}}, ('degradation', 'jpeg_prob'), 'expects a number from 0 to 1, got 2.'),
        ({'degradation': {}}, ('degradation',), 'would never do anything.'),
        ({'dataroot_gt': None}, ('dataroot_gt',), 'is missing. Give a folder of images'),
        ({'io_backend': 'tape'}, ('io_backend',), 'expects {type: disk} or {type: lmdb}, got tape.'),
    ],
)
def test_errors_carry_their_place(change: dict[str, Any], keys: tuple[str, ...], problem: str) -> None:
    with pytest.raises(OptionError) as caught:
        read_options({**BASE, **change})
    error = caught.value
    assert (error.keys, error.key) == (keys, keys[0])
    assert error.problem.startswith(problem)
    assert str(error).startswith("data set 'Faces'")
    copy = pickle.loads(pickle.dumps(error))
    assert (str(copy), vars(copy)) == (str(error), vars(error))
    assert error.unknown == problem.startswith('unknown option')


def test_place_of_unknown_keys() -> None:
    with pytest.raises(OptionError) as caught:
        check_keys({'b': 1}, ['a1', 'a2'], 'here', inside=('x', 'y'))
    assert caught.value.keys == ('x', 'y', 'b')


def test_reads_on_with_what_is_right() -> None:
    options = {**BASE, 'gt_size': 'x', 'seed': -1, 'max_samples': 5, 'hole_shar': 1}
    reading = read_with_set_aside(read_options, options)
    assert {keys for keys, _ in reading.errors} == {('hole_shar',), ('gt_size',), ('seed',)}
    assert reading.options is not None
    assert reading.options.max_samples == 5
    assert options['seed'] == -1


def test_what_follows_from_what_was_set_aside_is_not_listed() -> None:
    """Without its chance a stage would not use its strength, and without any stage there would be nothing to do."""
    options = {**BASE, 'degradation': {'jpeg_prob': 2, 'jpeg_quality': 50}, 'corruptions': {'bars': -1, 'captions': 1},
               'second_kind': 0.5}  # fmt: skip
    reading = read_with_set_aside(read_options, options)
    assert [keys for keys, _ in reading.errors] == [('corruptions', 'bars', 'weight'), ('degradation', 'jpeg_prob')]
    assert reading.options is not None


def test_a_value_that_is_called_like_an_option_set_aside() -> None:
    """What an error follows from is no matter of the words in its message."""
    reading = read_with_set_aside(read_options, {**BASE, 'seed': -1, 'use_hflip': 'seed'})
    assert [keys for keys, _ in reading.errors] == [('seed',), ('use_hflip',)]


@pytest.mark.parametrize(
    ('change', 'others'),
    [
        ({'second_kind': 1}, ('corruptions',)),
        ({'masks': {'folder': 1}}, ('dataroot_mask',)),
        ({'dataroot_mask': 'm', 'masks': {'lines': 1}}, ('masks',)),
        ({'mask_inverted': True}, ('dataroot_mask',)),
        ({'degradation': {'jpeg_quality': 50, 'noise_prob': 1}}, ('degradation',)),
        ({'gt_size': 3}, ()),
    ],
)
def test_errors_name_the_options_that_they_follow_from(change: dict[str, Any], others: tuple[str, ...]) -> None:
    with pytest.raises(OptionError) as caught:
        read_options({**BASE, **change})
    assert caught.value.others == others
    assert all(f"'{other}'" in str(caught.value) for other in others)


def test_gives_up_where_setting_aside_does_not_help() -> None:
    def read(options: Mapping[str, Any]) -> None:
        raise OptionError('here', ('a',), 'never right')

    reading = read_with_set_aside(read, {'a': 1})
    assert (reading.options, reading.errors) == (None, ((('a',), 'never right'),))


def test_other_errors_end_the_reading() -> None:
    def read(options: Mapping[str, Any]) -> None:
        raise KeyError('surprise')

    assert read_with_set_aside(read, {}).errors == (((), "'surprise'"),)
