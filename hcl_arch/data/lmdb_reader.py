"""Read values from LMDB folders: one environment per process and path, opened at the first read.

lmdb >= 2 refuses to open an environment twice in a process, and counts one that was open when the process was forked.
So two data sets on one LMDB (training and validation) share a client here, and the open ones are closed before a fork;
parent and child open them again at their next read.
"""

from __future__ import annotations

import os
import threading

from basicsr.utils import FileClient

_clients: dict[str, FileClient] = {}
# BasicSR's CPU prefetcher reads in a thread, so a fork may fall into a read: reading and closing exclude each other.
_lock = threading.RLock()


def read_lmdb_value(path: str, key: str) -> bytes | None:
    """Return the value of `key` in the LMDB folder `path`, None if there is no such key."""
    real_path = os.path.realpath(path)
    with _lock:
        if real_path not in _clients:
            _clients[real_path] = FileClient('lmdb', db_paths=real_path)
        value: bytes | None = _clients[real_path].get(key)
    return value


def close_lmdb_environments() -> None:
    """Close every environment that this process holds; the next read opens its one again."""
    with _lock:
        while _clients:
            _, client = _clients.popitem()
            # BasicSR's client has no `close`.
            for environment in client.client._client.values():
                environment.close()


def _before_fork() -> None:
    _lock.acquire()
    close_lmdb_environments()


def _after_fork_in_parent() -> None:
    _lock.release()


def _after_fork_in_child() -> None:
    global _lock
    _lock = threading.RLock()


if hasattr(os, 'register_at_fork'):  # not on Windows, which cannot fork
    os.register_at_fork(
        before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)
