"""Checks and digest of an item list, with little memory."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence

import numpy as np

from hcl_arch.data.storage.image_root import is_lmdb
from preparation.items import PreparationError, PrepItem
from preparation.keys import key_fault


def check_items(items: Sequence[PrepItem], output: str) -> str:
    """Check the items and return the digest of their list.

    The digest is the SHA-256 of a line `key<tab>variant<tab>absolute source path` for each item, in order.

    Raises:
        PreparationError: there is no item, a key is malformed, two items share a key, or a source lies inside the
            output.
    """
    if not items:
        raise PreparationError(f'{output}: expected images to write, got none.')
    digest = hashlib.sha256()
    # Eight bytes per item instead of a set of all keys, which takes half a gigabyte for Places.
    hashes = np.empty(len(items), np.int64)
    inside = os.path.realpath(output) + os.sep
    for index, item in enumerate(items):
        fault = key_fault(item.key, for_files=not is_lmdb(output))
        if fault:
            raise PreparationError(f'{item.source}: the key {item.key!r} cannot be used: {fault}.')
        path = os.path.abspath(item.source)
        if path.startswith(inside):
            raise PreparationError(f'{item.source}: the source lies inside the output {output}. Give another output.')
        digest.update(f'{item.key}\t{item.variant}\t{path}\n'.encode('utf-8', 'surrogateescape'))
        hashes[index] = hash(item.key)
    _check_unique(items, hashes)
    return digest.hexdigest()


def _check_unique(items: Sequence[PrepItem], hashes: np.ndarray) -> None:
    """Raise if two items share a key; only those whose hashes agree are compared."""
    order = np.argsort(hashes, kind='stable')
    twice = np.flatnonzero(np.diff(hashes[order]) == 0)
    suspects = np.unique(np.concatenate([order[twice], order[twice + 1]]))
    seen: dict[str, PrepItem] = {}
    for index in suspects:
        item = items[int(index)]
        other = seen.setdefault(item.key, item)
        if other is not item:
            raise PreparationError(
                f"two images would get the same key '{item.key}': {other.source} and {item.source}. Rename one of them "
                'in a copy of the folder, or leave one out.'
            )


def check_apart(output: str, *sources: str) -> None:
    """Refuse an output inside a source folder, or vice versa: it would be listed as a source next time.

    Raises:
        PreparationError: one lies inside the other, or they are the same.
    """
    target = os.path.realpath(output)
    for source in sources:
        folder = os.path.realpath(source)
        if _is_below(target, folder) or _is_below(folder, target):
            raise PreparationError(
                f'{output} and {source}: expected an output that lies apart from all other folders, '
                'found one inside the other. Give another output.'
            )


def _is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)
