"""Checks that files named by options exist. None of them is opened."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hcl_arch.utils.model_folders import named_model
from hcl_arch.utils.option_lines import Place, got, problem

if TYPE_CHECKING:
    from hcl_arch.option_checks.run_options import RunOptions

# Placeholder for a file of weights in tests.
_NO_FILE = 'random'
_MAY_BE_RANDOM = ('weights', 'vgg_weights')
# May also be the name of a model.
_MAY_BE_MODELS = ('detector_weights', 'restorer_weights')
_FILE_ARGUMENTS = ('_weights', '_path')


def check_run_files(run: RunOptions) -> Iterator[str]:
    """Yield a problem for each missing file under `path:` that the run needs."""
    paths = run.section('path')
    goes_on = run.is_train and resumes(run)
    for key, value in paths.items():
        # With `auto_resume` the state is searched for, whatever is named.
        is_state = key == 'resume_state' and run.is_train and not run.switched_on('auto_resume')
        is_network = isinstance(key, str) and key.startswith('pretrain_network')
        # BasicSR replaces the networks of a resumed run by those saved with its state.
        if is_state or (is_network and not goes_on and not _is_model(value)):
            yield from file_problem(value, ('path', key))


def file_problem(value: Any, place: Place) -> Iterator[str]:
    """Yield a problem if a value does not name a file; null is allowed."""
    if value is None:
        return
    if not isinstance(value, str) or not value:
        yield problem(place, f'expects the path of a file, {got(value)}')
        return
    found = 'a folder' if _is(value, Path.is_dir) else 'nothing'
    if not _is(value, Path.is_file):
        where = f'{value}. Correct the path (working directory: {_here()}).'
        yield problem(place, f'expected a file, found {found}: {where}')


def check_file_arguments(options: Mapping[Any, Any], place: Place) -> Iterator[str]:
    """Yield a problem for each argument of a network, loss or metric that names a missing file of weights."""
    for key, value in options.items():
        by_name = (key in _MAY_BE_RANDOM and value == _NO_FILE) or (key in _MAY_BE_MODELS and _is_model(value))
        if is_file_argument(key) and isinstance(value, str) and not by_name:
            yield from file_problem(value, (*place, key))


def is_file_argument(key: Any) -> bool:
    """Whether an argument's name indicates that its value is a file of weights."""
    return isinstance(key, str) and (key == 'weights' or key.endswith(_FILE_ARGUMENTS))


def _is_model(value: Any) -> bool:
    return isinstance(value, str) and named_model(value) is not None


def resumes(run: RunOptions) -> bool:
    """Whether the run resumes from an existing state."""
    paths = run.section('path')
    if run.switched_on('auto_resume'):
        folder = paths.get('training_states')
        return isinstance(folder, str) and any(Path(folder).glob('*.state'))
    return isinstance(paths.get('resume_state'), str) and bool(paths['resume_state'])


def _is(path: str, test: Any) -> bool:
    try:
        return bool(test(Path(path).expanduser()))
    except (OSError, ValueError, RuntimeError):  # too long, with a NUL character, or the home of an unknown user
        return False


def _here() -> Path:
    try:
        return Path.cwd()
    except OSError:  # it was removed
        return Path('.')
