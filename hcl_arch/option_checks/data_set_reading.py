"""All problems of a data set's options, not only the first: they are read repeatedly, with wrong ones set aside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Callable, Generic, Optional, TypeVar

from hcl_arch.utils.option_error import OptionError

T = TypeVar('T')
Keys = tuple[Any, ...]

# A path that is never opened. Its name fits both kinds of `io_backend`.
SET_ASIDE_PATH = 'set aside.lmdb'
# Valid values for required options, and for those whose default requires other options.
_STAND_INS: dict[str, Any] = {
    'phase': 'val', 'gt_size': 64, 'corruptions': {'noise': 1.0}, 'dataroot': SET_ASIDE_PATH,
    'dataroot_gt': SET_ASIDE_PATH, 'dataroot_lq': SET_ASIDE_PATH, 'dataroot_noise': SET_ASIDE_PATH,
    'dataroot_mask': SET_ASIDE_PATH,
}  # fmt: skip
_MOST_READINGS = 200


@dataclass(frozen=True)
class Reading(Generic[T]):
    """The result of reading.

    Attributes:
        options: what was finally read, with placeholders for wrong options; None if it could not be read.
        errors: places and texts of what is wrong.
    """

    options: Optional[T]
    errors: tuple[tuple[Keys, str], ...]


def read_with_set_aside(read: Callable[[Mapping[str, Any]], T], options: Mapping[str, Any]) -> Reading[T]:
    """Read options until no new error appears.

    Args:
        read: raises an `OptionError` for the first option that is wrong.
        options: the options to read; not changed.
    """
    errors: list[tuple[Keys, str]] = []
    tries: dict[str, int] = {}
    aside: set[str] = set()
    for _ in range(_MOST_READINGS):
        try:
            return Reading(read(options), tuple(errors))
        except OptionError as error:
            name = repr(error.keys)
            tries[name] = tries.get(name, 0) + 1
            if tries[name] > 2:
                break
            if tries[name] == 1 and not _follows(error, aside):
                errors.append((error.keys, error.problem))
            aside.add(str(error.key))
            options = _without(options, error.keys, stand_in=tries[name] == 1)
        except Exception as error:  # an option that is not even recognised as one
            errors.append(((), str(error) or type(error).__name__))
            break
    return Reading(None, tuple(errors))


def _follows(error: OptionError, aside: set[str]) -> bool:
    """Whether an error results only from an option set aside before."""
    own = (str(error.key),) if len(error.keys) == 1 else ()
    return not error.unknown and not aside.isdisjoint((*own, *error.others))


def _without(options: Mapping[Any, Any], keys: Keys, *, stand_in: bool) -> Mapping[Any, Any]:
    """Return the options without the one at `keys`, or with its placeholder."""
    key, inner = keys[0], options.get(keys[0])
    if len(keys) > 1 and isinstance(inner, Mapping):
        rest = _without(inner, keys[1:], stand_in=False)
        if rest:
            return {**options, key: rest}
    if stand_in and key in _STAND_INS:
        return {**options, key: _STAND_INS[key]}
    return {name: value for name, value in options.items() if name != key}
