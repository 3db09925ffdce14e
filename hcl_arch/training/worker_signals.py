"""Workers that outlive the signals which ask a training to stop."""

from __future__ import annotations

import atexit
import contextlib
import multiprocessing.resource_tracker
import os
import signal
from collections.abc import Callable, Iterator
from typing import Any, Optional

import torch
from torch.utils import data

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def protect_workers(loader: data.DataLoader[Any]) -> None:
    """Let the workers of a loader go on when a signal comes that asks the whole run to stop.

    Ctrl-C, and the signal with which a cluster's scheduler ends a job, reach the workers too; but the training, which
    finishes its iteration before it stops, needs them until then. They end with it: torch's workers look every few
    seconds whether the process that started them is still there. While they start, which takes seconds where they are
    spawned, only `protected_prefetcher` protects them.
    """
    loader.worker_init_fn = WorkerStart(loader.worker_init_fn)


def protected_prefetcher(prefetcher: type[Any]) -> type[Any]:
    """Return a class of BasicSR's prefetchers, which start the workers, that does so with signals blocked.

    The workers begin so, and each unblocks its own signals when it is ready for them. They are started once for each
    epoch, in `reset`. BasicSR starts those of the first epoch twice, and torch ends the first ones by a SIGTERM if they
    need long to start, as spawned ones do. Blocking it, they would go on, find their queues gone, and each print a
    traceback from `SemLock._rebuild`.
    """

    class ProtectedPrefetcher(prefetcher):
        """A prefetcher whose workers outlive signals from their first moment on."""

        def __init__(self, loader: data.DataLoader[Any], *arguments: Any) -> None:
            super().__init__((), *arguments)
            self.ori_loader = loader  # what `reset` begins anew

        def reset(self) -> None:
            with signals_blocked():
                super().reset()

    return ProtectedPrefetcher


class WorkerStart:
    """What a worker does first: it ignores signals, but for the end of the training; then what it did before.

    Args:
        then: called with the worker's number, None for nothing.
    """

    def __init__(self, then: Optional[Callable[[int], None]]) -> None:
        self._then = then
        # Shared with the workers: whether the training is at its end, and a SIGTERM comes from it.
        self._ending = torch.zeros(1, dtype=torch.bool).share_memory_()
        atexit.register(self._ending.fill_, True)

    def __call__(self, worker: int) -> None:
        """Begin."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, self._on_termination)
        if hasattr(signal, 'pthread_sigmask'):
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        if self._then is not None:
            self._then(worker)

    def _on_termination(self, number: int, frame: Any) -> None:
        if self._ending:
            os._exit(0)


@contextlib.contextmanager
def signals_blocked() -> Iterator[None]:
    """Let signals wait; processes that are started meanwhile let them wait too."""
    if not hasattr(signal, 'pthread_sigmask'):  # Windows
        yield
        return
    # The first process that is spawned has Python start this helper, which would unblock the signals.
    multiprocessing.resource_tracker.ensure_running()
    previous = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, previous)
