"""Suppress messages of C image libraries about damaged files; the user gets one line of ours for each file."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

_STDERR = 2


@contextlib.contextmanager
def silenced_libraries() -> Iterator[None]:
    """Drop output to the process's standard error in this block that bypasses Python's streams.

    For one thread at a time. `Console` writes through a copy of standard error, which this does not touch.
    """
    try:
        kept = os.dup(_STDERR)
    except OSError:  # there is no standard error
        yield
        return
    try:
        with open(os.devnull, 'wb') as nowhere:
            os.dup2(nowhere.fileno(), _STDERR)
        yield
    finally:
        os.dup2(kept, _STDERR)
        os.close(kept)
