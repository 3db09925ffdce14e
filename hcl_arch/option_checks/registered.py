"""Lookup of types by their names in option files."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any, Optional, Protocol

from hcl_arch.archs.registry import ArchRegistry
from hcl_arch.utils.option_lines import Place, problem, shown

# BasicSR registers some types under a longer name and also finds them by the shorter one.
_SUFFIX = '_basicsr'


class Registry(Protocol):
    """BasicSR's registries, and ours of networks."""

    def __iter__(self) -> Iterator[tuple[str, Any]]: ...


def find_registered(registry: Registry, name: Any) -> Any:
    """Return what is registered under a name, None if nothing is."""
    if not isinstance(name, str):
        return None
    if isinstance(registry, ArchRegistry):  # which finds ours without BasicSR
        return registry.find(name)
    known = dict(iter(registry))  # its `keys` method would mislead `dict`
    return known.get(name, known.get(name + _SUFFIX))


def nearest_registered(registry: Registry, name: Any) -> Optional[str]:
    """Return the registered name most similar to a misspelt one, None if none is."""
    known = [key.removesuffix(_SUFFIX) for key, _ in registry]
    nearest = difflib.get_close_matches(name[:100], sorted(known), n=1) if isinstance(name, str) else []
    return nearest[0] if nearest else None


def type_problem(registry: Registry, options: Mapping[Any, Any], place: Place, *, key: str = 'type') -> Optional[str]:
    """Return what is wrong with the name of a type, None if it is registered.

    Args:
        registry: where it must be registered.
        options: the options that name it.
        place: of the options.
        key: the option that names it.
    """
    if key not in options:
        return problem((*place, key), 'is missing. Give the registered name of what shall be built.')
    name = options[key]
    if find_registered(registry, name) is not None:
        return None
    nearest = nearest_registered(registry, name)
    hint = f"Did you mean '{nearest}'?" if nearest else 'See the registry for the names that exist.'
    return problem((*place, key), f'nothing is registered as {shown(name)}. {hint}')
