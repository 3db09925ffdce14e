"""Checks of values against plain type annotations; other annotations accept any value."""

from __future__ import annotations

import collections.abc
import types
from typing import Any, Literal, Union, get_args, get_origin

from torch import nn

from hcl_arch.utils.option_fields import is_number

_PLAIN: dict[Any, tuple[str, str]] = {
    bool: ('true or false', 'true or false'),
    int: ('a whole number', 'whole numbers'),
    float: ('a number', 'numbers'),
    str: ('a text', 'texts'),
    type(None): ('null', 'nulls'),
    nn.Module: ('a section of options with the `type` of a network', 'networks'),
}
# `int | None`, from Python 3.10 on.
_UNIONS = (Union, getattr(types, 'UnionType', Union))
_LISTS = (collections.abc.Sequence, list, tuple)
_MAPPINGS = (collections.abc.Mapping, dict)


def fits(value: Any, hint: Any) -> bool:
    """Whether an option's value can have the annotated type."""
    origin, inner = get_origin(hint), get_args(hint)
    if hint in _PLAIN:
        return _is_plain(value, hint)
    if origin is Literal:
        return any(type(value) is type(choice) and value == choice for choice in inner)
    if origin in _UNIONS:
        return any(fits(value, option) for option in _alternatives(hint))
    if origin in _LISTS:
        return isinstance(value, (list, tuple)) and (not inner or all(fits(item, inner[0]) for item in value))
    if origin in _MAPPINGS:
        return isinstance(value, collections.abc.Mapping) and all(fits(item, inner[1]) for item in value.values())
    return True


def words(hint: Any, *, several: bool = False) -> str:
    """Return an annotation in words, to follow "expects"."""
    origin, inner = get_origin(hint), get_args(hint)
    if hint in _PLAIN:
        return _PLAIN[hint][several]
    if origin is Literal:
        return 'one of ' * (len(inner) > 1) + ', '.join(map(repr, inner))
    if origin in _UNIONS:
        return ' or '.join(words(option, several=several) for option in _alternatives(hint))
    if origin in _LISTS:
        return f'a list of {words(inner[0], several=True)}' if inner else 'a list'
    if origin in _MAPPINGS:
        return f'names with {words(inner[1], several=True)}'
    return 'another value'


def is_network(hint: Any) -> bool:
    """Whether an annotation accepts a network, which options may describe."""
    return hint is nn.Module or nn.Module in get_args(hint)


def _alternatives(hint: Any) -> tuple[Any, ...]:
    """Return the members of a union; next to a network, a mapping means the options of one."""
    members = get_args(hint)
    return tuple(member for member in members if not (nn.Module in members and get_origin(member) in _MAPPINGS))


def _is_plain(value: Any, hint: Any) -> bool:
    if hint is nn.Module:
        return isinstance(value, collections.abc.Mapping)
    if hint is float:
        return is_number(value)
    return isinstance(value, hint) and (hint is bool or not isinstance(value, bool))
