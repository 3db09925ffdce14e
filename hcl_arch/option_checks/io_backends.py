"""Checks of BasicSR's `io_backend`: only two types are allowed, because another imports arbitrary modules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from hcl_arch.option_checks.data_set_kinds import reader_of
from hcl_arch.option_checks.run_options import RunOptions
from hcl_arch.utils.option_lines import Place, got, problem

_KINDS = ('disk', 'lmdb')
_KEY = 'io_backend'


def check_raw_io_backends(run: RunOptions) -> Iterator[str]:
    """Yield a problem for each `io_backend` in a data set, at any depth, that is of another type."""
    for key, options in run.section('datasets').items():
        yield from _inside(options, ('datasets', key))


def check_io_backends(run: RunOptions) -> Iterator[str]:
    """Like `check_raw_io_backends`, but without this package's data sets, which check it themselves."""
    for key, options in run.section('datasets').items():
        if not isinstance(options, Mapping) or reader_of(options.get('type')) is None:
            yield from _inside(options, ('datasets', key))


def _inside(options: Any, place: Place) -> Iterator[str]:
    seen: set[int] = set()
    rest: list[tuple[Place, Any]] = [(place, options)]
    while rest:
        place, value = rest.pop()
        if not isinstance(value, (Mapping, list, tuple)) or id(value) in seen:
            continue
        seen.add(id(value))
        # Deeper files are refused anyway.
        inner = list(value.items() if isinstance(value, Mapping) else enumerate(value))
        for key, below in reversed(inner):
            if key == _KEY and below is not None and _kind(below) not in _KINDS:
                yield problem((*place, key), f'expects {{type: disk}} or {{type: lmdb}}, {got(below)}')
            elif len(place) <= 100:
                rest.append(((*place, key), below))


def _kind(value: Any) -> Any:
    kind = value.get('type') if isinstance(value, Mapping) else value
    return kind if isinstance(kind, str) else None
