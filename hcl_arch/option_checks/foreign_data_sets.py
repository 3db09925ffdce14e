"""Checks of BasicSR's own data sets: the options that all require. Folders are not listed, files not opened."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

from basicsr.utils.registry import DATASET_REGISTRY

from hcl_arch.data.storage.image_root import LMDB_SUFFIX, is_lmdb
from hcl_arch.data.storage.lmdb_file import check_lmdb_file
from hcl_arch.option_checks.files import file_problem
from hcl_arch.option_checks.registered import find_registered
from hcl_arch.option_checks.run_options import DataSetSection, RunOptions
from hcl_arch.utils.option_lines import Place, got, problem

_FOLDERS = ('dataroot_gt', 'dataroot_lq', 'dataroot_flow')
_FILES = ('meta_info_file', 'meta_info')
# They look it up for every sample; without it a worker fails with a KeyError.
_READ_SCALE = (
    'PairedImageDataset', 'RealESRGANPairedDataset', 'REDSDataset', 'REDSRecurrentDataset', 'Vimeo90KDataset',
    'Vimeo90KRecurrentDataset',
)  # fmt: skip


def basicsr_problems(run: RunOptions, data_set: DataSetSection) -> Iterator[str]:
    """Yield the problems of a BasicSR data set; none for other data sets."""
    options, place = data_set.options, data_set.place
    kind = find_registered(DATASET_REGISTRY, options.get('type'))
    if kind is None or not kind.__module__.startswith('basicsr.'):
        return
    backend: Any = options.get('io_backend')
    if not isinstance(backend, Mapping):
        expected = 'expects {type: disk} or {type: lmdb}'
        yield problem(
            (*place, 'io_backend'), f'is missing: {expected}.' if backend is None else f'{expected}, {got(backend)}'
        )
    # BasicSR's parser copies it from the top into every data set.
    if kind.__name__ in _READ_SCALE and 'scale' not in options and 'scale' not in run.opt:
        yield problem(
            ('scale',), f'is missing: the {kind.__name__} in `{": ".join(place)}` looks it up. Write `scale: 1` at the '
            'top of the file if its images and their truths have the same size, as our networks need.',
        )  # fmt: skip
    for key in _FOLDERS:
        root = options.get(key)
        if isinstance(root, str):
            of_lmdb = isinstance(backend, Mapping) and backend.get('type') == 'lmdb' and key != 'dataroot_flow'
            yield from _folder_problems(root, (*place, key), of_lmdb=of_lmdb)
    for key in _FILES:
        if isinstance(options.get(key), str):
            yield from file_problem(options[key], (*place, key))


def _folder_problems(root: str, place: Place, *, of_lmdb: bool) -> Iterator[str]:
    path = os.path.expanduser(root)
    if not os.path.isdir(path):
        found = 'a file' if os.path.exists(path) else 'nothing'
        yield problem(place, f'{root}: expected a folder, found {found}. Correct the path.')
    elif of_lmdb and not is_lmdb(path):
        yield problem(place, f'{root}: expected an LMDB folder (*{LMDB_SUFFIX}), as `io_backend` is of type lmdb.')
    elif of_lmdb:
        try:
            check_lmdb_file(os.path.join(path, 'data.mdb'))
        except OSError as error:
            yield problem(place, str(error))
