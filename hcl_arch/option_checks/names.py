"""Checks of names used for folders and files: the run, its data sets, and suffixes of image names."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import Any

from hcl_arch.option_checks.run_options import RunOptions
from hcl_arch.utils.option_lines import Place, got, problem

_MOST_CHARACTERS = 100
# File systems allow 255, and dates, extensions and other names are added.
_MOST_BYTES = 200
_SEPARATORS = ('/', '\\')
# Control characters, surrogates, and line ends.
_UNWRITABLE = ('Cc', 'Cs', 'Zl', 'Zp')
_FOLDERS_OF_ALL = ('.', '..')
# What BasicSR's parser puts before the run's name with `--debug`.
_DEBUG = 'debug_'


def check_raw_names(run: RunOptions) -> Iterator[str]:
    """Yield a problem for each invalid name, as in the option file; missing ones are not checked here."""
    yield from _name_problems(run.opt.get('name'), ('name',))
    for data_set in run.data_sets:
        yield from _name_problems(data_set.options.get('name'), (*data_set.place, 'name'))
    yield from _name_problems(run.section('val').get('suffix'), ('val', 'suffix'))


def check_names(run: RunOptions) -> Iterator[str]:
    """Like `check_raw_names`, for options that may be parsed; another check ensures that two of them are texts."""
    name: Any = run.opt.get('name')
    yield from _text_problems(name.removeprefix(_DEBUG) if isinstance(name, str) else name, ('name',))
    for data_set in run.data_sets:
        yield from _name_problems(data_set.options.get('name'), (*data_set.place, 'name'))
    yield from _text_problems(run.section('val').get('suffix'), ('val', 'suffix'))


def _name_problems(name: Any, place: Place) -> Iterator[str]:
    if name is None:
        return
    if not isinstance(name, str) or not name:
        yield problem(place, f'expects a text, {got(name)}')
    yield from _text_problems(name, place)


def _text_problems(name: Any, place: Place) -> Iterator[str]:
    """Yield what is wrong with a text as a file name."""
    if not isinstance(name, str):
        return
    # One line each: long names are truncated.
    if name in _FOLDERS_OF_ALL or any(separator in name for separator in _SEPARATORS):
        yield problem(place, f'expects a name of one folder or file, without / and \\, {got(name)}')
    if any(unicodedata.category(character) in _UNWRITABLE for character in name):
        yield problem(place, f'expects a name without control characters and line ends, {got(name)}')
    size = len(name.encode('utf-8', 'surrogatepass'))
    if len(name) > _MOST_CHARACTERS or size > _MOST_BYTES:
        yield problem(
            place, f'expects at most {_MOST_CHARACTERS} characters and {_MOST_BYTES} bytes, got {len(name)} and {size}.'
        )
