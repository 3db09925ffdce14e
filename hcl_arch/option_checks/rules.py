"""Rules for single values, and their application to a section of the option file."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Callable

from hcl_arch.option_checks.lines import Place, got, problem
from hcl_arch.utils.option_error import unknown_option
from hcl_arch.utils.option_reader import is_number


@dataclass(frozen=True)
class Rule:
    """What a value has to be.

    Attributes:
        expected: in words, to follow "expects".
        fits: whether a value is so.
        nullable: whether null will do as well.
        below: what a number that is so has to be below.
    """

    expected: str
    fits: Callable[[Any], bool]
    nullable: bool = False
    below: float = math.inf

    def problem(self, value: Any, place: Place) -> Iterator[str]:
        """Yield the problem if a value is not so."""
        if not (self.fits(value) or (self.nullable and value is None)):
            yield problem(place, f'expects {self.expected}, {got(value)}')
        elif is_number(value) and value >= self.below:
            yield problem(place, f'expects {self.expected} and below {self.below:g}, {got(value)}')


def is_whole(value: Any, least: int, *, as_float: bool = False) -> bool:
    """Say whether a value is a whole number from `least` up, be it written as a float where that is fine."""
    if not is_number(value) or value < least:
        return False
    return isinstance(value, int) or (as_float and value == int(value))


def whole(least: int, *, nullable: bool = False) -> Rule:
    """A whole number."""
    return Rule(f'a whole number from {least} up', lambda value: is_whole(value, least), nullable)


def count(least: int) -> Rule:
    """A whole number of iterations, which option files write as `!!float 5e3` too."""
    return Rule(f'a whole number from {least} up', lambda value: is_whole(value, least, as_float=True))


def number(least: float = -math.inf, most: float = math.inf, *, below: float = math.inf) -> Rule:
    """A finite number; `below` is a limit that is only named where a number reaches it."""
    if math.isinf(least):
        words = 'a number'
    else:
        words = f'a number from {least:g} up' if math.isinf(most) else f'a number from {least:g} to {most:g}'
    return Rule(words, lambda value: is_number(value) and least <= value <= most, below=below)


def choice(*choices: str, nullable: bool = False) -> Rule:
    """One of some texts."""
    words = ' or '.join(f"'{text}'" for text in choices) + (' or null' if nullable else '')
    return Rule(words, lambda value: isinstance(value, str) and value in choices, nullable)


FLAG = Rule('true or false', lambda value: isinstance(value, bool))
TEXT = Rule('a text', lambda value: isinstance(value, str) and bool(value))
OPTIONAL_TEXT = Rule('a text or null', TEXT.fits, nullable=True)
MAPPING = Rule('a section of `key: value` lines', lambda value: isinstance(value, Mapping), nullable=True)
# Each process adds its rank to the seed, and numpy takes none of more than 32 bits.
_HIGHEST_SEED = 2**32 - 1 - 10_000
SEED = Rule(
    f'a whole number from 0 to {_HIGHEST_SEED}', lambda value: is_whole(value, 0) and value <= _HIGHEST_SEED,
    nullable=True,
)  # fmt: skip

Rules = Mapping[str, Rule]


def check_values(options: Mapping[Any, Any], rules: Rules, place: Place) -> Iterator[str]:
    """Yield the problems of the values that are there; missing ones are none."""
    for key, rule in rules.items():
        if key in options:
            yield from rule.problem(options[key], (*place, key))


def check_unknown(options: Mapping[Any, Any], known: Collection[str], place: Place) -> Iterator[str]:
    """Yield a problem for each key that nobody reads."""
    for key in options:
        if key not in known:
            hint = unknown_option(key[:100] if isinstance(key, str) else '', known)
            yield problem((*place, key), f'unknown option. {hint}')
