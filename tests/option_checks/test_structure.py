"""What BasicSR takes for granted, in an option file as YAML reads it."""

from __future__ import annotations

from typing import Any

import pytest

from hcl_arch.option_checks import find_structure_problems
from tests.example_options import REMOVED, Keys, Options, changed


@pytest.mark.parametrize(('keys', 'line'), [
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
    (('datasets', 'train', 'batch_size_per_gpu'),
     'datasets: train: batch_size_per_gpu: is missing: the images of a batch, for each process.'),
    (('datasets', 'train', 'num_worker_per_gpu'),
     'datasets: train: num_worker_per_gpu: is missing: the processes that read images; 0 = none but the main one.'),
    (('train', 'total_iter'), 'train: total_iter: is missing: the iterations of the training.'),
    (('train', 'optim_g', 'type'), 'train: optim_g: type: is missing: the name of the optimizer.'),
    (('train', 'scheduler', 'type'), 'train: scheduler: type: is missing: the name of the scheduler.'),
    (('logger',), 'logger: is missing: what to log and to save.'),
    (('logger', 'print_freq'), 'logger: print_freq: is missing: the iterations between two lines of the log.'),
    (('logger', 'save_checkpoint_freq'),
     'logger: save_checkpoint_freq: is missing: the iterations between two checkpoints.'),
    (('logger', 'use_tb_logger'), 'logger: use_tb_logger: is missing: whether to write for TensorBoard.'),
    (('val', 'val_freq'), 'val: val_freq: is missing: the iterations between two validations.'),
    (('val', 'save_img'), 'val: save_img: is missing: whether to save the restored images.'),
])
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


@pytest.mark.parametrize(('keys', 'value', 'line'), [
    (('path',), ['a'], "path: expects a section of `key: value` lines, got ['a']."),
    (('path', 'root'), None, 'path: root: is empty. BasicSR makes a folder of it: give a name or remove it.'),
    (('path', 'root'), 3, 'path: root: expects a folder, of which BasicSR makes one, got 3.'),
    (('path', 5), 'x', 'path: 5: expects a text for a name.'),
    (('path', 'pretrain_network_g'), 3, 'path: pretrain_network_g: expects the path of a file, got 3.'),
    (('path', 'resume_state'), True, 'path: resume_state: expects the path of a file, got true.'),
    (('network_d',), 'HCLPatchDiscriminator',
     "network_d: expects a section of `key: value` lines, got 'HCLPatchDiscriminator'."),
    (('datasets', 'train'), None, 'datasets: train: expects the options of a data set, got null.'),
    (('datasets', 'train_2'), {'name': 'a', 'type': 'b'},
     'datasets: train_2: in training, a data set is called train, val, or val_ and more.'),
    (('datasets', 1), {}, 'datasets: 1: in training, a data set is called train, val, or val_ and more.'),
    (('datasets', 'train', 'dataroot_gt'), ['a', 'b'],
     "datasets: train: dataroot_gt: expects a single path in an option file, got ['a', 'b']."),
    (('train', 'scheduler'), 'cosine', "train: scheduler: expects a section of `key: value` lines, got 'cosine'."),
    (('logger',), 100, 'logger: expects a section of `key: value` lines, got 100.'),
])
def test_wrong_shape(keys: Keys, value: Any, line: str, training: Options) -> None:
    assert line in find_structure_problems(changed(training, (keys, value)))


@pytest.mark.parametrize('raw', [None, 3, [], 'words', [{'name': 'x'}]])
def test_no_mapping(raw: Any) -> None:
    (line,) = find_structure_problems(raw)
    assert line.startswith('an option file must hold `key: value` lines, got ')


def test_all_that_is_missing_is_listed() -> None:
    lines = find_structure_problems({'train': {}, 'path': {'a': None, 'b': None}})
    keys = ('name', 'model_type', 'num_gpu', 'network_g', 'datasets', 'logger', 'train: total_iter', 'train: optim_g',
            'train: scheduler', 'path: a', 'path: b')
    assert [line.split(': is ')[0] for line in lines] == list(keys)
