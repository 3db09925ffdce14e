from __future__ import annotations

import pickle
import sys
import tracemalloc

import pytest

from hcl_arch.data.storage.packed_strings import PackedStrings

TEXTS = ['a/b', '', 'Grüße', 'x' * 1000, 'broken \udcff byte']


def test_it_is_the_sequence_of_the_texts() -> None:
    packed = PackedStrings(iter(TEXTS))
    assert list(packed) == TEXTS
    assert len(packed) == 5
    assert [packed[-1], packed[-5]] == [TEXTS[4], TEXTS[0]]
    assert packed[1:4:2] == TEXTS[1:4:2]
    assert 'Grüße' in packed
    assert list(pickle.loads(pickle.dumps(packed))) == TEXTS


@pytest.mark.parametrize('index', [5, -6])
def test_out_of_range(index: int) -> None:
    with pytest.raises(IndexError, match=f'text {index} of 5'):
        PackedStrings(TEXTS)[index]


def test_empty() -> None:
    assert list(PackedStrings([])) == []
    assert not PackedStrings([])


def test_it_takes_less_than_half_of_a_tuple() -> None:
    names = [f'a/abbey/{number:08d}.jpg' for number in range(20_000)]
    tuple_size = sys.getsizeof(tuple(names)) + sum(map(sys.getsizeof, names))
    tracemalloc.start()
    packed = PackedStrings(names)
    size = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert len(packed) == 20_000
    assert size < tuple_size / 2
