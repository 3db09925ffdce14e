"""Where prepared images are written: an LMDB in BasicSR's layout, or a folder of files."""

from __future__ import annotations

import os
from typing import Protocol

import lmdb

from hcl_arch.data.storage.lmdb_file import check_lmdb_file
from hcl_arch.data.storage.lmdb_reader import DATA_NAME
from preparation.items import PreparationError
from preparation.journal import Written

# Small, so that the doubling is no rare path that only huge data sets take.
FIRST_MAP_SIZE = 2**24
PARTIAL_SUFFIX = '.partial'


class Store(Protocol):
    """Takes images in batches; a batch is there as a whole after `commit`, which the journal precedes."""

    def holds(self, entry: Written, rank: int) -> bool:
        """Say whether an entry's value is there in full length; `rank` entries were written before it."""

    def count(self) -> int | None:
        """Return the number of committed entries, None where nothing keeps count."""

    def stage(self, entry: Written, content: bytes) -> None:
        """Take an image into the batch."""

    def commit(self) -> None:
        """Write the batch."""

    def close(self) -> None:
        """Give up what is not committed and release everything."""


class LmdbStore:
    """An LMDB folder whose map grows with its content.

    A map size has to be given, and a guess from the first image fails after a flat one. So the map starts small; a
    batch that does not fit is taken back, the map doubled and the batch written again.

    Args:
        folder: the folder for `data.mdb` and `lock.mdb`; an LMDB in it is gone on with.
        first_map_size: bytes to start with.

    Raises:
        PreparationError: the LMDB in it is damaged or cut short.
    """

    def __init__(self, folder: str, *, first_map_size: int = FIRST_MAP_SIZE) -> None:
        _check_left_behind(folder)
        # LMDB raises the map size to what an existing environment needs.
        self._environment = lmdb.open(folder, map_size=first_map_size, meminit=False)
        self._batch: list[tuple[bytes, bytes]] = []
        self._count_at_start = self.count()

    def holds(self, entry: Written, rank: int) -> bool:
        """Say whether the value of the entry number `rank` was there when the store was opened.

        Batches are committed whole and in order, so as many entries are there as the LMDB counts. Only the last of
        them is looked up: to look up all would read the whole file.
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
    """Refuse a damaged `data.mdb` of an interrupted run: to go on with one that is cut short would kill the process."""
    path = os.path.join(folder, DATA_NAME)
    if not os.path.lexists(path) or (os.path.isfile(path) and os.path.getsize(path) == 0):  # LMDB begins anew then
        return
    try:
        check_lmdb_file(path)
    except OSError as error:
        raise PreparationError(
            f'{error} It belongs to an unfinished output: remove its folder, and run the command again.'
        ) from error


class FolderStore:
    """A folder of image files. Each is written under a temporary name beside its place and renamed by `commit`.

    Args:
        folder: the folder; temporary files of an interrupted run in it are removed.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._batch: list[str] = []
        self._made: set[str] = set()
        for directory, _, names in os.walk(folder):
            for name in names:
                if name.endswith(PARTIAL_SUFFIX):
                    os.remove(os.path.join(directory, name))

    def holds(self, entry: Written, rank: int) -> bool:
        """Say whether the entry's file is there in full length (a power cut can leave a renamed file empty)."""
        try:
            return os.path.getsize(self._path_of(entry)) == entry.size
        except OSError:
            return False

    def count(self) -> None:
        """Return None: the files would have to be listed."""

    def stage(self, entry: Written, content: bytes) -> None:
        """Write an image under a temporary name."""
        path = self._path_of(entry)
        directory = os.path.dirname(path)
        if directory not in self._made:
            os.makedirs(directory, exist_ok=True)
            self._made.add(directory)
        with open(path + PARTIAL_SUFFIX, 'wb') as file:
            file.write(content)
        self._batch.append(path)

    def commit(self) -> None:
        """Give the batch's files their names."""
        for path in self._batch:
            os.replace(path + PARTIAL_SUFFIX, path)
        self._batch = []

    def close(self) -> None:
        """Do nothing: temporary files are removed when the run is gone on with."""

    def _path_of(self, entry: Written) -> str:
        return os.path.join(self._folder, entry.key + entry.extension)
