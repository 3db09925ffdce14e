"""Checks of options that become arguments, against the signature of the class or function."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Callable, get_type_hints

from hcl_arch.option_checks.annotations import fits, words
from hcl_arch.option_checks.rules import check_unknown
from hcl_arch.utils.option_lines import Place, got, problem

_ANY_KEYWORD = inspect.Parameter.VAR_KEYWORD


@dataclass(frozen=True)
class Arguments:
    """The arguments that options can give.

    Attributes:
        parameters: by their names.
        hints: their annotations, as far as they can be resolved.
        takes_any: whether there is also a `**kwargs`.
    """

    parameters: Mapping[str, inspect.Parameter]
    hints: Mapping[str, Any]
    takes_any: bool

    @classmethod
    def of(cls, function: Callable[..., Any], *, supplied: Collection[str] = ()) -> Arguments:
        """Read a signature.

        Args:
            function: a class or function.
            supplied: the arguments supplied by the program.
        """
        found = inspect.signature(function).parameters
        named = {
            name: parameter
            for name, parameter in found.items()
            if parameter.kind not in (inspect.Parameter.VAR_POSITIONAL, _ANY_KEYWORD) and name not in supplied
        }
        takes_any = any(parameter.kind is _ANY_KEYWORD for parameter in found.values())
        others = getattr(function, 'KEYWORDS_OF', None)
        if takes_any and others is not None:
            more = cls.of(others, supplied=supplied)
            return cls({**named, **more.parameters}, {**more.hints, **_hints(function)}, more.takes_any)
        return cls(named, _hints(function), takes_any)


def check_arguments(
    arguments: Arguments,
    options: Mapping[Any, Any],
    place: Place,
    *,
    own: Collection[str] = ('type',),
    swallows: bool = False,
    lists_stand_for_numbers: bool = False,
) -> Iterator[str]:
    """Yield unknown, missing and wrong arguments.

    Args:
        arguments: the possible arguments.
        options: the options.
        place: of the options.
        own: keys of the options that are not arguments.
        swallows: whether `**kwargs` only swallow unknown options.
        lists_stand_for_numbers: whether an argument without annotation whose default is a number may be a list, such as
            a size.
    """
    given = {key: value for key, value in options.items() if key not in own}
    if not arguments.takes_any or swallows:
        # All in one hint, including `type`, which may be the misspelt one.
        yield from check_unknown(given, {*arguments.parameters, *own}, place)
    for name, parameter in arguments.parameters.items():
        if name not in given:
            if parameter.default is inspect.Parameter.empty:
                yield problem((*place, name), 'is missing, and there is no default.')
            continue
        expected = _misfit(given[name], name, parameter, arguments.hints, lists_stand_for_numbers)
        if expected:
            yield problem((*place, name), f'expects {expected}, {got(given[name])}')


def _misfit(
    value: Any, name: str, parameter: inspect.Parameter, hints: Mapping[str, Any], lists_stand_for_numbers: bool
) -> str | None:
    """Return what is expected, None if the value fits or nothing is known."""
    if name in hints:
        return None if fits(value, hints[name]) else words(hints[name])
    default = parameter.default
    if isinstance(default, bool):
        return None if isinstance(value, bool) else words(bool)
    if isinstance(default, (int, float)):
        is_fine = fits(value, float) or (lists_stand_for_numbers and isinstance(value, (list, tuple)))
        return None if is_fine else words(float)
    if isinstance(default, str):
        return None if value is None or isinstance(value, str) else words(str)
    return None


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        return get_type_hints(function.__init__ if isinstance(function, type) else function)  # type: ignore[misc]
    except Exception:  # any error of an unresolvable name; then nothing is known
        return {}
