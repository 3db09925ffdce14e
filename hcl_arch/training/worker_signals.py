"""Workers that survive the signals that ask a training to stop."""

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
    """Keep the workers of a loader running when a signal asks the whole run to stop.

    Ctrl-C and the signal by which a cluster's scheduler ends a job reach the workers too, but the training needs them
    until it has finished its iteration. They end with it: torch's workers check every few seconds whether their parent
    process still exists. While they start, which takes seconds if they are spawned, only `protected_prefetcher`
    protects them.
    """
    loader.worker_init_fn = WorkerStart(loader.worker_init_fn)


def protected_prefetcher(prefetcher: type[Any]) -> type[Any]:
    """Return a subclass of a BasicSR prefetcher that starts its workers with signals blocked.

    The workers start this way, and each unblocks its own signals when it is ready for them. They are started once per
    epoch, in `reset`. BasicSR starts those of the first epoch twice, and torch ends the first ones by a SIGTERM if they
    take long to start, as spawned ones do. If they blocked it, they would continue, find their queues gone, and each
    print a traceback from `SemLock._rebuild`.
    """

    class ProtectedPrefetcher(prefetcher):
        """A prefetcher whose workers survive signals from the very start."""

        def __init__(self, loader: data.DataLoader[Any], *arguments: Any) -> None:
            super().__init__((), *arguments)
            self.ori_loader = loader  # restarted by `reset`

        def reset(self) -> None:
            with signals_blocked():
                super().reset()

    return ProtectedPrefetcher


class WorkerStart:
    """A worker's initialisation: ignore signals except for the end of the training, then run the previous function.

    Args:
        then: called with the worker's number; None: nothing is called.
    """

    def __init__(self, then: Optional[Callable[[int], None]]) -> None:
        self._then = then
        # Shared with the workers: whether the training is ending, so that a SIGTERM comes from it.
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
    """Block signals; processes started meanwhile block them too."""
    if not hasattr(signal, 'pthread_sigmask'):  # Windows
        yield
        return
    # For the first spawned process, Python starts this helper, which would unblock the signals.
    multiprocessing.resource_tracker.ensure_running()
    previous = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, previous)
