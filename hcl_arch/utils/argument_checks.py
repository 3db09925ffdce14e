"""Checks of arguments of networks and losses; the errors begin with the argument's name, as in an option file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional, Union

from hcl_arch.utils.errors import HCLError, InputError


class ArgumentError(HCLError, ValueError):
    """An argument has a value that it cannot have.

    Attributes:
        name: of the argument, as in messages.
        problem: what is wrong with it, without the name.
    """

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(name, problem)
        self.name = name
        self.problem = problem

    def __str__(self) -> str:
        return f'{self.name} {self.problem}'


def check_at_least(least: int, **arguments: Optional[Union[int, Sequence[int]]]) -> None:
    """Raise ValueError naming the first argument that is below ``least``.

    Args:
        least: The minimum of each argument.
        arguments: Integers, or non-empty lists of integers; None is allowed.
    """
    for name, value in arguments.items():
        if isinstance(value, Sequence):
            if not value or min(value) < least:
                found = list(value) if value else 'none'
                raise InputError(f'{name}: expects one or more whole numbers of at least {least}, got {found}.')
        elif value is not None and value < least:
            raise InputError(f'{name}: expects a whole number of at least {least}, got {value}.')


def check_above_zero(**arguments: float) -> None:
    """Raise ValueError naming the first argument that is not above 0."""
    for name, value in arguments.items():
        if not value > 0:
            raise InputError(f'{name}: expects a number above 0, got {value}.')


def check_choice(name: str, value: str, choices: Sequence[str]) -> None:
    """Raise an ArgumentError unless the option's value is one of the choices."""
    if value not in choices:
        raise ArgumentError(name, f'must be one of {tuple(choices)}, got {value!r}.')
