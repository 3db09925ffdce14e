"""Read values from LMDB folders: one environment per process and path, opened at the first read.

lmdb >= 2 refuses to open an environment twice in a process, and counts one that was open when the process was forked.
So two data sets on one LMDB (training and validation) share an environment here, and the open ones are closed before a
fork; parent and child open them again at their next read.
"""

from __future__ import annotations

import os
import threading

import lmdb

from hcl_arch.data.storage.lmdb_file import check_lmdb_file
from hcl_arch.data.storage.lmdb_keys import DATA_NAME

_clients: dict[str, lmdb.Environment] = {}
# BasicSR's CPU prefetcher reads in a thread, so a fork may fall into a read: reading and closing exclude each other.
_lock = threading.RLock()


def read_lmdb_value(path: str, key: str) -> bytes | None:
    """Return the value of `key` in the LMDB folder `path`, None if there is no such key.

    Raises:
        OSError: the LMDB cannot be read: it is damaged, cut short, or no LMDB at all; names the data file.
    """
    real_path = os.path.realpath(path)
    with _lock:
        try:
            if real_path not in _clients:
                _clients[real_path] = _open(real_path)
            with _clients[real_path].begin(buffers=True) as transaction:
                value = transaction.get(key.encode('utf-8', 'surrogateescape'))
                return None if value is None else bytes(value)
        except lmdb.Error as error:
            raise OSError(f'{real_path}: the LMDB cannot be read ({error}). Build it again.') from error


def _open(real_path: str) -> lmdb.Environment:
    """Open an environment as BasicSR does: without a lock file, so that a folder that must not be written to will do.

    Raises:
        OSError: the data file is none.
        lmdb.Error: the library refuses it.
    """
    check_lmdb_file(os.path.join(real_path, DATA_NAME))
    return lmdb.open(real_path, readonly=True, lock=False, readahead=False)


def close_lmdb_environments() -> None:
    """Close every environment that this process holds; the next read opens its one again."""
    with _lock:
        while _clients:
            _, environment = _clients.popitem()
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
