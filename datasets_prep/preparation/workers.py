"""Transformation of items in worker processes, in order and with a bounded backlog."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait
from typing import Union

import cv2

from preparation.items import EncodedImage, PreparationError, PrepItem, Transform, UnreadableImageError

# Items that a worker receives at once: saves most of the transfer cost, and few images wait in memory.
CHUNK_SIZE = 4
# Chunks waiting or in progress per worker; although results are in order, a slow image stops no worker for long.
CHUNKS_PER_WORKER = 3

Outcome = Union[EncodedImage, str]


def default_workers() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count() or 1


class WorkerPool:
    """Processes that apply one transform.

    They are spawned by a server process ('forkserver'; 'spawn' where there is none): a plain fork would inherit the
    threads and the LMDB environment of this process.

    Args:
        transform: picklable; called in the workers.
        workers: number of processes, 0 to work in this process.
    """

    def __init__(self, transform: Transform, workers: int) -> None:
        self._transform = transform
        self._workers = workers
        self._pool: ProcessPoolExecutor | None = None
        if workers > 0:
            method = 'forkserver' if 'forkserver' in multiprocessing.get_all_start_methods() else 'spawn'
            context = multiprocessing.get_context(method)
            if method == 'forkserver':
                # The server imports the package, including torch, once for all workers.
                context.set_forkserver_preload(['__main__', __name__])
            self._pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_start_worker)

    def outcomes(self, items: Sequence[PrepItem], start: int) -> Generator[Outcome, None, None]:
        """Yield the outcome of each item from number `start` on, in order: the image, or the reason it is unreadable.

        Raises:
            PreparationError: a transform failed with an error other than UnreadableImageError, or a worker was killed.
        """
        if self._pool is None:
            for index in range(start, len(items)):
                yield _apply(self._transform, items[index])
            return
        backlog: deque[Future[list[Outcome]]] = deque()
        try:
            for first in range(start, len(items), CHUNK_SIZE):
                chunk = [items[index] for index in range(first, min(first + CHUNK_SIZE, len(items)))]
                backlog.append(self._pool.submit(_apply_to_chunk, self._transform, chunk))
                if len(backlog) >= CHUNKS_PER_WORKER * self._workers:
                    yield from backlog.popleft().result()
            while backlog:
                yield from backlog.popleft().result()
        except BrokenProcessPool as error:
            raise PreparationError(
                'a worker process was ended from outside, perhaps because memory ran out. Run the '
                'command again, with fewer --workers.'
            ) from error

    def close(self) -> None:
        """End the processes after they have finished their current chunks."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)


def _start_worker() -> None:
    """Set up a worker process."""
    cv2.setNumThreads(0)
    # Ctrl-C reaches every process of the terminal; only the main one should handle it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End this process when the main one is gone; the pool's own workers would wait for work forever."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)


def _apply_to_chunk(transform: Transform, items: list[PrepItem]) -> list[Outcome]:
    return [_apply(transform, item) for item in items]


def _apply(transform: Transform, item: PrepItem) -> Outcome:
    """Return the transform's result for an item, or the reason it is unreadable."""
    try:
        return transform(item)
    except UnreadableImageError as error:
        return ' '.join(str(error).split())  # one line of unreadable.txt
    except Exception as error:
        raise PreparationError(f'{item.source}: {type(error).__name__}: {error}') from error
