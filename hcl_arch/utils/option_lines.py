"""Formatting of problems: one line that starts with the place in the option file."""

from __future__ import annotations

import reprlib
from typing import Any

Place = tuple[Any, ...]
"""The keys that lead from the top of the option file to what is meant."""

_LONGEST = 800


class _ShortRepr(reprlib.Repr):
    """Python's representation of a value, shortened however large or deep it is."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel, self.maxdict, self.maxlist, self.maxtuple = 4, 8, 12, 12
        self.maxstring = self.maxother = 120

    def repr_OrderedDict(self, value: Any, level: int) -> str:  # noqa: N802  (reprlib looks for the type's name)
        return self.repr_dict(value, level)


_SHORT = _ShortRepr()


def problem(place: Place, text: str) -> str:
    """Return the line that says what is wrong at a place.

    Args:
        place: where, e.g. ('datasets', 'train', 'gt_size'); empty for the whole file.
        text: what; its line breaks become spaces.
    """
    line = ' '.join(': '.join([*map(_key, place), text]).split())
    return line if len(line) <= _LONGEST else f'{line[:_LONGEST]} ...'


def shown(value: Any) -> str:
    """Return a value as in an option file, on one line and not too long."""
    if value is None or isinstance(value, bool):
        return {None: 'null', True: 'true', False: 'false'}[value]
    try:
        return _SHORT.repr(value)
    except Exception:  # foreign objects' own representation, and integers too long to print
        return f'a value of type {type(value).__name__}'


def got(value: Any) -> str:
    """Return 'got ...', with advice if YAML has read a number as text."""
    if not _is_number_text(value):
        return f'got {shown(value)}.'
    if value.strip().isdigit():
        return f'got the text {shown(value)}. Leave out the quotes.'
    number = f'!!float {value.strip()}'
    return f'got the text {shown(value)}. YAML needs a point in such a number, or !!float before it: {number}'


def _key(key: Any) -> str:
    return key if isinstance(key, str) else shown(key)


def _is_number_text(value: Any) -> bool:
    try:
        return isinstance(value, str) and float(value) is not None
    except ValueError:
        return False
