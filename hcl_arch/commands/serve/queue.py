"""One worker, and a bounded number of requests that wait for it."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Awaitable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable, TypeVar

from fastapi import HTTPException

Received = TypeVar('Received')
Result = TypeVar('Result')
CheckStop = Callable[[], None]


class Stopped(Exception):  # noqa: N818  (no error: nobody waits for the result any more)
    """The work is not needed any more."""


class Queue:
    """Requests, each with a place from its first byte until its work has ended.

    The network works on one photograph at a time, so waiting requests cost their files and nothing else.

    Args:
        waiting: places besides the one that is worked on.
        timeout: seconds from the first byte of a request to its answer.
    """

    def __init__(self, *, waiting: int, timeout: float) -> None:
        self._most, self._taken, self._lock = waiting + 1, 0, threading.Lock()
        self._timeout, self._last_seconds = timeout, 1.0
        self._worker = ThreadPoolExecutor(1, 'hcl-serve')

    async def serve(
        self,
        receive: Callable[[], Awaitable[Received]],
        work: Callable[[Received, CheckStop], Result],
        gone: Callable[[], Awaitable[None]],
    ) -> Result:
        """Take a place, receive a request, and work on it in turn.

        Args:
            receive: returns what `work` needs.
            work: runs in the worker's thread; its second argument raises `Stopped` once the result is not needed.
            gone: returns as soon as whoever asked has gone; called when the request has been received.

        Raises:
            HTTPException: with status 503, there is no place; 408, the request was not received in time; 504, it was
                not worked on in time; 499, whoever asked has gone.
        """
        end = time.monotonic() + self._timeout
        self._take()
        try:
            given = await asyncio.wait_for(receive(), self._timeout)
        except BaseException as error:
            self._leave()
            if isinstance(error, asyncio.TimeoutError):
                raise HTTPException(408, f'not received within {self._timeout:g} seconds') from None
            raise
        stop = threading.Event()
        done = self._worker.submit(self._work, work, given, stop)
        done.add_done_callback(lambda _: self._leave())
        result = asyncio.wrap_future(done)
        left = asyncio.ensure_future(gone())
        awaited: set[asyncio.Future[Any]] = {result, left}
        try:
            await asyncio.wait(awaited, timeout=end - time.monotonic(), return_when=asyncio.FIRST_COMPLETED)
            if result.done():
                return result.result()
        finally:
            stop.set()
            left.cancel()
            done.cancel()
        if left.done() and not left.cancelled():
            raise HTTPException(499, 'nobody waits for the answer any more')
        raise HTTPException(504, f'not done within {self._timeout:g} seconds', self._retry())

    def close(self) -> None:
        """Begin nothing any more."""
        self._worker.shutdown(wait=False, cancel_futures=True)

    def _work(self, work: Callable[[Received, CheckStop], Result], given: Received, stop: threading.Event) -> Result:
        def check_stop() -> None:
            if stop.is_set():
                raise Stopped

        start = time.monotonic()
        try:
            return work(given, check_stop)
        finally:
            self._last_seconds = time.monotonic() - start

    def _take(self) -> None:
        with self._lock:
            if self._taken >= self._most:
                raise HTTPException(503, f'{self._taken} requests are here already', self._retry())
            self._taken += 1

    def _leave(self) -> None:
        with self._lock:
            self._taken -= 1

    def _retry(self) -> dict[str, str]:
        """When there should be a place again."""
        return {'Retry-After': str(max(1, math.ceil(self._last_seconds)))}
