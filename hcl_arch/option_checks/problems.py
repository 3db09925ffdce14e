"""Checks of a run's options before it starts: all problems at once, in the option file's own terms.

`find_structure_problems` checks an option file before BasicSR's parser reads it, `find_problems` everything else;
`find_warnings` reports likely mistakes that do not stop a run. Nothing is changed, opened or downloaded: folders are
listed, and networks are built on torch's `meta` device, without memory.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any, Callable, Optional

from hcl_arch.option_checks.data_sets import check_data_set_names, check_data_sets, warn_of_few_samples
from hcl_arch.option_checks.files import check_run_files
from hcl_arch.option_checks.io_backends import check_io_backends, check_raw_io_backends
from hcl_arch.option_checks.limits import check_data_set_limits
from hcl_arch.option_checks.losses import check_losses
from hcl_arch.option_checks.metrics import check_metrics
from hcl_arch.option_checks.model_checks import check_with_model
from hcl_arch.option_checks.names import check_names, check_raw_names
from hcl_arch.option_checks.networks import check_networks
from hcl_arch.option_checks.optimizers import check_optimizers
from hcl_arch.option_checks.phases import check_phases
from hcl_arch.option_checks.quiet_build import quiet_process
from hcl_arch.option_checks.run_options import RunOptions
from hcl_arch.option_checks.schedulers import check_scheduler
from hcl_arch.option_checks.sections import (
    check_accumulation,
    check_dist_params,
    check_logger,
    check_path,
    check_top,
    check_train,
    check_val,
)
from hcl_arch.option_checks.structure import misshapen_parts, missing_parts, seed_problems
from hcl_arch.option_checks.whole_file import check_whole_file
from hcl_arch.option_checks.written_folders import check_written_folders
from hcl_arch.utils.option_lines import got, problem

__all__ = ['CHECKS', 'STRUCTURE_CHECKS', 'WARNINGS', 'find_problems', 'find_structure_problems', 'find_warnings']

Check = Callable[[RunOptions], Iterator[str]]

STRUCTURE_CHECKS: tuple[Check, ...] = (
    missing_parts, misshapen_parts, check_raw_names, check_raw_io_backends, seed_problems, check_whole_file,
)  # fmt: skip
# In the order of the option files.
CHECKS: tuple[Check, ...] = (
    misshapen_parts, check_top, check_names, check_data_set_limits, check_io_backends, check_data_sets,
    check_data_set_names, check_networks, check_path, check_run_files,
    check_written_folders,
    check_train, check_optimizers, check_scheduler, check_losses, check_accumulation, check_phases, check_val,
    check_metrics, check_with_model, check_logger, check_dist_params,
)  # fmt: skip
WARNINGS: tuple[Check, ...] = (warn_of_few_samples,)


def find_structure_problems(raw: Any, *, is_train: Optional[bool] = None) -> list[str]:
    """Find sections and options without which BasicSR fails, or whose form it cannot use.

    Args:
        raw: content of an option file, as YAML reads it; not changed.
        is_train: whether it is for training; None = if it has a section `train:` or a training set.

    Returns:
        A line for each problem, which starts with the place in the file; none if all is well. Never raises.
    """
    if not isinstance(raw, Mapping):
        return [problem((), f'an option file must hold `key: value` lines, {got(raw)}')]
    return _find(STRUCTURE_CHECKS, raw, is_train)


def find_problems(opt: Mapping[str, Any], *, is_train: Optional[bool] = None) -> list[str]:
    """Find everything that would end or spoil a run: names, types and ranges, sizes, phases, missing files and folders.

    Options of models, data sets or networks unknown to this package are not judged. Missing options are left to
    `find_structure_problems`.

    Args:
        opt: BasicSR's options as its parser returns them, or as in an option file; not changed.
        is_train: whether they are for training; None = as recorded by the parser, or as for `find_structure_problems`.

    Returns:
        A line for each problem, which starts with the place in the file; none if all is well. Never raises.
    """
    return _find(CHECKS, opt, is_train)


def find_warnings(opt: Mapping[str, Any], *, is_train: Optional[bool] = None) -> list[str]:
    """Find settings that may be intended, as in a short test run, but skip a part of what the options ask for.

    Args:
        opt: as for `find_problems`.
        is_train: as for `find_problems`.

    Returns:
        A line for each warning, which starts with the place in the file; none if there is none. Never raises.
    """
    return _find(WARNINGS, opt, is_train)


def _find(checks: tuple[Check, ...], opt: Any, is_train: Optional[bool]) -> list[str]:
    """Return the problems found by the checks, each once; a check that itself fails stops there."""
    problems: list[str] = []
    try:
        run = RunOptions(opt, is_train=is_train)
        with quiet_process():
            for check in checks:
                problems.extend(_problems_of(check, run))
    except Exception as error:
        _note_failure('the option checks', error)
    return list(dict.fromkeys(problems))


def _problems_of(check: Check, run: RunOptions) -> Iterator[str]:
    try:
        yield from check(run)
    except Exception as error:  # a bug in a check must not keep a run from starting
        _note_failure(check.__name__, error)


def _note_failure(name: str, error: Exception) -> None:
    logging.getLogger(__name__).debug('%s broke off: %r', name, error)
