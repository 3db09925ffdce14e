"""Checks of the data sets: their options, folders and loaders, and whether they fill `val: hole_share_bins`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Optional

import torch
from basicsr.utils.registry import DATASET_REGISTRY

from hcl_arch.archs.image_form import MIN_IMAGE_SIZE
from hcl_arch.data.dataset_options import DatasetOptions
from hcl_arch.data.paired_options import read_paired_options
from hcl_arch.data.published_pairs_dataset import PairedLayout, to_paired_options
from hcl_arch.option_checks.data_set_images import ImageFolders, places_of_roles
from hcl_arch.option_checks.data_set_kinds import LAYOUTS, AnyOptions, reader_of
from hcl_arch.option_checks.data_set_reading import Reading, read_with_set_aside
from hcl_arch.option_checks.foreign_data_sets import basicsr_problems
from hcl_arch.option_checks.limits import MOST_PIXELS
from hcl_arch.option_checks.registered import type_problem
from hcl_arch.option_checks.rules import Rules, check_values
from hcl_arch.option_checks.run_options import PHASES, DataSetSection, RunOptions
from hcl_arch.utils.option_fields import FLAG, Is, choice, is_number, is_whole, number, whole
from hcl_arch.utils.option_lines import problem

_LOADER_RULES: Rules = {
    'pin_memory': FLAG, 'persistent_workers': FLAG, 'prefetch_mode': choice('cpu', 'cuda').or_null(),
    'num_prefetch_queue': whole(1), 'use_shuffle': FLAG,
}  # fmt: skip
# Read in training only; for our data sets, `read_options` checks the first and last.
_TRAINING_LOADER_RULES: Rules = {'num_worker_per_gpu': whole(0), 'max_unreadable_share': number(0, 1)}
# Suffix of the scores in bins, after the name of the data set.
_OF_BINS = '_bins'
# Options by which a data set with its own layout finds its folders.
_LAYOUT_KEYS = ('name', 'phase', 'dataroot', 'split', 'folders', 'kinds')
_FOREIGN_LOADER_RULES: Rules = {
    'batch_size_per_gpu': whole(1),
    'dataset_enlarge_ratio': Is(
        'a number above 0', lambda value: is_number(value) and value > 0, {'type': 'number', 'exclusiveMinimum': 0}
    ),
}


def check_data_sets(run: RunOptions) -> Iterator[str]:
    """Yield the problems of all data sets."""
    folders = ImageFolders()
    for data_set in run.data_sets:
        wrong = type_problem(DATASET_REGISTRY, data_set.options, data_set.place) if 'type' in data_set.options else None
        yield from [wrong] if wrong else []
        yield from _loader_problems(run, data_set)
        read = reader_of(data_set.options.get('type'))
        if read is None or data_set.phase not in PHASES:
            yield from _foreign_problems(run, data_set)
            continue
        reading = read_with_set_aside(read, _with_phase(data_set))
        yield from (problem((*data_set.place, *keys), text) for keys, text in reading.errors)
        before = len(folders.problems)
        _count_samples(folders, data_set, reading)
        yield from folders.problems[before:]


def warn_of_few_samples(run: RunOptions) -> Iterator[str]:
    """Yield a warning for each list of hole shares with more entries than the evaluated data set has samples."""
    folders = ImageFolders()
    for data_set in run.data_sets:
        read = reader_of(data_set.options.get('type'))
        if read is None or data_set.phase not in PHASES or data_set.phase == 'train':
            continue
        reading = read_with_set_aside(read, _with_phase(data_set))
        samples = _count_samples(folders, data_set, reading)
        if samples is not None:
            yield from _unfilled_ranges(run, data_set, reading.options, samples)


def check_data_set_names(run: RunOptions) -> Iterator[str]:
    """Yield a problem for data sets whose results would go to the same files."""
    first: dict[str, Any] = {}
    for data_set in run.data_sets:
        name = data_set.options.get('name')
        if run.our_model is None or data_set.phase == 'train' or not isinstance(name, str):
            continue
        other = first.setdefault(name, data_set.key)
        if other != data_set.key:
            yield problem(
                (*data_set.place, 'name'),
                f"'{name}' is the name of `datasets: {other}` too, whose results would be overwritten.",
            )
    for name, key in first.items():
        other = first.get(name.removesuffix(_OF_BINS), key)
        if other != key and not run.is_train:  # which writes no such files
            yield problem(
                ('datasets', key, 'name'),
                f"'{name}' is what the scores of `datasets: {other}` in bins are called. Rename one.",
            )


def _with_phase(data_set: DataSetSection) -> dict[str, Any]:
    """Return the options as passed by the parser: with the phase that the data set's key begins with."""
    return {**data_set.options, 'phase': data_set.phase}


