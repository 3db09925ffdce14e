"""A limit of time for what might never end."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from typing import Any


class TookTooLongError(BaseException):
    """Derived from BaseException, so that no `except Exception` of the code under test takes it for an error of its."""


@contextlib.contextmanager
def time_limit(seconds: int = 20) -> Iterator[None]:
    """Raise TookTooLongError in the block if it takes longer; no limit where the system has no alarm."""
    if not hasattr(signal, 'alarm'):
        yield
        return

    def stop(*_: Any) -> None:
        raise TookTooLongError(f'more than {seconds} s')

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
