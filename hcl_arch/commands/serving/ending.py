"""An orderly end of a server, whatever ends it: Ctrl-C, SIGTERM, a closed terminal; or its folder is removed later."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import uvicorn

try:
    import fcntl
except ImportError:  # Windows: the folder of a killed page stays
    fcntl = None  # type: ignore[assignment]

_SIGNALS = [getattr(signal, name) for name in ('SIGINT', 'SIGTERM', 'SIGHUP') if hasattr(signal, name)]
_PREFIX, _LOCK = 'hcl_app_', '.lock'


@contextlib.contextmanager
def ended_by_signals() -> Iterator[None]:
    """Leave this block without an error when the user or the system asks the program to end.

    Ignored signals stay ignored, as under nohup. After the block, the next signal ends the process at once: there is
    nothing left to tidy up, but a repair may still be running.
    """
    handled = _handled()
    before = [signal.signal(number, signal.default_int_handler) for number in handled]
    try:
        with contextlib.suppress(KeyboardInterrupt):
            yield
        before = [signal.SIG_DFL for _ in handled]
    finally:
        for number, handler in zip(handled, before):
            signal.signal(number, handler)


def end_with_terminal(server: uvicorn.Server) -> None:
    """Let a closed terminal end a server as Ctrl-C does; Uvicorn itself handles the other signals."""
    for number in set(_handled()) - {signal.SIGINT, signal.SIGTERM}:
        signal.signal(number, server.handle_exit)


@contextlib.contextmanager
def private_folder() -> Iterator[Path]:
    """Provide a private folder, removed at the end; those of pages that were killed are removed first."""
    _remove_left_behind()
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    with open(folder / 'new', 'xb') as lock:
        if fcntl is not None:
            fcntl.flock(lock, fcntl.LOCK_EX)
        (folder / 'new').rename(folder / _LOCK)
        try:
            yield folder
        finally:
            handled = _handled()
            before = [signal.signal(number, signal.SIG_IGN) for number in handled]  # also a second Ctrl-C
            shutil.rmtree(folder, ignore_errors=True)
            for number, handler in zip(handled, before):
                signal.signal(number, handler)


def _handled() -> list[signal.Signals]:
    """Signals to handle here: none outside the main thread, and none that is ignored."""
    if threading.current_thread() is not threading.main_thread():
        return []
    return [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]


def _remove_left_behind() -> None:
    """Remove this user's folders whose page is gone: nobody holds their lock any more."""
    for folder in Path(tempfile.gettempdir()).glob(f'{_PREFIX}*') if fcntl is not None else ():
        with contextlib.suppress(OSError):
            if folder.is_symlink() or folder.stat().st_uid != os.getuid():
                continue
            with open(folder / _LOCK, 'rb') as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder)
