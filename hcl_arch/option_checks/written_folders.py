"""Checks that a run can write to its folders. Nothing is created or written."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from hcl_arch.option_checks.files import resumes
from hcl_arch.option_checks.run_options import RunOptions
from hcl_arch.utils.option_lines import problem

# Names by which BasicSR recognises a debug run, for which it writes nothing for TensorBoard.
_TRY = 'debug'


def check_written_folders(run: RunOptions) -> Iterator[str]:
    """Yield a problem for each folder of the run that cannot be created or written to; for parsed options only."""
    for folder in _folders(run):
        there = folder
        while not os.path.lexists(there) and os.path.dirname(there) != there:
            there = os.path.dirname(there)
        reason = _reason(there)
        if reason is None and there == folder and not (run.is_train and resumes(run)):
            there = os.path.dirname(folder)  # where an earlier run's folder gets renamed
            reason = _reason(there)
        if reason:
            yield problem(
                ('path',), f'{there}: {reason} and cannot be written to, as is needed for {folder}. Free that place, '
                'allow writing there, or start in another folder.',
            )  # fmt: skip


def _folders(run: RunOptions) -> Iterator[str]:
    root = run.section('path').get('experiments_root' if run.is_train else 'results_root')
    if isinstance(root, str) and root:
        yield os.path.abspath(root) if '\0' not in root else root
    top: Any = run.opt.get('root_path')
    name: Any = run.opt.get('name')
    if not (run.is_train and isinstance(top, str) and top and isinstance(name, str)):
        return
    if run.section('logger').get('use_tb_logger') is True and _TRY not in name and '\0' not in top + name:
        yield os.path.abspath(os.path.join(top, 'tb_logger', name))


def _reason(path: str) -> str | None:
    if not os.path.isdir(path):
        return 'is no folder'
    return None if os.access(path, os.W_OK | os.X_OK) else 'is a folder that is protected'
