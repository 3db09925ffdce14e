"""Checks of options that BasicSR itself reads from a data set's options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hcl_arch.data.storage.image_root import LMDB_SUFFIX, is_lmdb
from hcl_arch.utils.option_error import OptionError
from hcl_arch.utils.option_reader import is_number


def check_io_backend(io_backend: Any, roots: Sequence[str], where: str) -> None:
    """Raise an `OptionError` if `io_backend` contradicts the kinds of the roots, which their names tell.

    Args:
        io_backend: the option, None if it is missing.
        roots: every root of the data set.
        where: how messages call the data set.
    """
    if io_backend is None:
        return
    kind = io_backend.get('type') if isinstance(io_backend, Mapping) else io_backend
    if kind not in ('disk', 'lmdb'):
        raise OptionError(where, ('io_backend',), f'expects {{type: disk}} or {{type: lmdb}}, got {io_backend}.')
    for root in roots:
        if kind == 'lmdb' and not is_lmdb(root):
            raise OptionError(where, ('io_backend',), f"is of type lmdb, so every root has to end with "
                              f"'{LMDB_SUFFIX}', but {root} does not. Leave 'io_backend' out to mix folders and LMDB.")


def check_enlarge_ratio(opt: Mapping[str, Any], where: str) -> None:
    """Raise an `OptionError` if `dataset_enlarge_ratio` makes BasicSR count the iterations of an epoch wrongly."""
    ratio = opt.get('dataset_enlarge_ratio', 1)
    if not (is_number(ratio) and ratio >= 1 and ratio == int(ratio)):
        raise OptionError(where, ('dataset_enlarge_ratio',), f'expects a whole number from 1 on, got {ratio}: with '
                          "another one BasicSR's count of iterations per epoch comes out wrong.")
