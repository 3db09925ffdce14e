"""Take single options out of a data set's dictionary, with checks of type and range."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any

from hcl_arch.utils.option_error import OptionError, check_keys


class OptionReader:
    """Reads options by name; every method raises an `OptionError` that says what is expected and what it got.

    Args:
        options: the options; left as they are.
        where: what they belong to, as messages shall call it, e.g. "data set 'Places'".
        inside: keys of the sections around them, for the errors' `keys`.
    """

    def __init__(self, options: Mapping[str, Any], where: str, *, inside: tuple[Any, ...] = ()) -> None:
        self._options = options
        self._where = where
        self._inside = inside

    def error(self, key: str, expected: str) -> OptionError:
        """Return the error for option `key`, which should have been what `expected` says."""
        got = repr(self._options[key]) if key in self._options else 'nothing'
        return OptionError(self._where, (*self._inside, key), f'expects {expected}, got {got}.')

    def _get(self, key: str, default: Any = None) -> Any:
        """Return an option; null in the option file stands for the default."""
        value = self._options.get(key)
        return default if value is None else value

    def phase(self) -> str:
        """Return BasicSR's 'train', 'val' or 'test'."""
        phase = self._get('phase')
        if phase not in ('train', 'val', 'test'):
            raise self.error('phase', "'train', 'val' or 'test' (BasicSR sets it)")
        return str(phase)

    def roots(self, key: str) -> tuple[str, ...]:
        """Return one or several paths; none if the option is missing or null."""
        value = self._get(key)
        if value is None:
            return ()
        roots = (value,) if isinstance(value, str) else value
        if not isinstance(roots, (list, tuple)) or not roots or not all(isinstance(r, str) and r for r in roots):
            raise self.error(key, 'a path or a list of paths')
        return tuple(roots)

    def text(self, key: str, default: str | None) -> str:
        """Return a text that is not empty; without a default the option has to be there."""
        value = self._get(key, default)
        if not isinstance(value, str) or not value:
            raise self.error(key, 'a text')
        return value

    def flag(self, key: str, default: bool) -> bool:
        """Return true or false."""
        value = self._get(key, default)
        if not isinstance(value, bool):
            raise self.error(key, 'true or false')
        return value

    def whole(self, key: str, default: int | None, *, least: int) -> int:
        """Return a whole number; without a default the option has to be there."""
        value = self._get(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise self.error(key, f'a whole number of at least {least}')
        return value

    def number(self, key: str, default: float, *, least: float = 0.0, most: float = math.inf) -> float:
        """Return a finite number from `least` to `most`."""
        value = self._get(key, default)
        if not _is_within(value, least, most):
            raise self.error(key, f'a number {_range_words(least, most)}')
        return float(value)

    def span(self, key: str, default: tuple[float, float], *, least: float = 0.0,
             most: float = 1.0) -> tuple[float, float]:
        """Return a range of numbers from `least` to `most`; a single number stands for a range without extent."""
        value = self._get(key, default)
        if _is_within(value, least, most):
            return float(value), float(value)
        if not _is_span(value, least, most):
            raise self.error(key, f'a number or two rising numbers, {_range_words(least, most)}')
        return float(value[0]), float(value[1])

    def spans(self, key: str, default: tuple[float, float]) -> tuple[tuple[float, float], ...]:
        """Return one range of shares in [0, 1], or several from a list of ranges; a number stands for itself."""
        value = self._get(key, default)
        value = [value, value] if is_number(value) else value
        ranges = [value] if _is_span(value, 0, 1) else value
        if not isinstance(ranges, (list, tuple)) or not ranges or not all(_is_span(span, 0, 1) for span in ranges):
            raise self.error(key, 'two numbers with 0 <= first <= second <= 1, or a list of such pairs')
        return tuple((float(first), float(second)) for first, second in ranges)

    def weights(self, key: str, default: Collection[str], known: Collection[str]) -> dict[str, float]:
        """Return weights of kinds, at least one of them above 0; by default 1 for each of the `default` ones."""
        value = self._get(key)
        if value is None:
            return dict.fromkeys(default, 1.0)
        if not isinstance(value, Mapping):
            raise self.error(key, f'kinds with weights, e.g. {{{next(iter(known))}: 1.0}}')
        check_keys(value, known, f"{self._where}, '{key}'", inside=(*self._inside, key))
        if not all(_is_within(weight, 0, math.inf) for weight in value.values()) or not any(value.values()):
            raise self.error(key, 'weights of at least 0, one of them above 0')
        return {kind: float(weight) for kind, weight in value.items()}


def is_number(value: Any) -> bool:
    """Say whether an option is a finite number."""
    try:
        return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:  # a whole number that no float can hold
        return False


def _is_within(value: Any, least: float, most: float) -> bool:
    return is_number(value) and least <= value <= most


def _is_span(value: Any, least: float, most: float) -> bool:
    return (isinstance(value, (list, tuple)) and len(value) == 2
            and all(_is_within(number, least, most) for number in value) and value[0] <= value[1])


def _range_words(least: float, most: float) -> str:
    return f'of at least {least:g}' if math.isinf(most) else f'from {least:g} to {most:g}'
