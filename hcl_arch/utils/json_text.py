"""Read JSON texts of others: plain values, no more and no deeper than what is expected."""

from __future__ import annotations

import json
import math
from typing import Any, Union

MAX_VALUES, MAX_DEPTH = 100_000, 100
# A longer number takes a time that grows with the square of its length.
_MAX_DIGITS = 100


def load_json(text: Union[str, bytes], *, max_values: int = MAX_VALUES, max_depth: int = MAX_DEPTH) -> Any:
    """Return the value of a JSON text.

    Raises:
        ValueError: it is no JSON, has too many values, lists and mappings too deep within each other, a whole number of
            more than 100 digits, or a number that is not finite.
    """
    try:
        value = json.loads(text, parse_int=_whole_number, parse_float=_finite, parse_constant=_refuse)
    except RecursionError as error:
        raise ValueError(f'more than {max_depth} lists and mappings within each other') from error
    level, count, depth = [value], 0, 0
    while level:
        count, depth = count + len(level), depth + 1
        if count > max_values:
            raise ValueError(f'more than {max_values:,} values')
        level = [item for each in level if isinstance(each, (list, dict)) for item in _items(each)]
        if level and depth > max_depth:
            raise ValueError(f'more than {max_depth} lists and mappings within each other')
    return value


def _items(value: Union[list[Any], dict[str, Any]]) -> Any:
    return value.values() if isinstance(value, dict) else value


def _whole_number(digits: str) -> int:
    if len(digits) > _MAX_DIGITS:
        raise ValueError(f'a whole number of {len(digits):,} digits, expected at most {_MAX_DIGITS}')
    return int(digits)


def _finite(digits: str) -> float:
    number = float(digits)
    return number if math.isfinite(number) else _refuse(digits)


def _refuse(name: str) -> float:
    raise ValueError(f'{name[:20]} is no number that is finite')
