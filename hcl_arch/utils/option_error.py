"""The error of a single option, and the check for misspelt option names, which suggests the nearest known name."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from typing import Any

from hcl_arch.utils.errors import HCLError


class OptionError(HCLError, ValueError):
    """A single option is wrong.

    Args:
        where: what the options belong to, as named in the message, e.g. "data set 'Places'".
        keys: the option's place below that: its key, or those of the sections around it before its key.
        problem: what is wrong, without the place; of an unknown option, the hint which one may be meant.
        message: the whole message; by default "<where>: '<last key>' <problem>".
        others: names of other options without which this one would not be wrong.
        unknown: whether there is no such option.

    Attributes:
        keys: see above.
        problem: what is wrong, without the place.
        others: see above.
        unknown: see above.
    """

    def __init__(
        self,
        where: str,
        keys: tuple[Any, ...],
        problem: str,
        message: str | None = None,
        *,
        others: tuple[str, ...] = (),
        unknown: bool = False,
    ) -> None:
        named = f"{where}: unknown option '{keys[-1]}'. {problem}" if unknown else f"{where}: '{keys[-1]}' {problem}"
        super().__init__(message or named)
        self.keys = keys
        self.problem = f'unknown option. {problem}' if unknown else problem
        self.others = others
        self.unknown = unknown

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuilt, (str(self), vars(self))  # needed to pass it between processes

    @property
    def key(self) -> Any:
        """The outermost key: the option of `where` that is wrong, or that holds what is wrong."""
        return self.keys[0]


def _rebuilt(message: str, parts: dict[str, Any]) -> OptionError:
    error = OptionError.__new__(OptionError, message)
    vars(error).update(parts)
    return error


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
            raise OptionError(where, (*inside, key), unknown_option(key, known), unknown=True)