def _count_samples(folders: ImageFolders, data_set: DataSetSection, reading: Reading[AnyOptions]) -> Optional[int]:
    """Return the number of samples, None if it cannot be determined; problems are recorded in `folders`."""
    options, place = reading.options, data_set.place
    if isinstance(options, DatasetOptions):
        return folders.count_samples(options, place)
    layout = LAYOUTS.get(data_set.options['type'])
    if layout is None:
        return None if options is None else folders.count_pairs(options, places_of_roles(place))
    return _count_in_layout(folders, data_set, reading, layout)


def _count_in_layout(
    folders: ImageFolders, data_set: DataSetSection, reading: Reading[AnyOptions], layout: PairedLayout
) -> Optional[int]:
    """Like `_count_samples`, for a data set with its own layout."""
    wrong = {keys[0] for keys, _ in reading.errors if keys}
    given = {key: value for key, value in _with_phase(data_set).items() if key not in wrong}
    if 'dataroot' in wrong or 'dataroot' not in given:
        return None
    try:
        to_paired_options({key: given[key] for key in _LAYOUT_KEYS if key in given}, layout)
    except FileNotFoundError as error:
        folders.problems.append(problem((*data_set.place, 'dataroot'), str(error)))
        return None
    if reading.errors:
        return None
    options = read_paired_options(to_paired_options(given, layout))
    return folders.count_pairs(options, places_of_roles(data_set.place, 'dataroot'))


def _loader_problems(run: RunOptions, data_set: DataSetSection) -> Iterator[str]:
    """Yield problems of the options of BasicSR's loaders, for data sets of any type."""
    options, place = data_set.options, data_set.place
    training = data_set.phase == 'train'
    yield from check_values(options, _LOADER_RULES, place)
    if training:
        yield from check_values(options, _TRAINING_LOADER_RULES, place)
    if options.get('persistent_workers') is True:
        if not training:
            yield problem((*place, 'persistent_workers'), 'works in training only: validation has no workers.')
        elif options.get('num_worker_per_gpu') == 0:
            yield problem((*place, 'persistent_workers'), 'needs workers, but `num_worker_per_gpu` is 0.')
    if training and options.get('prefetch_mode') == 'cpu' and options.get('num_worker_per_gpu') == 0:
        yield problem(
            (*place, 'prefetch_mode'), "'cpu' needs workers, but `num_worker_per_gpu` is 0: its thread would draw from "
            'the random generators of the training, and no run could be repeated.',
        )  # fmt: skip
    if training and options.get('prefetch_mode') == 'cuda':
        if options.get('pin_memory') is not True:
            yield problem((*place, 'prefetch_mode'), "'cuda' needs `pin_memory: true`.")
        if run.opt.get('num_gpu') == 0 or torch.cuda.device_count() == 0:
            yield problem((*place, 'prefetch_mode'), "'cuda' needs a GPU; without one leave it out, or give 'cpu'.")


def _foreign_problems(run: RunOptions, data_set: DataSetSection) -> Iterator[str]:
    """Yield the problems of a data set of which only BasicSR's part is known."""
    options, place = data_set.options, data_set.place
    yield from basicsr_problems(run, data_set)
    if data_set.phase != 'train':
        return
    yield from check_values(options, _FOREIGN_LOADER_RULES, place)
    size: Any = options.get('gt_size')
    if run.our_model is not None and is_whole(size, 0) and size < MIN_IMAGE_SIZE:
        yield problem((*place, 'gt_size'), f'the networks take images from {MIN_IMAGE_SIZE} pixels up, got {size}.')


def _unfilled_ranges(
    run: RunOptions, data_set: DataSetSection, options: Optional[AnyOptions], samples: int
) -> Iterator[str]:
    """Yield lines for ranges of `hole_share` and bins of `val: hole_share_bins` with too few samples to fill them."""
    first_ones = ' (`max_samples`)' if data_set.options.get('max_samples') == samples else ''
    ranges = options.hole_shares if isinstance(options, DatasetOptions) else ()
    if len(ranges) > samples:
        yield problem(
            (*data_set.place, 'hole_share'),
            f'{len(ranges)} ranges take turns, but there are only {samples} samples{first_ones}, so that some never '
            'come up.',
        )
    bins: Any = run.section('val').get('hole_share_bins')
    if isinstance(bins, (list, tuple)) and len(bins) > samples:
        place = ': '.join(map(str, data_set.place))
        yield problem(
            ('val', 'hole_share_bins'),
            f'{len(bins)} bins, but `{place}` has only {samples} samples{first_ones}, so that some may stay empty.',
        )


def training_size(run: RunOptions) -> Optional[int]:
    """Return the side of a training sample in pixels, None if it is not known."""
    size = run.training_set.get('gt_size')
    return size if is_image_side(size) else None


def is_image_side(size: Any) -> bool:
    """Whether a value can be the side of images small enough to try networks with."""
    return is_whole(size, MIN_IMAGE_SIZE) and size <= MOST_PIXELS
