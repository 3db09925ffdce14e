"""Read keys and values from LMDB folders: one environment per process and path, opened at the first read.

lmdb >= 2 refuses to open an environment twice in a process, even one that was opened before a fork. Therefore two data
sets on one LMDB (training and validation) share an environment, and open ones are closed before a fork; parent and
child reopen them at their next read.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator

import lmdb

from hcl_arch.data.storage.lmdb_file import check_lmdb_file
from hcl_arch.data.storage.packed_strings import PackedStrings
from hcl_arch.utils.regular_file import reason_of
from hcl_arch.utils.safe_names import name_fault

META_NAME, DATA_NAME = 'meta_info.txt', 'data.mdb'
# A key has 511 bytes at most, LMDB's own limit; extension, shape and quality follow it.
MAX_LINE_BYTES = 1024
# Maximum length of a malformed line in an error message.
_SHOWN = 60


def list_lmdb_keys(folder: str) -> PackedStrings:
    """Return the keys, in the order of the file.

    Raises:
        FileNotFoundError: a file of the LMDB layout is missing.
        OSError: the list cannot be read.
        ValueError: the list is empty or not a text, or a line is malformed or names a key that leads out of the folder;
            names the file and the line.
    """
    for name in (META_NAME, DATA_NAME):
        if not os.path.isfile(os.path.join(folder, name)):
            raise FileNotFoundError(
                f"{folder}: expected the file {name} of an LMDB in BasicSR's layout, found none. "
                'Build the LMDB again (it may have been cut short).'
            )
    meta_path = os.path.join(folder, META_NAME)
    try:
        keys = PackedStrings(_keys_of_lines(meta_path))
    except OSError as error:
        raise OSError(f'{meta_path}: cannot be read ({reason_of(error)}). Allow reading it.') from error
    if not keys:
        raise ValueError(f'{meta_path}: expected a line for each image, found none. Build the LMDB again.')
    return keys


def _keys_of_lines(meta_path: str) -> Iterator[str]:
    with open(meta_path, 'rb') as file:
        number = 0
        while line := file.readline(MAX_LINE_BYTES + 1):  # a file without line breaks may exceed the memory
            number += 1
            where = f'{meta_path}, line {number}'
            if len(line) > MAX_LINE_BYTES:
                raise ValueError(f'{where}: expected at most {MAX_LINE_BYTES} bytes, found more. Build the LMDB again.')
            try:
                text = line.decode('utf-8').strip()
            except UnicodeDecodeError as error:
                raise ValueError(
                    f'{where}: expected text in UTF-8, found other bytes ({error.reason}). Build the LMDB again.'
                ) from error
            if text:
                yield _key_of_line(text, where)


def _key_of_line(line: str, where: str) -> str:
    """Return 'name' from the line 'name.png (h,w,c) 1'."""
    name, bracket, _ = line.rpartition(' (')
    key, extension = os.path.splitext(name)
    if not bracket or not extension:
        raise ValueError(
            f"{where}: expected the form 'name.png (h,w,c) 1', found {line[:_SHOWN]!r}. Build the LMDB again."
        )
    fault = name_fault(key)
    if fault:
        raise ValueError(
            f'{where}: expected a name inside of the LMDB, found {key[:_SHOWN]!r}: {fault}. Build the '
            'LMDB again, from a source that you trust.'
        )
    return key


_clients: dict[str, lmdb.Environment] = {}
# BasicSR's CPU prefetcher reads in a thread, so a fork may happen during a read: a lock separates reading and closing.
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
    """Open an environment as BasicSR does: without a lock file, so a read-only folder is sufficient.

    Raises:
        OSError: the data file is not an LMDB.
        lmdb.Error: the library refuses it.
    """
    check_lmdb_file(os.path.join(real_path, DATA_NAME))
    return lmdb.open(real_path, readonly=True, lock=False, readahead=False)


def close_lmdb_environments() -> None:
    """Close every environment that this process holds; the next read reopens it."""
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


if hasattr(os, 'register_at_fork'):  # Windows cannot fork
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)
