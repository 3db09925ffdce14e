from __future__ import annotations

import os
from pathlib import Path

import lmdb
import numpy as np
import pytest
from basicsr.utils import FileClient

from preparation.items import PrepItem
from preparation.journal import Entry, Journal, Unreadable, Written
from preparation.stores import FolderStore, LmdbStore, Store

TINY_MAP = 2**16


def entry_of(index: int, size: int) -> Written:
    return Written(f'{index:04d}', '.jpg', 3, 4, 3, size)


def content_of(index: int, size: int) -> bytes:
    return np.random.default_rng(index).bytes(size)


def test_map_grows_in_the_middle_of_a_batch(tmp_path: Path) -> None:
    """One flat image, then large ones: BasicSR's own writer guesses the map from the first and fails."""
    sizes = [100] + [20_000] * 100
    store = LmdbStore(str(tmp_path), first_map_size=TINY_MAP)
    for first, end in ((0, 1), (1, 51), (51, 101)):
        for index in range(first, end):
            store.stage(entry_of(index, sizes[index]), content_of(index, sizes[index]))
        store.commit()
    # Doubled from 64 KiB until 2 MB fit, and no further.
    assert 2**21 <= store._environment.info()['map_size'] <= 2**22
    store.close()
    client = FileClient('lmdb', db_paths=str(tmp_path))
    for index, size in enumerate(sizes):
        assert client.get(f'{index:04d}') == content_of(index, size)
    environment = client.client._client['default']
    assert environment.stat()['entries'] == 101
    environment.close()


def test_a_full_map_leaves_the_committed_batches(tmp_path: Path) -> None:
    store = LmdbStore(str(tmp_path), first_map_size=TINY_MAP)
    store.stage(entry_of(0, 10), bytes(10))
    store.commit()
    committed = store._environment.info()['last_txnid']
    for index in range(1, 20):
        store.stage(entry_of(index, 10_000), content_of(index, 10_000))
    store.commit()
    # The tries that ran into the full map left no trace.
    assert store._environment.info()['last_txnid'] == committed + 1
    assert store.count() == 20
    store.close()


def test_an_existing_lmdb_larger_than_the_first_map_is_gone_on_with(tmp_path: Path) -> None:
    for index in range(3):
        store = LmdbStore(str(tmp_path), first_map_size=TINY_MAP)
        store.stage(entry_of(index, 300_000), content_of(index, 300_000))
        store.commit()
        assert store.count() == index + 1
        store.close()
        store = LmdbStore(str(tmp_path), first_map_size=TINY_MAP)
        assert [store.holds(entry_of(rank, 300_000), rank) for rank in range(3)] == [rank <= index for rank in range(3)]
        store.close()


@pytest.mark.parametrize('kind', [LmdbStore, FolderStore])
def test_what_is_not_committed_is_not_there(tmp_path: Path, kind: type[LmdbStore] | type[FolderStore]) -> None:
    store: Store = kind(str(tmp_path))
    store.stage(entry_of(0, 5), b'first')
    store.commit()
    store.stage(entry_of(1, 6), b'second')
    store.close()
    store = kind(str(tmp_path))
    assert store.holds(entry_of(0, 5), 0)
    assert not store.holds(entry_of(0, 4), 0)
    assert not store.holds(entry_of(1, 6), 1)
    assert not list(tmp_path.rglob('*.partial'))
    store.commit()
    store.stage(entry_of(1, 6), b'second')
    store.commit()
    store.close()
    store = kind(str(tmp_path))
    assert store.holds(entry_of(0, 5), 0)
    assert store.holds(entry_of(1, 6), 1)
    assert store.count() == (2 if kind is LmdbStore else None)
    store.close()


def test_last_committed_entry_is_looked_up(tmp_path: Path) -> None:
    store = LmdbStore(str(tmp_path))
    store.stage(entry_of(0, 5), b'first')
    store.commit()
    store.close()
    store = LmdbStore(str(tmp_path))
    assert not store.holds(entry_of(7, 5), 0)
    store.close()


ITEMS = [PrepItem(f'src/{index}.jpg', f'{index:04d}') for index in range(5)]
ENTRIES: list[Entry] = [entry_of(0, 7), Unreadable('0001', 'an "odd"\treason\nü'), entry_of(2, 8), entry_of(3, 9)]


def write_journal(path: Path, entries: list[Entry]) -> list[int]:
    """Write a journal and return the end of each line."""
    journal = Journal(str(path))
    for entry in entries:
        journal.add(entry)
    journal.flush()
    journal.close()
    lines = path.read_bytes().splitlines(keepends=True)
    return list(np.cumsum([len(line) for line in lines]))


def test_journal_comes_back(tmp_path: Path) -> None:
    write_journal(tmp_path / 'journal', ENTRIES)
    journal = Journal(str(tmp_path / 'journal'))
    assert journal.recover(ITEMS, lambda entry, rank: True) == 4
    assert list(journal.entries()) == ENTRIES
    journal.close()


@pytest.mark.parametrize('cut', [1, 2, 10])
def test_torn_line_is_dropped_and_written_once(tmp_path: Path, cut: int) -> None:
    path = tmp_path / 'journal'
    ends = write_journal(path, ENTRIES)
    os.truncate(path, ends[-1] - cut)
    journal = Journal(str(path))
    assert journal.recover(ITEMS, lambda entry, rank: True) == 3
    journal.add(ENTRIES[3])
    journal.flush()
    assert list(journal.entries()) == ENTRIES
    journal.close()


def test_lines_without_value_are_dropped_with_all_after_them(tmp_path: Path) -> None:
    path = tmp_path / 'journal'
    ends = write_journal(path, ENTRIES)
    journal = Journal(str(path))
    ranks = {}
    # Entry 3 has its value, but a run goes on from a single place.
    assert journal.recover(ITEMS, lambda entry, rank: ranks.setdefault(entry.key, rank) != 1) == 2
    assert ranks == {'0000': 0, '0002': 1}  # unreadable ones have no value
    assert path.stat().st_size == ends[1]
    assert list(journal.entries()) == ENTRIES[:2]
    journal.close()


def test_lines_of_other_items_are_dropped(tmp_path: Path) -> None:
    write_journal(tmp_path / 'journal', [ENTRIES[0], ENTRIES[2]])
    journal = Journal(str(tmp_path / 'journal'))
    assert journal.recover(ITEMS, lambda entry, rank: True) == 1
    journal.close()


@pytest.mark.parametrize('junk', [b'[1]\n', b'{}\n', b'nonsense\n', b'\n', b'\0\0\0\n'])
def test_junk_is_dropped(tmp_path: Path, junk: bytes) -> None:
    path = tmp_path / 'journal'
    write_journal(path, ENTRIES[:2])
    path.write_bytes(path.read_bytes() + junk)
    journal = Journal(str(path))
    assert journal.recover(ITEMS, lambda entry, rank: True) == 2
    journal.close()


def test_empty_environment_is_no_error(tmp_path: Path) -> None:
    store = LmdbStore(str(tmp_path / 'a.lmdb'))
    store.commit()
    store.close()
    environment = lmdb.open(str(tmp_path / 'a.lmdb'), readonly=True, lock=False)
    assert environment.stat()['entries'] == 0
    environment.close()
