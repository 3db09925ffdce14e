"""Whatever an option file holds, the checks end with lines; and not because an exception of theirs is caught."""

from __future__ import annotations

import copy
import datetime
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hcl_arch.option_checks import problems as option_checks
from hcl_arch.option_checks.problems import (
    CHECKS,
    STRUCTURE_CHECKS,
    WARNINGS,
    find_problems,
    find_structure_problems,
    find_warnings,
)
from hcl_arch.option_checks.run_options import RunOptions
from tests.example_options import Keys, Options, changed

FEW = settings(
    max_examples=300, derandomize=True, deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large],
)  # fmt: skip
NAMES = (
    'name', 'type', 'datasets', 'train', 'val', 'path', 'network_g', 'network_d', 'logger', 'model_type', 'HCLModel',
    'HCLNet', 'BlindCorruptionDataset', 'gt_size', 'dataroot_gt', 'corruptions', 'masks', 'optim_g', 'scheduler',
    'metrics', 'total_iter', 'HCLRaindropDataset', 'dataroot', 'refiner', 'weights', 'num_gpu', 'Adam', '~nobody/x',
)  # fmt: skip
KEYS = st.one_of(
    st.sampled_from(NAMES), st.text(max_size=6), st.integers(), st.booleans(), st.none(), st.floats(),
    st.binary(max_size=3),
)  # fmt: skip
SCALARS = st.one_of(
    KEYS, st.just(10**400), st.just(-(10**30)), st.just('x' * 5000), st.just('a\n\x00b'),
    st.just(float('nan')), st.just(datetime.date(2023, 1, 1)), st.just({1, 2}), st.just(len), st.integers(-3, 300),
)  # fmt: skip
JUNK = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=12
)


def places(value: Any, inside: Keys = ()) -> Iterator[Keys]:
    """The place of every option."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield (*inside, key)
            yield from places(inner, (*inside, key))


def unguarded(opt: Any) -> list[str]:
    """The problems, with nothing to catch what a check itself does wrong."""
    return [line for check in (*STRUCTURE_CHECKS, *CHECKS, *WARNINGS) for line in check(RunOptions(opt))]


def assert_lines(lines: list[str]) -> None:
    assert all(isinstance(line, str) and line and len(line.splitlines()) == 1 and len(line) < 1000 for line in lines)


@FEW
@given(junk=JUNK, is_train=st.sampled_from([True, False, None]))
def test_anything(junk: Any, is_train: bool | None) -> None:
    assert_lines(find_structure_problems(junk, is_train=is_train))
    assert_lines(find_problems(junk, is_train=is_train))
    assert_lines(find_warnings(junk, is_train=is_train))
    assert_lines(unguarded(junk))


@FEW
@given(data=st.data())
def test_junk_anywhere_in_good_options(data: st.DataObject, training: Options) -> None:
    targets = data.draw(st.lists(st.sampled_from(sorted(places(training))), min_size=1, max_size=3))
    # Also what stands elsewhere, which goes further before it is found wrong.
    values = JUNK | st.sampled_from(sorted(places(training))).map(lambda keys: _at(training, keys))
    opt = training
    for keys in sorted(set(targets), key=len, reverse=True):
        opt = changed(opt, (keys, data.draw(values)))
    before = copy.deepcopy(opt)
    assert_lines(unguarded(opt))
    assert repr(_plain(opt)) == repr(_plain(before))


@FEW
@given(data=st.data())
def test_junk_beside_good_options(data: st.DataObject, testing: Options) -> None:
    sections = [(), *(keys for keys in places(testing) if isinstance(_at(testing, keys), dict))]
    section = data.draw(st.sampled_from(sections))
    opt = changed(testing, ((*section, data.draw(KEYS)), data.draw(JUNK)))
    assert_lines(unguarded(opt))


@pytest.mark.parametrize('place', [(), ('train',), ('datasets', 'train'), ('network_g', 'refiner'), ('val', 'metrics')])
def test_deep_and_circular_sections(place: Keys, training: Options) -> None:
    deep: Any = 1
    for _ in range(5000):
        deep = {'a': deep}
    circular: list[Any] = []
    circular.append(circular)
    # Longer than Python writes whole numbers; YAML reads it from hexadecimal digits.
    long = int('f' * 5000, 16)
    for value in (deep, circular, OrderedDict(a=circular), long):
        opt = {**training}
        section = opt
        for key in place:
            section[key] = {**section[key]}
            section = section[key]
        section['gt_size'] = section['dim'] = value
        assert_lines(find_problems(opt))
        assert_lines(find_structure_problems(opt))


def test_yaml_with_anchors_and_tags() -> None:
    text = 'a: &a [*a]\npath: {x: !!set {b}, 2: 0x' + 'f' * 5000 + '}\ndatasets: {~: {}, 2023-01-01: 5}\n'
    raw = yaml.full_load(text)
    assert_lines(find_structure_problems(raw))
    assert_lines(find_problems(raw))


def test_a_defect_of_a_check_hides_no_other_problem(training: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(run: RunOptions) -> Iterator[str]:
        yield 'before'
        raise KeyError('a defect')

    monkeypatch.setattr(option_checks, 'CHECKS', (broken, *CHECKS))
    assert find_problems(changed(training, (('name',), 5))) == ['before', 'name: expects a text, got 5.']


def _at(value: Any, keys: Keys) -> Any:
    for key in keys:
        value = value[key]
    return value


def _plain(value: Any) -> Any:
    """The value without what cannot be written."""
    if isinstance(value, dict):
        return {key if isinstance(key, str) else type(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return type(value) if isinstance(value, int) else value
