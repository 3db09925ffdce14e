"""The keys that `meta_info.txt` of an LMDB folder names."""

from __future__ import annotations

import os
from collections.abc import Iterator

from hcl_arch.data.storage.packed_strings import PackedStrings
from hcl_arch.utils.regular_file import reason_of
from hcl_arch.utils.safe_names import name_fault

META_NAME, DATA_NAME = 'meta_info.txt', 'data.mdb'
# A key has 511 bytes at most, LMDB's own limit; extension, shape and quality follow it.
MAX_LINE_BYTES = 1024
# How much of a wrong line an error shows.
_SHOWN = 60


def list_lmdb_keys(folder: str) -> PackedStrings:
    """Return the keys, in the order of the file.

    Raises:
        FileNotFoundError: a file of the LMDB layout is missing.
        OSError: the list cannot be read.
        ValueError: the list is empty, is no text, or a line has another form or names a key that leads out of the
            folder; names the file and the line.
    """
    for name in (META_NAME, DATA_NAME):
        if not os.path.isfile(os.path.join(folder, name)):
            raise FileNotFoundError(f"{folder}: expected the file {name} of an LMDB in BasicSR's layout, found none. "
                                    'Build the LMDB again (it may have been cut short).')
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
        while line := file.readline(MAX_LINE_BYTES + 1):  # a file without line ends may be larger than the memory
            number += 1
            where = f'{meta_path}, line {number}'
            if len(line) > MAX_LINE_BYTES:
                raise ValueError(f'{where}: expected at most {MAX_LINE_BYTES} bytes, found more. Build the LMDB again.')
            try:
                text = line.decode('utf-8').strip()
            except UnicodeDecodeError as error:
                raise ValueError(f'{where}: expected text in UTF-8, found other bytes ({error.reason}). Build the LMDB '
                                 'again.') from error
            if text:
                yield _key_of_line(text, where)


def _key_of_line(line: str, where: str) -> str:
    """Return 'name' from the line 'name.png (h,w,c) 1'."""
    name, bracket, _ = line.rpartition(' (')
    key, extension = os.path.splitext(name)
    if not bracket or not extension:
        raise ValueError(f"{where}: expected the form 'name.png (h,w,c) 1', found {line[:_SHOWN]!r}. Build the LMDB "
                         'again.')
    fault = name_fault(key)
    if fault:
        raise ValueError(f'{where}: expected a name inside of the LMDB, found {key[:_SHOWN]!r}: {fault}. Build the '
                         'LMDB again, from a source that you trust.')
    return key
