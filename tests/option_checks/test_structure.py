"""What BasicSR takes for granted, in an option file as YAML reads it."""

from __future__ import annotations

from typing import Any

import pytest

from hcl_arch.option_checks.problems import find_problems, find_structure_problems
from tests.example_options import REMOVED, Keys, Options, changed, parsed


@pytest.mark.parametrize(
    ('keys', 'line'),
    [
        (('name',), 'name: is missing: how the run and its folder are called.'),
        (('model_type',), 'model_type: is missing: the registered name of the model.'),
        (('num_gpu',), 'num_gpu: is missing: the number of GPUs, or auto.'),
        (('network_g',), 'network_g: is missing: the network.'),
        (('network_g', 'type'), 'network_g: type: is missing: the registered name of the network.'),
        (('path',), 'path: is missing: the option file needs a section `path:`, such as `path: {resume_state: ~}`.'),
        (('datasets',), 'datasets: is missing: the data sets.'),
        (('datasets', 'train'), 'datasets: train: is missing: the training set.'),
        (('datasets', 'train', 'name'), 'datasets: train: name: is missing: how the data set is called in logs.'),
        (('datasets', 'val', 'type'), 'datasets: val: type: is missing: the registered name of the data set.'),
        (
            ('datasets', 'train', 'batch_size_per_gpu'),
            'datasets: train: batch_size_per_gpu: is missing: the images of a batch, for each process.',
        ),
        (
            ('datasets', 'train', 'num_worker_per_gpu'),
            'datasets: train: num_worker_per_gpu: is missing: '
            'the processes that read images; 0 = none but the main one.',
        ),
        (('train', 'total_iter'), 'train: total_iter: is missing: the iterations of the training.'),
        (('train', 'optim_g', 'type'), 'train: optim_g: type: is missing: the name of the optimizer.'),
        (('train', 'scheduler', 'type'), 'train: scheduler: type: is missing: the name of the scheduler.'),
        (('logger',), 'logger: is missing: what to log and to save.'),
        (('logger', 'print_freq'), 'logger: print_freq: is missing: the iterations between two lines of the log.'),
        (
            ('logger', 'save_checkpoint_freq'),
            'logger: save_checkpoint_freq: is missing: the iterations between two checkpoints.',
        ),
        (('logger', 'use_tb_logger'), 'logger: use_tb_logger: is missing: whether to write for TensorBoard.'),
        (('val', 'val_freq'), 'val: val_freq: is missing: the iterations between two validations.'),
        (('val', 'save_img'), 'val: save_img: is missing: whether to save the restored images.'),
    ],
)
def test_missing(keys: Keys, line: str, training: Options) -> None:
    # A training file without a section `train:` could be one for testing.
    assert find_structure_problems(changed(training, (keys, REMOVED)), is_train=True) == [line]


@pytest.mark.parametrize('key', ['optim_g', 'scheduler'])
def test_missing_section_of_the_training(key: str, training: Options) -> None:
    (line,) = find_structure_problems(changed(training, (('train', key), REMOVED)))
    assert line.startswith(f'train: {key}: is missing: ')


def test_missing_in_testing(testing: Options) -> None:
    assert find_structure_problems(changed(testing, (('val',), REMOVED))) == [
        'val: is missing: how to test, such as `val: {save_img: false}`.'
    ]
    (line,) = find_structure_problems(changed(testing, (('val',), {})))
    assert line.startswith('val: save_img: is missing')
    assert find_structure_problems(changed(testing, (('datasets',), {}))) == [
        'datasets: expects at least one data set, got none.'
    ]


def test_a_training_file_used_for_testing(training: Options) -> None:
    lines = find_structure_problems(training, is_train=False)
    assert lines == []  # BasicSR would test on the training set too


@pytest.mark.parametrize(
    ('keys', 'value', 'line'),
    [
        (('path',), ['a'], "path: expects a section of `key: value` lines, got ['a']."),
        (('path', 'root'), None, 'path: root: is empty. BasicSR makes a folder of it: give a name or remove it.'),
        (('path', 'root'), 3, 'path: root: expects a folder, of which BasicSR makes one, got 3.'),
        (('path', 5), 'x', 'path: 5: expects a text for a name. Put quotes around it.'),
        (('path', 'pretrain_network_g'), 3, 'path: pretrain_network_g: expects the path of a file, got 3.'),
        (('path', 'resume_state'), True, 'path: resume_state: expects the path of a file, got true.'),
        (
            ('network_d',),
            'HCLPatchDiscriminator',
            "network_d: expects a section of `key: value` lines, got 'HCLPatchDiscriminator'.",
        ),
        (('datasets', 'train'), None, 'datasets: train: expects the options of a data set, got null.'),
        (
            ('datasets', 'train_2'),
            {'name': 'a', 'type': 'b'},
            'datasets: train_2: in training, a data set is called train, val, or val_ and more.',
        ),
        (('datasets', 1), {}, 'datasets: 1: in training, a data set is called train, val, or val_ and more.'),
        (
            ('datasets', 'train', 'dataroot_gt'),
            ['a', 'b'],
            "datasets: train: dataroot_gt: expects a single path in an option file, got ['a', 'b'].",
        ),
        (('train', 'scheduler'), 'cosine', "train: scheduler: expects a section of `key: value` lines, got 'cosine'."),
        (('logger',), 100, 'logger: expects a section of `key: value` lines, got 100.'),
    ],
)
def test_wrong_shape(keys: Keys, value: Any, line: str, training: Options) -> None:
    assert line in find_structure_problems(changed(training, (keys, value)))


