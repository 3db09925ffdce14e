"""Huffman codes of a JPEG: tables to look symbols up, and the shortest codes for symbols that were counted."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

# What an entry of a table holds, from the lowest bit: bits to go on by, bits of the value that ends there, and
# coefficients to go on by.
SIZE_PLACE, SKIP_PLACE, BAD_PLACE = 6, 10, 20
ADVANCE_MASK, SIZE_MASK, SKIP_MASK = 63, 15, 127
# Beyond every coefficient: the block, or a run of blocks, ends.
END_OF_BLOCK = 64
_LONGEST_CODE = 16
_MOST_SIZE = 11
_RUN_OF_ZEROS = 15
# No code may consist of ones only: a symbol that does not occur takes it.
_NO_SYMBOL = 256


class Code(NamedTuple):
    """A Huffman code as a file states it: the number of codes of each length from 1 to 16, and the symbols in order."""

    counts: bytes
    symbols: bytes

    def lengths_and_codes(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return length and code of each of the 256 symbols, 0 for those without one."""
        lengths, codes = np.zeros(256, np.int64), np.zeros(256, np.int64)
        code = place = 0
        for length, count in enumerate(self.counts, 1):
            for symbol in self.symbols[place : place + count]:
                lengths[symbol], codes[symbol] = length, code
                code += 1
            place += count
            code <<= 1
        return lengths, codes


def lookup_table(code: Code, *, is_dc: bool, is_progressive: bool) -> NDArray[np.int64]:
    """Return the entry of every 16 bits that may come next."""
    table = np.full(1 << _LONGEST_CODE, 1 << BAD_PLACE | 1)
    lengths, codes = code.lengths_and_codes()
    for symbol in np.flatnonzero(lengths).tolist():
        length, first = int(lengths[symbol]), int(codes[symbol]) << (_LONGEST_CODE - int(lengths[symbol]))
        entry = _dc_entry(symbol) if is_dc else _ac_entry(symbol, is_progressive)
        table[first : first + (1 << (_LONGEST_CODE - length))] = entry + length
    return table


def _dc_entry(symbol: int) -> int:
    return _entry(symbol, 1) if symbol <= _MOST_SIZE else 1 << BAD_PLACE


def _ac_entry(symbol: int, is_progressive: bool) -> int:
    run, size = symbol >> 4, symbol & 15
    if size:
        return _entry(size, run + 1)
    if run == _RUN_OF_ZEROS:
        return _entry(0, run + 1)
    return _entry(run if is_progressive else 0, END_OF_BLOCK)


def _entry(size: int, skip: int) -> int:
    return size | size << SIZE_PLACE | skip << SKIP_PLACE


def shortest_code(frequencies: Sequence[int]) -> Code:
    """Return the shortest code of at most 16 bits for symbols that occur so often (ITU-T T.81, K.2)."""
    used = [symbol for symbol in range(256) if frequencies[symbol]]
    lengths = dict.fromkeys([*used, _NO_SYMBOL], 0)
    heap: list[tuple[int, int, list[int]]] = [(0, _NO_SYMBOL, [_NO_SYMBOL])]
    heap += [(int(frequencies[symbol]), symbol, [symbol]) for symbol in used]
    heapq.heapify(heap)
    while len(heap) > 1:
        (low, _, first), (high, order, second) = heapq.heappop(heap), heapq.heappop(heap)
        for symbol in first + second:
            lengths[symbol] += 1
        heapq.heappush(heap, (low + high, order, first + second))
    counts = _limited(np.bincount(list(lengths.values()), minlength=_LONGEST_CODE + 1).tolist())
    counts[max(length for length, count in enumerate(counts) if count)] -= 1  # the code of ones
    ordered = sorted(used, key=lambda symbol: (lengths[symbol], symbol))
    return Code(bytes(counts[1 : _LONGEST_CODE + 1]), bytes(ordered))


def _limited(counts: list[Any]) -> list[int]:
    """Shorten the codes of more than 16 bits, at the expense of shorter ones (ITU-T T.81, figure K.3)."""
    for length in range(len(counts) - 1, _LONGEST_CODE, -1):
        while counts[length]:
            shorter = length - 2
            while not counts[shorter]:
                shorter -= 1
            counts[length] -= 2
            counts[length - 1] += 1
            counts[shorter + 1] += 2
            counts[shorter] -= 1
    return counts
