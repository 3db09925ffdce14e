from __future__ import annotations

from typing import Any

import pytest

from hcl_arch.data.corruptions.corruption_options import KINDS, CorruptionOptions, read_corruptions

WHERE = "data set 'Faces'"


def read_one(name: str, entry: Any) -> CorruptionOptions:
    (corruption,) = read_corruptions({'corruptions': {name: entry}}, WHERE)
    return corruption


def test_patches_by_default() -> None:
    (corruption,) = read_corruptions({}, WHERE)
    assert (corruption.name, corruption.kind, corruption.weight) == ('patch', 'patch', 1.0)
    assert (corruption.opacity, corruption.blur_sigma, corruption.hole_share) == ((1.0, 1.0), None, None)


@pytest.mark.parametrize('kind', KINDS)
def test_a_weight_is_enough_for_each_kind(kind: str) -> None:
    corruption = read_one(kind, 2)
    assert (corruption.name, corruption.kind, corruption.weight) == (kind, kind, 2.0)
    assert 0 < corruption.opacity[0] <= corruption.opacity[1] <= 1


def test_entry_with_all_options() -> None:
    corruption = read_one(
        'logos',
        {
            'type': 'watermark',
            'weight': 0.5,
            'opacity': [0.2, 0.4],
            'blur_sigma': 1,
            'hole_share': [[0, 0.1], [0.1, 0.2]],
            'dataroot': ['a', 'b.lmdb'],
            'scale': 0.5,
            'rotation': [-90, 0],
            'tiled': 1,
        },
    )
    assert (corruption.name, corruption.kind, corruption.weight) == ('logos', 'watermark', 0.5)
    assert (corruption.opacity, corruption.blur_sigma) == ((0.2, 0.4), (1.0, 1.0))
    assert corruption.hole_share == ((0.0, 0.1), (0.1, 0.2))
    assert corruption.roots == ('a', 'b.lmdb')
    assert (corruption.scale, corruption.rotation, corruption.tiled) == ((0.5, 0.5), (-90.0, 0.0), 1.0)


def test_null_stands_for_the_default() -> None:
    """For blur and share, that is what the data set has, not a range of their own."""
    options = ('type', 'weight', 'opacity', 'blur_sigma', 'hole_share')
    assert read_one('patch', dict.fromkeys((*options, 'dataroot'))) == read_one('patch', 1)
    assert read_one('shadow', dict.fromkeys((*options, 'brightness'))) == read_one('shadow', 1)


def test_one_kind_twice_and_zero_weights() -> None:
    entries = {'patch': 0, 'faces': {'type': 'patch', 'dataroot': 'f'}, 'cats': {'type': 'patch', 'dataroot': 'c'}}
    assert [entry.name for entry in read_corruptions({'corruptions': entries}, WHERE)] == ['faces', 'cats']


def test_colour_is_given_from_0_to_255() -> None:
    assert read_one('constant', {'colour': [255, 0, 51]}).colour == (1.0, 0.0, 0.2)
    assert read_one('constant', {}).colour is None


@pytest.mark.parametrize(
    ('corruptions', 'message'),
    [
        ({'grafiti': 1}, "data set 'Faces', 'corruptions': unknown option 'grafiti'. Did you mean 'graffiti'?"),
        ({'a': {'type': 'patches'}}, "corruption 'a', 'type': unknown option 'patches'. Did you mean 'patch'?"),
        ({'patch': {'brightness': 1}}, "data set 'Faces', corruption 'patch': unknown option 'brightness'"),
        ({'noise': True}, "corruption 'noise': 'weight' expects a number of at least 0, got true"),
        ({'noise': -1}, "corruption 'noise': 'weight' expects a number of at least 0, got -1"),
        ({'noise': {'opacity': 0}}, "'opacity' expects a number or two rising numbers, from 0.02 to 1, got 0"),
        ({'graffiti': {'recolour': 0.5}}, "'recolour' is given, but no pictures whose colours it could change"),
        ({'a': {'type': ['noise']}}, "corruption 'a', 'type': unknown option '['noise']'"),
        (
            {'noise': {'opacity': [0.5, 2]}},
            "'opacity' expects a number or two rising numbers, from 0.02 to 1, got [0.5",
        ),
        ({'shadow': {'brightness': [0.7, 0.3]}}, "'brightness' expects a number or two rising numbers"),
        ({'constant': {'colour': [0, 0, 256]}}, "'colour' expects three numbers from 0 to 255 (RGB), got [0, 0, 256]"),
        ({'constant': {'colour': 'red'}}, "'colour' expects three numbers"),
        ({'watermark': {'rotation': [0, 200]}}, "'rotation' expects a number or two rising numbers, from -180 to 180"),
        ({'watermark': {'tiled': 1.5}}, "'tiled' expects a number from 0 to 1, got 1.5"),
        ({'graffiti': {'dataroot': 3}}, "corruption 'graffiti': 'dataroot' expects a path or a list of paths, got 3"),
        ({'patch': 0}, "'corruptions' expects weights of at least 0, one of them above 0"),
        ({}, "'corruptions' expects weights of at least 0, one of them above 0"),
        (['patch'], "'corruptions' expects kinds with weights"),
    ],
)
def test_wrong_entries_are_refused(corruptions: Any, message: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011  (the text is compared below, without regular expressions)
        read_corruptions({'corruptions': corruptions}, WHERE)
    assert message in str(caught.value)
