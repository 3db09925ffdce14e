"""Limits on numbers so large that the checks, or building what they describe, would never finish."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from hcl_arch.utils.option_lines import Place, problem, shown

if TYPE_CHECKING:
    from hcl_arch.option_checks.run_options import RunOptions

MOST_WORKERS = 1024
MOST_IMAGES = 2**16
MOST_ENLARGED = 10**6
MOST_PIXELS = 2**14
# Limit of loss weights and learning rates.
LARGEST_NUMBER = 1e9

_OF_DATA_SETS = {
    'num_worker_per_gpu': MOST_WORKERS, 'batch_size_per_gpu': MOST_IMAGES, 'dataset_enlarge_ratio': MOST_ENLARGED,
    'gt_size': MOST_PIXELS, 'num_prefetch_queue': MOST_WORKERS,
}  # fmt: skip
_MOST_OF_AN_ARGUMENT = 10**6
_LONGEST_LIST = 64
# Arguments of networks that are counts; counts of parts, each of which is built, are added up.
_COUNTS = re.compile(r'depth|block|stage|iters|repeat|layer|group|mult|num_conv|frame')
_NO_PARTS = re.compile(r'iters|repeat|mult|single')
_HIGHEST_COUNT = 1000
# Most parts of a network of this package, and of foreign networks, whose parts may be large.
MOST_PARTS = 1000
MOST_FOREIGN_PARTS = 300
# Most networks in the options of one; trying out hundreds of them within each other would take a minute.
MOST_NETWORKS = 16


def check_data_set_limits(run: RunOptions) -> Iterator[str]:
    """Yield a problem for each unreasonably large number of a data set."""
    for data_set in run.data_sets:
        for key, most in _OF_DATA_SETS.items():
            value: Any = data_set.options.get(key)
            if _is_number(value) and value > most:
                yield problem((*data_set.place, key), _at_most(most, value))


def argument_limits(options: Mapping[Any, Any], place: Place, *, most_parts: int = MOST_PARTS) -> Iterator[str]:
    """Yield a problem for each argument of a network or loss with too large numbers or too long lists.

    Args:
        options: the arguments; nested networks are checked by another call.
        place: of the options.
        most_parts: maximum number of blocks, stages and the like, in total.
    """
    parts: dict[str, int] = {}
    for key, value in options.items():
        longest, numbers = _content(value)
        most = _HIGHEST_COUNT if _matches(_COUNTS, key) else _MOST_OF_AN_ARGUMENT
        if longest > _LONGEST_LIST:
            yield problem((*place, key), f'expects at most {_LONGEST_LIST} entries, got {longest}.')
        elif numbers and max(numbers) > most:
            yield problem((*place, key), _at_most(most, max(numbers) if longest else value))
        elif _matches(_COUNTS, key) and not _matches(_NO_PARTS, key):
            parts[key] = sum(numbers)
    total = sum(parts.values())
    if total > most_parts:
        largest, names = max(parts, key=lambda key: parts[key]), ', '.join(key for key in parts if parts[key])
        yield problem((*place, largest), f'expects at most {most_parts} parts of the network, got {total} ({names}).')


def _content(value: Any) -> tuple[int, list[int]]:
    """Return the length of the longest list that a value is or contains, and the absolute values of its integers."""
    numbers: list[int] = []
    rest, seen, longest = [[value]], set(), 0
    while rest:
        for item in rest.pop():
            if isinstance(item, (list, tuple)) and id(item) not in seen:
                seen.add(id(item))
                longest = max(longest, len(item))
                rest.append(list(item))
            elif isinstance(item, int) and not isinstance(item, bool):
                numbers.append(abs(item))
    return longest, numbers


def _at_most(most: int, value: Any) -> str:
    return f'expects at most {most}, got {shown(value)}.'


def _matches(pattern: re.Pattern[str], key: Any) -> bool:
    return isinstance(key, str) and pattern.search(key) is not None


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
