"""Checks of all sections of an option file, even unread ones: keys are texts, and nesting is limited."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

from hcl_arch.option_checks.run_options import RunOptions
from hcl_arch.utils.option_lines import Place, problem

# BasicSR logs nested sections recursively.
_DEEPEST = 100
_MOST = 20


def check_whole_file(run: RunOptions) -> Iterator[str]:
    """Yield a problem for each key that is not a text, on which BasicSR fails when it logs the options."""
    for place in itertools.islice(_odd_places(run.opt), _MOST):
        if len(place) > _DEEPEST:
            yield problem(place[:3], f'has more than {_DEEPEST} sections or lists within each other.')
        else:
            yield problem(place, 'expects a text for a name. Put quotes around it.')


def _odd_places(options: Mapping[Any, Any]) -> Iterator[Place]:
    """Yield the places of keys that are not texts, and of content nested too deeply; aliases are visited once."""
    seen = {id(options)}
    rest: list[tuple[Place, Any]] = [((), options)]
    while rest:
        place, value = rest.pop()
        if len(place) > _DEEPEST:
            yield place
            continue
        inner = list(value.items() if isinstance(value, Mapping) else enumerate(value))
        if isinstance(value, Mapping):
            yield from ((*place, key) for key, _ in inner if not isinstance(key, str))
        for key, below in reversed(inner):
            if isinstance(below, (Mapping, list, tuple)) and id(below) not in seen:
                seen.add(id(below))
                rest.append(((*place, key), below))
