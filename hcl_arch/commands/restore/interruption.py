"""Orderly end on Ctrl-C and SIGTERM: files being written are completed, and so is the summary."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(BaseException):
    """The user or the system asks the command to end. Not an Exception, so it is not taken for a failed image."""


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Raise `Interrupted` in this block, once, when a signal comes; a second Ctrl-C raises KeyboardInterrupt.

    Ignored signals, as in background programs of a shell, stay ignored. This works only in a program's main thread; in
    another, the block runs unchanged.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    has_come = False

    def raise_once(number: int, frame: Any) -> None:
        nonlocal has_come
        if not has_come:
            has_come = True
            raise Interrupted
        if number == signal.SIGINT:
            raise KeyboardInterrupt

    previous = {number: signal.getsignal(number) for number in _SIGNALS}
    for number, handler in previous.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, raise_once)
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