@pytest.mark.parametrize(
    'keys', [('name',), ('datasets', 'train', 'name'), ('datasets', 'val', 'name'), ('val', 'suffix')]
)
@pytest.mark.parametrize(('name', 'text'), [
    (12, 'expects a text, got 12.'),
    (False, 'expects a text, got false.'),
    (['a'], "expects a text, got ['a']."),
    ('', "expects a text, got ''."),
    ('a/b', "expects a name of one folder or file, without / and \\, got 'a/b'."),
    ('a\\b', "expects a name of one folder or file, without / and \\, got 'a\\\\b'."),
    ('..', "expects a name of one folder or file, without / and \\, got '..'."),
    ('a\nb', "expects a name without control characters and line ends, got 'a\\nb'."),
    ('a\0', "expects a name without control characters and line ends, got 'a\\x00'."),
    ('a\ud800', "expects a name without control characters and line ends, got 'a\\ud800'."),
    ('a' * 101, 'expects at most 100 characters and 200 bytes, got 101 and 101.'),
    ('\u5bfa' * 70, 'expects at most 100 characters and 200 bytes, got 70 and 210.'),
])  # fmt: skip
def test_names_that_make_no_file(keys: Keys, name: Any, text: str, training: Options) -> None:
    spoilt = changed(training, (keys, name))
    assert find_structure_problems(spoilt) == [': '.join((*keys, text))]
    assert any(line.startswith(': '.join(keys)) for line in find_problems(spoilt))


@pytest.mark.parametrize('name', ['a', 'a' * 100, 'debug', '.hidden', 'd\u00e9j\u00e0 vu (2)'])
def test_names(name: str, training: Options) -> None:
    good = changed(training, (('name',), name), (('datasets', 'val', 'name'), name), (('val', 'suffix'), name))
    assert find_structure_problems(good) == []
    assert find_problems(good) == []
    assert find_problems(changed(parsed(good, is_train=True), (('name',), f'debug_{name}'))) == []


@pytest.mark.parametrize('seed', [-1, 2**32, 2**32 - 10_000, 1.5, 'x', True, [1]])
def test_seeds_that_numpy_refuses(seed: Any, training: Options) -> None:
    (line,) = find_structure_problems(changed(training, (('manual_seed',), seed)))
    assert line.startswith('manual_seed: expects a whole number from 0 to 4294957295 or null, got ')


@pytest.mark.parametrize('seed', [None, 0, 2**32 - 10_001])
def test_seeds(seed: Any, training: Options) -> None:
    assert find_structure_problems(changed(training, (('manual_seed',), seed))) == []


@pytest.mark.parametrize(
    'backend',
    [
        {'type': 'memcached', 'sys_path': '/tmp'},
        'memcached',
        {'type': 'petrel'},
        {'type': ['disk']},
        {},
        5,
        {'sys_path': '/tmp'},
    ],
)
@pytest.mark.parametrize('kind', ['BlindCorruptionDataset', 'PairedImageDataset', 'FFHQDataset', 'Unknown'])
@pytest.mark.parametrize('section', ['train', 'val'])
def test_readers_that_import(section: str, kind: str, backend: Any, training: Options) -> None:
    place = 'datasets', section, 'io_backend'
    spoilt = changed(training, (('datasets', section, 'type'), kind), (place, backend))
    start = f'{": ".join(place)}: expects {{type: disk}} or {{type: lmdb}}, got '
    assert [line[: len(start)] for line in find_structure_problems(spoilt)] == [start]
    assert any(line.startswith(start) for line in find_problems(spoilt))


def test_readers_that_import_within_others(training: Options) -> None:
    inner = {'parts': [{'io_backend': 'memcached'}]}
    line = "datasets: val: parts: 0: io_backend: expects {type: disk} or {type: lmdb}, got 'memcached'."
    spoilt = changed(training, (('datasets', 'val'), {**inner, 'type': 'Unknown', 'name': 'a'}))
    assert find_structure_problems(spoilt) == [line]
    assert line in find_problems(spoilt)


@pytest.mark.parametrize('keys', [(), ('x-notes',), ('train', 'pixel_opt'), ('val', 'metrics'), ('x-list', 0, 'a')])
@pytest.mark.parametrize('key', [1, True, None, 1.5])
def test_keys_that_are_no_texts(keys: Keys, key: Any, training: Options) -> None:
    opt = {**training, 'x-notes': {}, 'x-list': [{'a': {}}]}
    (line,) = find_structure_problems(changed(opt, ((*keys, key), 1)))
    assert line.endswith(': expects a text for a name. Put quotes around it.')
    assert line.startswith(': '.join(map(str, keys)))


def test_nesting_without_end(training: Options) -> None:
    deep: Any = 1
    for _ in range(150):
        deep = {'a': deep}
    (line,) = find_structure_problems({**training, 'x-deep': deep})
    assert line == 'x-deep: a: a: has more than 100 sections or lists within each other.'


@pytest.mark.parametrize('raw', [None, 3, [], 'words', [{'name': 'x'}]])
def test_no_mapping(raw: Any) -> None:
    (line,) = find_structure_problems(raw)
    assert line.startswith('an option file must hold `key: value` lines, got ')


def test_all_that_is_missing_is_listed() -> None:
    lines = find_structure_problems({'train': {}, 'path': {'a': None, 'b': None}})
    keys = (
        'name',
        'model_type',
        'num_gpu',
        'network_g',
        'datasets',
        'logger',
        'train: total_iter',
        'train: optim_g',
        'train: scheduler',
        'path: a',
        'path: b',
    )
    assert [line.split(': is ')[0] for line in lines] == list(keys)
