"""Work on photographs, one after the other in one thread, with its progress and a way to stop it."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Callable

from hcl_arch.commands.app.page_error import PageError, worded
from hcl_arch.commands.app.shelf import Shelf

# Work that waits or is worked on, over all visitors.
MOST_WAITING = 24
# A hidden tab's script may run once a minute only.
_LOST_SECONDS = 180.0
_KEPT = 1000

Result = dict[str, Any]


class Cancelled(Exception):  # noqa: N818  (no error: nobody wants the result any more)
    """The visitor does not want the result any more, or has left."""


class Task:
    """One piece of work, and what its visitor is told meanwhile.

    Args:
        clock: returns the time in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.rows: list[Result] = []
        self.shown: Result | None = None
        self.future: Future[Result] | None = None
        self._clock, self._asked = clock, clock()
        self._stop = threading.Event()
        self._said, self._step = 'Waiting for the photographs before this one …', (0, 0)

    def tell(self, said: str, shown: Result | None = None) -> None:
        """Say what is done now; show the result so far, if there is one.

        Raises:
            Cancelled: the result is not wanted any more.
        """
        self._said, self._step = said, (0, 0)
        self.shown = shown or self.shown
        self.check()

    def progress(self, done: int, total: int) -> None:
        """Note finished steps of all; raises as `tell`."""
        self._step = (done, total)
        self.check()

    def check(self) -> None:
        """Raise `Cancelled` if the result is not wanted any more."""
        if self._stop.is_set() or self._clock() - self._asked > _LOST_SECONDS:
            raise Cancelled

    def stop(self) -> None:
        """Let the work end at its next step."""
        self._stop.set()
        if self.future is not None:
            self.future.cancel()

    def view(self, after: int = 0) -> Result:
        """Return what the visitor is told; of the rows those after so many."""
        self._asked = self._clock()
        assert self.future is not None
        state, told = _state(self.future)
        done, total = self._step
        shown = self.shown if state == 'working' else None
        return {
            'state': state,
            'said': self._said,
            'done': done,
            'total': total,
            'rows': self.rows[after:],
            'shown': shown,
            **told,
        }


class Tasks:
    """The line of all visitors' work; two photographs at a time would take twice the memory.

    Args:
        lifetime: seconds for which a result can be asked for.
    """

    def __init__(self, lifetime: float) -> None:
        self._worker = ThreadPoolExecutor(1, 'hcl-app')
        self._tasks = Shelf[Task](capacity=_KEPT, lifetime=lifetime)
        self._unfinished: set[Task] = set()
        self._lock = threading.Lock()

    def start(self, work: Callable[[Task], Result]) -> str:
        """Put work at the end of the line; return its token.

        Raises:
            PageError: the line is full.
        """
        task = Task()
        with self._lock:
            if len(self._unfinished) >= MOST_WAITING:
                raise PageError('Too many photographs are waiting here. Try again in a minute.')
            self._unfinished.add(task)
        task.future = self._worker.submit(_run, work, task)
        task.future.add_done_callback(lambda _: self._finish(task))
        return self._tasks.add(task)

    def get(self, token: object) -> Task:
        """Return the work under a token.

        Raises:
            PageError: there is none.
        """
        return self._tasks.get(token)

    def close(self) -> None:
        """Stop all."""
        with self._lock:
            unfinished = list(self._unfinished)
        for task in unfinished:
            task.stop()
        self._worker.shutdown(wait=False)

    def _finish(self, task: Task) -> None:
        with self._lock:
            self._unfinished.discard(task)


def _run(work: Callable[[Task], Result], task: Task) -> Result:
    task.check()
    return work(task)


def _state(future: Future[Result]) -> tuple[str, Result]:
    """Return how far the work is, and its result or error."""
    if future.cancelled():
        return 'cancelled', {}
    if not future.done():
        return 'working' if future.running() else 'waiting', {}
    error = future.exception()
    if error is None:
        return 'done', {'result': future.result()}
    return ('cancelled', {}) if isinstance(error, Cancelled) else ('failed', {'error': worded(error)})
