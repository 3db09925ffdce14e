"""Options declared once: their allowed values in code, in words, and as JSON schema.

A section is a pydantic model whose fields are annotated with an `Is`. Reading it converts the values and finds all
errors; the same declaration provides the JSON schema that editors use to complete and check option files.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Callable, NamedTuple, Optional, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import core_schema

from hcl_arch.utils.option_error import OptionError, unknown_option
from hcl_arch.utils.option_lines import Place, got, problem

Schema = Mapping[str, Any]


def is_number(value: Any) -> bool:
    """Whether an option is a finite number."""
    try:
        return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:  # an integer too large for a float
        return False


def is_whole(value: Any, least: int, *, as_float: bool = False) -> bool:
    """Whether a value is an integer of at least `least`, possibly written as a float if that is allowed."""
    if not is_number(value) or value < least:
        return False
    return isinstance(value, int) or (as_float and value == int(value))


@dataclass(frozen=True)
class Is:
    """The allowed values of an option.

    Attributes:
        expected: description, to follow "expects".
        fits: whether a value is allowed.
        schema: the same as JSON schema, as far as that can express it.
        convert: converts an allowed value to the one that is used.
        nullable: whether null is allowed.
        below: a limit that is mentioned only if a number reaches it.
    """

    expected: str
    fits: Callable[[Any], bool]
    schema: Schema
    convert: Callable[[Any], Any] = lambda value: value
    nullable: bool = False
    below: float = math.inf

    def fault(self, value: Any) -> Optional[str]:
        """What is wrong with a value; None if nothing."""
        if not (self.fits(value) or (self.nullable and value is None)):
            return f'expects {self.expected}, {got(value)}'
        if is_number(value) and value >= self.below:
            return f'expects {self.expected} and below {self.below:g}, {got(value)}'
        return None

    def problem(self, value: Any, place: Place) -> Iterator[str]:
        """Yield the line that says what is wrong with a value at a place in the option file, if anything."""
        fault = self.fault(value)
        if fault:
            yield problem(place, fault)

    def or_null(self) -> Is:
        """The same, or null."""
        return replace(self, expected=f'{self.expected} or null', nullable=True)

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(self._read)

    def __get_pydantic_json_schema__(self, core: Any, handler: Any) -> dict[str, Any]:
        kinds = self.schema.get('type')
        if not self.nullable or kinds is None:
            return {'anyOf': [dict(self.schema), {'type': 'null'}]} if self.nullable else dict(self.schema)
        return {**self.schema, 'type': [*(kinds if isinstance(kinds, list) else [kinds]), 'null']}

    def _read(self, value: Any) -> Any:
        fault = self.fault(value)
        if fault:
            raise ValueError(fault)
        return None if value is None and self.nullable else self.convert(value)


def whole(least: int) -> Is:
    """A whole number."""
    return Is(f'a whole number of at least {least}', lambda value: is_whole(value, least),
              {'type': 'integer', 'minimum': least})  # fmt: skip


def count(least: int) -> Is:
    """A number of iterations, which option files also write as `!!float 5e3`."""
    return Is(f'a whole number of at least {least}', lambda value: is_whole(value, least, as_float=True),
              {'type': 'number', 'minimum': least, 'multipleOf': 1})  # fmt: skip


def number(least: float = -math.inf, most: float = math.inf, *, below: float = math.inf) -> Is:
    """A finite number."""
    limits = {'minimum': least, 'maximum': most}
    return Is(
        f'a number{_range_words(least, most)}', lambda value: is_number(value) and least <= value <= most,
        {'type': 'number', **{key: limit for key, limit in limits.items() if math.isfinite(limit)}},
        convert=float, below=below,
    )  # fmt: skip


def span(least: float = 0.0, most: float = 1.0) -> Is:
    """A range of numbers; a single number stands for a range of zero width."""
    one = number(least, most)

    def fits(value: Any) -> bool:
        return one.fits(value) or _is_rising_pair(value, one)

    def convert(value: Any) -> tuple[float, float]:
        return (float(value), float(value)) if is_number(value) else (float(value[0]), float(value[1]))

    pair = {'type': 'array', 'items': dict(one.schema), 'minItems': 2, 'maxItems': 2}
    words = f'a number or two rising numbers,{_range_words(least, most)}'
    return Is(words, fits, {'anyOf': [dict(one.schema), pair]}, convert)


def _spans(value: Any) -> Any:
    value = [value, value] if is_number(value) else value
    return [value] if _is_rising_pair(value, number(0, 1)) else value


SPANS = Is(
    'two numbers with 0 <= first <= second <= 1, or a list of such pairs',
    lambda value: isinstance(_spans(value), (list, tuple)) and bool(_spans(value))
    and all(_is_rising_pair(each, number(0, 1)) for each in _spans(value)),
    {'type': ['number', 'array']},
    lambda value: tuple((float(first), float(second)) for first, second in _spans(value)),
)  # fmt: skip


def choice(*choices: str) -> Is:
    """One of some texts."""
    return Is(' or '.join(f"'{text}'" for text in choices), lambda value: isinstance(value, str) and value in choices,
              {'enum': list(choices)})  # fmt: skip


FLAG = Is('true or false', lambda value: isinstance(value, bool), {'type': 'boolean'})
TEXT = Is('a text', lambda value: isinstance(value, str) and bool(value), {'type': 'string', 'minLength': 1})
SECTION = Is('a section of `key: value` lines', lambda value: isinstance(value, Mapping), {'type': 'object'})


def _are_roots(value: Any) -> bool:
    roots = [value] if isinstance(value, str) else value
    return isinstance(roots, (list, tuple)) and bool(roots) and all(isinstance(root, str) and root for root in roots)


ROOTS = Is(
    'a path or a list of paths', _are_roots,
    {'anyOf': [{'type': 'string'}, {'type': 'array', 'items': {'type': 'string'}, 'minItems': 1}]},
    lambda value: (value,) if isinstance(value, str) else tuple(value),
)  # fmt: skip


def weights(known: Collection[str]) -> Is:
    """Weights of kinds, of which at least one is above 0."""

    def fits(value: Any) -> bool:
        # Unknown kinds get a separate message.
        return isinstance(value, Mapping) and any(value.values()) and all(map(number(0).fits, value.values()))

    return Is('weights of at least 0, one of them above 0, such as {free_form: 1.0}', fits, {
        'type': 'object', 'properties': {kind: {'type': 'number', 'minimum': 0} for kind in known},
        'additionalProperties': False,
    }, lambda value: {kind: float(weight) for kind, weight in value.items()})  # fmt: skip


def _is_rising_pair(value: Any, each: Is) -> bool:
    return isinstance(value, (list, tuple)) and len(value) == 2 and all(map(each.fits, value)) and value[0] <= value[1]


def _range_words(least: float, most: float) -> str:
    if math.isinf(least):
        return ''
    return f' of at least {least:g}' if math.isinf(most) else f' from {least:g} to {most:g}'


class Fault(NamedTuple):
    """What is wrong in a section."""

    keys: tuple[Any, ...]
    """Below the section."""
    text: str
    """What is wrong there; of an unknown option, the hint which one may be meant."""
    kind: str
    """`missing`, `unknown`, or another word."""


S = TypeVar('S', bound='OptionSection')


class OptionSection(BaseModel):
    """A section of an option file. A field without a default is required; its description says what it is."""

    model_config = ConfigDict(extra='forbid', frozen=True, arbitrary_types_allowed=True, populate_by_name=True)

    @classmethod
    def option_names(cls) -> tuple[str, ...]:
        """The options by their names in option files."""
        return tuple(field.alias or name for name, field in cls.model_fields.items())

    @classmethod
    def faults(cls, options: Mapping[Any, Any], *, known: Optional[Collection[str]] = None) -> list[Fault]:
        """All errors, in the order of the options.

        Args:
            options: The section.
            known: The allowed keys; by default those of the fields. Others have no field to check them.
        """
        allowed = cls.option_names() if known is None else known
        try:
            known_ones = set(allowed) & set(cls.option_names())
            cls.model_validate({key: value for key, value in options.items() if key in known_ones})
            found = []
        except ValidationError as error:
            found = [(each['loc'], each['type'], each.get('ctx', {}).get('error')) for each in error.errors()]
        found += [((key,), 'unknown', None) for key in options if key not in allowed]
        faults = [Fault(keys, cls._words(keys[0], kind, text, allowed), kind) for keys, kind, text in found]
        order = [*options, *cls.option_names()]
        return sorted(faults, key=lambda fault: order.index(fault.keys[0]))

    @classmethod
    def _words(cls, key: Any, kind: str, text: Any, allowed: Collection[str]) -> str:
        if kind == 'missing':
            return f'is missing: {next(f.description for n, f in cls.model_fields.items() if (f.alias or n) == key)}.'
        if kind == 'unknown':
            return unknown_option(key[:100] if isinstance(key, str) else '', allowed)
        return str(text)

    @classmethod
    def read(
        cls: type[S],
        options: Mapping[str, Any],
        where: str,
        *,
        inside: tuple[Any, ...] = (),
        known: Optional[Collection[str]] = None,
    ) -> S:
        """The section with its values.

        Args:
            options: The options as in the option file; null stands for the default.
            where: What they belong to, as named in messages, e.g. "data set 'Places'".
            inside: Keys of the enclosing sections.
            known: The allowed keys; by default those of all fields.

        Raises:
            OptionError: An option is unknown, missing or wrong; the first one.
        """
        given = {key: value for key, value in options.items() if value is not None or not cls._has_default(key)}
        for keys, text, kind in cls.faults(given, known=known):
            raise OptionError(where, (*inside, *keys), text, unknown=kind == 'unknown')
        return cls.model_validate(given)

    @classmethod
    def _has_default(cls, key: Any) -> bool:
        return any((field.alias or name) == key and not field.is_required() for name, field in cls.model_fields.items())
