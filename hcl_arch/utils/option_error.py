"""The error of a single option, and the check for misspelt option names, which suggests the nearest known name."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from typing import Any


class OptionError(ValueError):
    """A single option is wrong.

    Args:
        where: what the options belong to, as named in the message, e.g. "data set 'Places'".
        keys: the option's place below that: its key, or those of the sections around it before its key.
        problem: what is wrong, without the place.
        message: the whole message; by default "<where>: '<last key>' <problem>".

    Attributes:
        keys: see above.
        problem: see above.
    """

    def __init__(self, where: str, keys: tuple[Any, ...], problem: str, message: str | None = None) -> None:
        super().__init__(message or f"{where}: '{keys[-1]}' {problem}")
        self.keys = keys
        self.problem = problem

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), ('', self.keys, self.problem, str(self))  # needed to pass it between processes

    @property
    def key(self) -> Any:
        """The outermost key: the option of `where` that is wrong, or that holds what is wrong."""
        return self.keys[0]


def unknown_option(key: Any, known: Collection[str]) -> str:
    """Return the hint for an unknown key: the nearest known one, or all of them."""
    nearest = difflib.get_close_matches(str(key), sorted(known), n=1)
    return f"Did you mean '{nearest[0]}'?" if nearest else f'Known keys: {", ".join(sorted(known))}.'


def check_keys(options: Mapping[str, Any], known: Collection[str], where: str, *, inside: tuple[Any, ...] = ()) -> None:
    """Raise if `options` holds an unknown key.

    Args:
        options: the options as in the option file; only their keys are checked.
        known: every key that is read.
        where: what the options belong to, as named in the message, e.g. "data set 'Places'".
        inside: the keys of the enclosing sections below `where`, for the error's `keys`.

    Raises:
        OptionError: a key is unknown; names the key, `where` and the nearest known key.
    """
    for key in options:
        if key not in known:
            hint = unknown_option(key, known)
            raise OptionError(
                where, (*inside, key), f'unknown option. {hint}', message=f"{where}: unknown option '{key}'. {hint}"
            )
