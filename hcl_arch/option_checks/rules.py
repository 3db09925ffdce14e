"""Checks of a section of the option file against its declared options."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from hcl_arch.utils.option_error import unknown_option
from hcl_arch.utils.option_fields import Is
from hcl_arch.utils.option_lines import Place, problem

Rules = Mapping[str, Is]


def check_values(options: Mapping[Any, Any], rules: Rules, place: Place) -> Iterator[str]:
    """Yield the problems of the given values; missing ones are not problems."""
    for key, rule in rules.items():
        if key in options:
            yield from rule.problem(options[key], (*place, key))


def check_unknown(options: Mapping[Any, Any], known: Collection[str], place: Place) -> Iterator[str]:
    """Yield a problem for each unknown key."""
    for key in options:
        if key not in known:
            hint = unknown_option(key[:100] if isinstance(key, str) else '', known)
            yield problem((*place, key), f'unknown option. {hint}')
