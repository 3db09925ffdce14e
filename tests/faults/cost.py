"""What a call takes: time and memory."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Callable, NamedTuple

import pytest

_MIB = 2**20


class Cost(NamedTuple):
    """Time and the greatest growth of this process, with the result or the error."""

    seconds: float
    mib: float
    result: Any


def cost_of(call: Callable[[], Any]) -> Cost:
    """Return what a call takes; an exception of it is its result."""
    try:
        Path('/proc/self/clear_refs').write_text('5')  # the greatest memory counts from here
    except OSError:
        pytest.skip('the greatest memory is read from /proc')
    before, start = _status('VmRSS'), time.perf_counter()
    try:
        result = call()
    except Exception as error:
        result = error
    return Cost(time.perf_counter() - start, (_status('VmHWM') - before) / _MIB, result)


def _status(name: str) -> int:
    lines = Path('/proc/self/status').read_text().splitlines()
    return 1024 * int(next(line for line in lines if line.startswith(name)).split()[1])
