"""Decode a scan: all coefficients of its blocks, or some bits of some of them.

A Huffman code has to be read from its start, symbol by symbol. But a reader that begins anywhere soon falls into step
with the one from the start. So many readers begin at once, all over the code, and go on together, each in an element of
an array; those that turn out to have begun wrongly do their part again.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from typing import Callable, NamedTuple, Optional

import numpy as np
from numpy.typing import NDArray

from hcl_arch.restoration.photographs.jpeg.bits import Bits, bits_of, stretches
from hcl_arch.restoration.photographs.jpeg.frame import PROGRESSIVE, Component, Frame, Segment, UnpatchableError
from hcl_arch.restoration.photographs.jpeg.huffman import (
    ADVANCE_MASK,
    BAD_PLACE,
    END_OF_BLOCK,
    SIZE_MASK,
    SIZE_PLACE,
    SKIP_MASK,
    SKIP_PLACE,
    lookup_table,
)
from hcl_arch.restoration.photographs.jpeg.refinement import refine_first, refine_others

# Bits of a reader's part, and readers of a small picture.
_LEAST_PART, _MOST_PART, _FEW_READERS = 1536, 6144, 64
_RUN_UP = 3072
_MOST_ROUNDS = 40
_DAMAGED = 'its code is damaged'
_Numbers = NDArray[np.int64]


@dataclass
class Scan:
    """A scan.

    Attributes:
        components: those it codes.
        places: places of the blocks among those of the frame, in the order of the code.
        first, last: the coefficients it codes, in zigzag order.
        low: the lowest bit that it codes.
        unit: blocks of a unit.
        tables: entries for each block of a unit, for its first coefficient and the others, one after another.
        slots: blocks that `tables` tell apart.
        is_progressive: of a progressive picture.
    """

    components: list[Component]
    places: _Numbers
    first: int
    last: int
    low: int
    unit: int
    tables: _Numbers
    slots: int
    is_progressive: bool


class _Readers(NamedTuple):
    """Where readers are: at which bit, at which block of a unit, at which coefficient."""

    bit: _Numbers
    slot: _Numbers
    coefficient: _Numbers

    def at(self, chosen: NDArray) -> _Readers:
        return _Readers(*(part[chosen] for part in self))


_Take = Callable[[_Numbers, _Numbers, _Numbers, _Numbers], None]


def decode_scan(frame: Frame, segment: Segment) -> None:
    """Decode a scan into the coefficients of a frame.

    Raises:
        UnpatchableError: It is damaged, or of a kind that is not read here.
    """
    components, choice, first, last, high, low = _header(frame, segment)
    units = frame.places(components)
    places, bits = units.reshape(-1), bits_of(segment.code)
    a_stretch = (frame.interval or len(units)) * units.shape[1]
    if len(bits.starts) - 1 != -(-len(places) // a_stretch):
        raise UnpatchableError(_DAMAGED)
    is_progressive = frame.kind == PROGRESSIVE
    if high and first:
        table = _table(frame, 1, choice[0][1], is_progressive=True)
        refine_others(frame.coefficients, places, table, bits, (first, last, low), a_stretch)
    elif high:
        refine_first(frame.coefficients, places, low, bits, a_stretch)
    else:
        tables = _tables_of(frame, components, choice, first, last, is_progressive)
        joined, slots = np.concatenate(tables), len(tables) // 2
        scan = Scan(components, places, first, last, low, units.shape[1], joined, slots, is_progressive)
        if last:
            _decode(frame, scan, bits, a_stretch)
        else:
            _decode_first(frame, scan, bits, a_stretch)
        if first == 0:
            _sum_up(frame, scan, a_stretch)


def _header(frame: Frame, segment: Segment) -> tuple[list[Component], list[tuple[int, int]], int, int, int, int]:
    """Return components, their numbers of codes, first and last coefficient, higher and lower bit."""
    body = segment.content
    if not body or len(body) != 4 + 2 * body[0]:
        raise UnpatchableError(_DAMAGED)
    by_number = {component.number: component for component in frame.components}
    numbers = body[1 : 1 + 2 * body[0] : 2]
    choice = [(pair >> 4, pair & 15) for pair in body[2 : 1 + 2 * body[0] : 2]]
    first, last, approximation = body[-3:]
    if frame.kind != PROGRESSIVE:
        first, last, approximation = 0, 63, 0
    is_right = first <= last <= 63 and (first == 0 or len(numbers) == 1) and approximation & 15 <= 13
    if not is_right or len({*numbers}) < len(numbers) or not {*numbers} <= {*by_number}:
        raise UnpatchableError(_DAMAGED)
    if frame.kind == PROGRESSIVE and first == 0 and last:
        raise UnpatchableError(_DAMAGED)
    return [by_number[number] for number in numbers], choice, first, last, approximation >> 4, approximation & 15


def _tables_of(
    frame: Frame,
    components: list[Component],
    choice: list[tuple[int, int]],
    first: int,
    last: int,
    is_progressive: bool,
) -> list[_Numbers]:
    """Return two tables for each block of a unit; for one block, if all blocks have the same."""
    if len({*choice}) == 1:
        components, choice = components[:1], choice[:1]
    tables = []
    for component, (dc, ac) in zip(components, choice):
        own = [
            _table(frame, 0, dc, is_progressive) if first == 0 else np.zeros(1 << 16, np.int64),
            _table(frame, 1, ac, is_progressive) if last else np.zeros(1 << 16, np.int64),
        ]
        tables += own * (1 if len(components) == 1 else component.across * component.down)
    return tables


def _table(frame: Frame, kind: int, number: int, is_progressive: bool) -> _Numbers:
    code = frame.codes.get((kind, number))
    if code is None or sum(code.counts) != len(code.symbols):
        raise UnpatchableError(_DAMAGED)
    return lookup_table(code, is_dc=kind == 0, is_progressive=is_progressive)


def _decode(frame: Frame, scan: Scan, bits: Bits, a_stretch: int) -> None:
    """Find where each reader begins in truth, then let them read."""
    begin, stop, is_first, base, most = _parts(scan, bits, a_stretch)
    run_up = np.where(is_first, begin, np.maximum(begin - _RUN_UP, bits.starts[np.cumsum(is_first) - 1]))
    readers = _Readers(run_up, np.zeros_like(begin), np.full_like(begin, scan.first))
    readers, counts = _walk(scan, bits, readers, begin)[0], np.zeros_like(begin)
    todo = np.arange(len(begin))
    for _ in range(_MOST_ROUNDS):
        ends, counts[todo] = _walk(scan, bits, readers.at(todo), stop[todo])
        has_next = (todo + 1 < len(begin)) & ~is_first[np.minimum(todo + 1, len(begin) - 1)]
        ends, after = ends.at(has_next), todo[has_next] + 1
        wrong = np.logical_or.reduce([end != part[after] for end, part in zip(ends, readers)])
        todo = after[wrong]
        if not len(todo):
            break
        for end, part in zip(ends, readers):
            part[todo] = end[wrong]
    else:
        raise UnpatchableError('its code has no pattern')
    before = np.cumsum(counts) - counts
    block = base + before - before[is_first][np.cumsum(is_first) - 1]
    if (np.add.reduceat(counts, np.flatnonzero(is_first)) < (most - base)[is_first]).any():
        raise UnpatchableError(_DAMAGED)
    _walk(scan, bits, readers, stop, _taker(frame.coefficients, scan, bits, block, most))


def _decode_first(frame: Frame, scan: Scan, bits: Bits, a_stretch: int) -> None:
    """Decode first coefficients alone, which are few; their code gives readers too little to fall into step."""
    tables = [part.tolist() for part in np.split(scan.tables, 2 * scan.slots)[::2]]
    words, ends, sizes, bits_end = bits.words.data, array('q'), array('q'), bits.starts[-1].item()
    for place, first, stop in stretches(bits, len(scan.places), a_stretch):
        for block in range(stop - first):
            entry = tables[block % scan.slots][words[place >> 3] >> (16 - (place & 7)) & 0xFFFF]
            place += entry & ADVANCE_MASK
            ends.append(place)
            sizes.append(entry >> SIZE_PLACE & SIZE_MASK)
            if entry >> BAD_PLACE or place > bits_end:
                raise UnpatchableError(_DAMAGED)
    size = np.array(sizes, np.int64)
    frame.coefficients[scan.places, 0] = _signed(bits.values(np.array(ends, np.int64) - size, size), size) << scan.low


def _parts(scan: Scan, bits: Bits, a_stretch: int) -> tuple[_Numbers, _Numbers, NDArray[np.bool_], _Numbers, _Numbers]:
    """Return the readers' first bits and ends, whether they begin a stretch, and its first block and end of blocks."""
    begin, is_first, base, most = [], [], [], []
    ends = bits.starts[1:].tolist()
    part = min(max(ends[-1] // _FEW_READERS, _LEAST_PART), _MOST_PART)
    for (start, first, stop), end in zip(stretches(bits, len(scan.places), a_stretch), ends):
        own = list(range(start, max(end - part // 2, start + 1), part))
        begin += own
        is_first += [True] + [False] * (len(own) - 1)
        base += [first] * len(own)
        most += [stop] * len(own)
    starts = np.array(begin)
    return starts, np.append(starts[1:], bits.starts[-1]), np.array(is_first), np.array(base), np.array(most)


def _walk(
    scan: Scan, bits: Bits, readers: _Readers, stop: _Numbers, take: Optional[_Take] = None
) -> tuple[_Readers, _Numbers]:
    """Let readers go on to their ends; return where they are then, and how many blocks they have ended."""
    numbers, done = np.arange(len(stop)), np.zeros(len(stop), np.int64)
    bit, slot, coefficient = readers
    result, counts = _Readers(*(part.copy() for part in readers)), done.copy()
    going = bit < stop
    while True:
        if not going.all():
            for part, now in zip((*result, counts), (bit, slot, coefficient, done)):
                part[numbers[~going]] = now[~going]
            if not going.any():
                return result, counts
            numbers, bit, slot, coefficient, done, stop = (
                part[going] for part in (numbers, bit, slot, coefficient, done, stop)
            )
        entry = scan.tables[((slot << 1) + (coefficient > 0) << 16) + bits.window(bit)]
        bit = bit + (entry & ADVANCE_MASK)
        coefficient = coefficient + (entry >> SKIP_PLACE & SKIP_MASK)
        ended = coefficient > scan.last
        if take is not None:
            take(numbers, done, bit, coefficient, entry)  # type: ignore[call-arg]
        done = done + (_ended_blocks(bits, bit, entry, ended) if scan.is_progressive and scan.first else ended)
        coefficient = np.where(ended, scan.first, coefficient)
        if scan.slots > 1:
            slot = slot + ended
            slot[slot == scan.slots] = 0
        going = bit < stop


def _ended_blocks(bits: Bits, bit: _Numbers, entry: _Numbers, ended: NDArray[np.bool_]) -> _Numbers:
    """How many blocks end here: a run of them may be without further coefficients."""
    size = entry >> SIZE_PLACE & SIZE_MASK
    is_run = (entry >> SKIP_PLACE & SKIP_MASK) == END_OF_BLOCK
    return np.where(is_run, (1 << size) + bits.values(bit - size, size), ended)


def _taker(coefficients: NDArray[np.int16], scan: Scan, bits: Bits, block: _Numbers, most: _Numbers) -> Callable:
    """Return the function that puts what was read to its place."""
    flat = coefficients.reshape(-1)

    def take(numbers: _Numbers, done: _Numbers, bit: _Numbers, coefficient: _Numbers, entry: _Numbers) -> None:
        size, own = entry >> SIZE_PLACE & SIZE_MASK, block[numbers] + done
        is_inside = own < most[numbers]
        is_value = is_inside & (size > 0) & ((entry >> SKIP_PLACE & SKIP_MASK) != END_OF_BLOCK)
        if (is_inside & (entry >> BAD_PLACE > 0)).any() or (is_value & (coefficient > scan.last + 1)).any():
            raise UnpatchableError(_DAMAGED)
        chosen = np.flatnonzero(is_value)
        size, own, coefficient = size[chosen], own[chosen], coefficient[chosen] - 1
        value = _signed(bits.values(bit[chosen] - size, size), size)
        flat[(scan.places[own] << 6) + coefficient] = value << scan.low

    return take


def _signed(value: _Numbers, size: _Numbers) -> _Numbers:
    """Return the number that so many bits stand for: those that begin with 0 are negative."""
    return value - np.where(value << 1 >> size, 0, (1 << size) - 1)


def _sum_up(frame: Frame, scan: Scan, a_stretch: int) -> None:
    """Turn the first coefficients, coded as differences to those of the block before, into their sums."""
    units = scan.places.reshape(-1, scan.unit)
    columns = 0
    for component in scan.components:
        width = 1 if len(scan.components) == 1 else component.across * component.down
        own = units[:, columns : columns + width].reshape(-1)
        columns += width
        sums = np.cumsum(frame.coefficients[own, 0].astype(np.int64))
        a_part = a_stretch // scan.unit * width
        before = np.concatenate([[0], sums[a_part - 1 :: a_part]])
        frame.coefficients[own, 0] = sums - before[np.arange(len(own)) // a_part]
