"""Stores for prepared images: an LMDB in BasicSR's layout, or a folder of files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol

import lmdb

from hcl_arch.data.storage.lmdb_file import check_lmdb_file
from hcl_arch.data.storage.lmdb_reader import DATA_NAME
from hcl_arch.utils.atomic_file import PARTIAL_SUFFIX, partial_name, refuse_special_file
from preparation.items import PreparationError
from preparation.journal import Written

# Small, so the doubling is not a rare path that only huge data sets take.
FIRST_MAP_SIZE = 2**24


class Store(Protocol):
    """Receives images in batches; a batch is stored as a whole by `commit`, after the journal's flush."""

    def holds(self, entry: Written, rank: int) -> bool:
        """Whether an entry's value is stored in full length; `rank` entries were written before it."""

    def count(self) -> int | None:
        """Return the number of committed entries, None if it is not counted."""

    def stage(self, entry: Written, content: bytes) -> None:
        """Take an image into the batch."""

    def commit(self) -> None:
        """Write the batch."""

    def close(self) -> None:
        """Discard everything uncommitted and release all resources."""


class LmdbStore:
    """An LMDB folder whose map grows with its content.

    LMDB needs a map size, and a guess from the first image fails if that is a flat one. Therefore the map starts small;
    if a batch does not fit, it is rolled back, the map is doubled, and the batch is written again.

    Args:
        folder: the folder for `data.mdb` and `lock.mdb`; an existing LMDB in it is continued.
        first_map_size: initial map size in bytes.

    Raises:
        PreparationError: the LMDB in it is damaged or truncated.
    """

    def __init__(self, folder: str, *, first_map_size: int = FIRST_MAP_SIZE) -> None:
        _check_left_behind(folder)
        # LMDB increases the map size to that of an existing environment.
        self._environment = lmdb.open(folder, map_size=first_map_size, meminit=False)
        self._batch: list[tuple[bytes, bytes]] = []
        self._count_at_start = self.count()

    def holds(self, entry: Written, rank: int) -> bool:
        """Whether the value of entry number `rank` was present when the store was opened.

        Batches are committed whole and in order, so the LMDB's count gives the number of entries. Only the last one is
        looked up: looking up all would read the whole file.
        """
        if rank != self._count_at_start - 1:
            return rank < self._count_at_start
        with self._environment.begin(buffers=True) as transaction:
            value = transaction.get(entry.key.encode('ascii'))
            return value is not None and len(value) == entry.size

    def count(self) -> int:
        """Return the number of committed entries."""
        return int(self._environment.stat()['entries'])

    def stage(self, entry: Written, content: bytes) -> None:
        """Take an image into the batch."""
        self._batch.append((entry.key.encode('ascii'), content))

    def commit(self) -> None:
        """Write the batch in one transaction."""
        while self._batch:
            try:
                with self._environment.begin(write=True) as transaction:
                    for key, content in self._batch:
                        transaction.put(key, content)
                self._batch = []
            except lmdb.MapFullError:
                self._environment.set_mapsize(2 * self._environment.info()['map_size'])

    def close(self) -> None:
        """Close the environment; what is not committed is lost."""
        self._environment.close()


def _check_left_behind(folder: str) -> None:
    """Refuse a damaged `data.mdb` of an interrupted run: continuing with a truncated one would kill the process."""
    path = os.path.join(folder, DATA_NAME)
    if not os.path.lexists(path) or (os.path.isfile(path) and os.path.getsize(path) == 0):  # LMDB then starts a new one
        return
    try:
        check_lmdb_file(path)
    except OSError as error:
        raise PreparationError(
            f'{error} It belongs to an unfinished output: remove its folder, and run the command again.'
        ) from error


class FolderStore:
    """A folder of image files. Each is written under a temporary name in the same folder and renamed by `commit`.

    Args:
        folder: the folder; temporary files of an interrupted run in it are removed.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._batch: list[tuple[Path, str]] = []
        self._made: set[str] = set()
        for directory, _, names in os.walk(folder):
            for name in names:
                if name.endswith(PARTIAL_SUFFIX):
                    os.remove(os.path.join(directory, name))

    def holds(self, entry: Written, rank: int) -> bool:
        """Whether the entry's file exists in full length (a power cut can leave a renamed file empty)."""
        try:
            return os.path.getsize(self._path_of(entry)) == entry.size
        except OSError:
            return False

    def count(self) -> None:
        """Return None: counting would require listing the files."""

    def stage(self, entry: Written, content: bytes) -> None:
        """Write an image under a temporary name."""
        path = self._path_of(entry)
        directory = os.path.dirname(path)
        if directory not in self._made:
            os.makedirs(directory, exist_ok=True)
            self._made.add(directory)
        refuse_special_file(path)
        partial = partial_name(Path(path))
        with open(partial, 'xb') as file:
            file.write(content)
        self._batch.append((partial, path))

    def commit(self) -> None:
        """Give the batch's files their final names."""
        for partial, path in self._batch:
            os.replace(partial, path)
        self._batch = []

    def close(self) -> None:
        """Do nothing: temporary files are removed when the run is resumed."""

    def _path_of(self, entry: Written) -> str:
        return os.path.join(self._folder, entry.key + entry.extension)
