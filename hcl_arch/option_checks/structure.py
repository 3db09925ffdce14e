"""Checks of sections and options that BasicSR assumes: without them it fails with a KeyError, or far from the cause."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from hcl_arch.option_checks.declared import SEED, LoggerSection, TopSection, TrainSection, ValSection, missing
from hcl_arch.option_checks.run_options import PHASES, RunOptions
from hcl_arch.utils.option_fields import SECTION
from hcl_arch.utils.option_lines import Place, got, problem, shown

_SECTION = replace(SECTION, nullable=True)
_SECTIONS = ('datasets', 'path', 'train', 'val', 'logger', 'dist_params')
# Parts of names under `path:` for which BasicSR creates no folders (basicsr.utils.make_exp_dirs).
_NOT_FOLDERS = ('strict_load', 'pretrain_network', 'resume', 'param_key', 'experiments_root', 'results_root')
_FILES = ('resume_state', 'pretrain_network')
# BasicSR's parser expands `~` in these, so lists are not allowed.
_SINGLE_PATHS = ('dataroot_gt', 'dataroot_lq')
_NEEDED_IN_SETS = {'name': 'how the data set is called in logs', 'type': 'the registered name of the data set'}
_NEEDED_IN_TRAINING_SET = {
    'batch_size_per_gpu': 'the images of a batch, for each process',
    'num_worker_per_gpu': 'the processes that read images; 0 = none but the main one',
}


def missing_parts(run: RunOptions) -> Iterator[str]:
    """Yield a problem for each missing section and option that BasicSR indexes without checking."""
    yield from _needed(run, (), missing(TopSection, run.opt))
    yield from _needed(run, ('network_g',), {'type': 'the registered name of the network'})
    yield from _data_sets(run)
    yield from _training_parts(run) if run.is_train else _testing_parts(run)


def misshapen_parts(run: RunOptions) -> Iterator[str]:
    """Yield a problem for each section that is not a mapping, or that holds something no section can hold."""
    for key, value in run.opt.items():
        if key in _SECTIONS or (isinstance(key, str) and key.startswith('network_')):
            yield from _SECTION.problem(value, (key,))
    for key, value in run.section('datasets').items():
        yield from _data_set(key, value, is_train=run.is_train)
    for key, value in run.section('path').items():
        yield from _path(key, value)
    for key in ('optim_g', 'optim_d', 'scheduler'):
        yield from _SECTION.problem(run.section('train').get(key), ('train', key))


def seed_problems(run: RunOptions) -> Iterator[str]:
    """Yield a problem if BasicSR's parser could not seed random generators with the given seed."""
    yield from SEED.problem(run.opt.get('manual_seed'), ('manual_seed',))


def _needed(run: RunOptions, place: Place, needed: Mapping[str, str]) -> Iterator[str]:
    """Yield a problem for each option that is missing or null, unless its whole section is."""
    options = run.mapping_at(*place)
    for key, meaning in needed.items():
        if options is not None and options.get(key) is None:
            yield problem((*place, key), f'is missing: {meaning}.')


def _data_sets(run: RunOptions) -> Iterator[str]:
    sections = run.mapping_at('datasets')
    if sections is None:
        return
    for data_set in run.data_sets:
        yield from _needed(run, data_set.place, _NEEDED_IN_SETS)
    if run.is_train:
        yield from _needed(run, ('datasets',), {'train': 'the training set'})
        yield from _needed(run, ('datasets', 'train'), _NEEDED_IN_TRAINING_SET)
    elif not sections:
        yield problem(('datasets',), 'expects at least one data set, got none.')


def _training_parts(run: RunOptions) -> Iterator[str]:
    yield from _needed(run, (), {'train': 'how to train', 'logger': 'what to log and to save'})
    yield from _needed(run, ('train',), missing(TrainSection, run.section('train')))
    for key in ('optim_g', 'optim_d', 'scheduler'):
        kind = 'scheduler' if key == 'scheduler' else 'optimizer'
        yield from _needed(run, ('train', key), {'type': f'the name of the {kind}'})
    yield from _needed(run, ('logger',), missing(LoggerSection, run.section('logger')))
    yield from _needed(run, ('val',), missing(ValSection, run.section('val')))


def _testing_parts(run: RunOptions) -> Iterator[str]:
    yield from _needed(run, (), {'val': 'how to test, such as `val: {save_img: false}`'})
    needed = missing(ValSection, run.section('val'))
    needed.pop('val_freq', None)
    yield from _needed(run, ('val',), needed)


def _data_set(key: Any, value: Any, *, is_train: bool) -> Iterator[str]:
    place = 'datasets', key
    phase = key.split('_')[0] if isinstance(key, str) else key
    if is_train and key != 'train' and phase != 'val':
        yield problem(place, 'in training, a data set is called train, val, or val_ and more.')
    elif not isinstance(phase, str) or phase not in PHASES:
        yield problem(place, 'a data set is called test or val, or test_ or val_ and more.')
    if not isinstance(value, Mapping):
        yield problem(place, f'expects the options of a data set, {got(value)}')
        return
    for option in _SINGLE_PATHS:
        if not isinstance(value.get(option), (str, type(None))):
            yield problem((*place, option), f'expects a single path in an option file, got {shown(value[option])}.')


def _path(key: Any, value: Any) -> Iterator[str]:
    """Yield what is wrong with an entry of `path:`; BasicSR creates folders for entries it does not know."""
    if not isinstance(key, str):
        return  # wrong wherever it occurs
    if any(part in key for part in _FILES) and 'ignore_resume' not in key:
        if not isinstance(value, (str, type(None))):
            yield problem(('path', key), f'expects the path of a file, got {shown(value)}.')
    elif any(part in key for part in _NOT_FOLDERS):
        return
    elif value is None:
        yield problem(('path', key), 'is empty. BasicSR makes a folder of it: give a name or remove it.')
    elif not isinstance(value, str):
        yield problem(('path', key), f'expects a folder, of which BasicSR makes one, got {shown(value)}.')
