"""Write the coefficients of a JPEG, each scan with the shortest codes for it."""

from __future__ import annotations

import struct
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hcl_arch.restoration.photographs.jpeg.frame import (
    DHT,
    DQT,
    EOI,
    PROGRESSIVE,
    SIDE,
    SOI,
    SOS,
    Component,
    Frame,
    UnpatchableError,
)
from hcl_arch.restoration.photographs.jpeg.huffman import shortest_code

_RUN_OF_ZEROS, _LONGEST_RUN = 0xF0, 0x7FFF
# Of a progressive file, what is seen first: low frequencies.
_BANDS = ((1, 5), (6, 63))
_LARGEST = 1023
# Blocks whose symbols are found at once.
_CHUNK = 2**14
_Numbers = NDArray[np.int64]


class _Symbols(NamedTuple):
    """Symbols in the order of the code.

    Attributes:
        table: number of the Huffman code of each: the class of coefficients, twice the number of the table.
        symbol: of 8 bits.
        size, value: number of the bits that follow it, and these.
    """

    table: NDArray[np.uint8]
    symbol: NDArray[np.uint8]
    size: NDArray[np.uint8]
    value: NDArray[np.uint16]


def write_coefficients(frame: Frame, header: bytes) -> bytes:
    """Return the file of a frame.

    Args:
        frame: sequential, or progressive: then low frequencies come first.
        header: segments with metadata.

    Raises:
        UnpatchableError: A coefficient is larger than a file can hold.
    """
    if np.abs(frame.coefficients[:, 1:]).max(initial=0) > _LARGEST:
        raise UnpatchableError('a coefficient is too large')
    parts = [_marker(SOI), header, *_tables(frame), _segment(frame.kind, _frame_body(frame))]
    if frame.kind == PROGRESSIVE:
        parts += _scan(frame, frame.components, 0, 0)
        parts += [
            part
            for first, last in _BANDS
            for component in frame.components
            for part in _scan(frame, [component], first, last)
        ]
    else:
        parts += _scan(frame, frame.components, 0, SIDE * SIDE - 1)
    return b''.join([*parts, _marker(EOI)])


def _marker(number: int) -> bytes:
    return bytes([0xFF, number])


def _segment(marker: int, body: bytes) -> bytes:
    return _marker(marker) + struct.pack('>H', len(body) + 2) + body


def _tables(frame: Frame) -> list[bytes]:
    result = []
    for number in sorted({component.table for component in frame.components}):
        steps = frame.quantisation[number]
        is_long = bool(steps.max() > 255)
        result.append(
            _segment(DQT, bytes([is_long << 4 | number]) + steps.astype('>u2' if is_long else 'u1').tobytes())
        )
    return result


def _frame_body(frame: Frame) -> bytes:
    body = struct.pack('>BHHB', SIDE, frame.height, frame.width, len(frame.components))
    return body + b''.join(bytes([part.number, part.across << 4 | part.down, part.table]) for part in frame.components)


def _scan(frame: Frame, components: list[Component], first: int, last: int) -> list[bytes]:
    """Return the segments of a scan: its codes, its header, and the code."""
    units = frame.places(components)
    tables = np.minimum(np.repeat(np.arange(len(components)), [_width(part, components) for part in components]), 1)
    parts, counts = [], np.zeros((4, 256), np.int64)
    places, tables = units.reshape(-1), np.tile(tables, len(units))
    differences = _differences(frame.coefficients[places, 0], units, components) if first == 0 else None
    for start in range(0, len(places), _CHUNK):
        own = slice(start, start + _CHUNK)
        blocks = frame.coefficients[places[own], first : last + 1]
        if differences is not None:
            blocks[:, 0] = differences[own]
        parts.append(_symbols(blocks, tables[own], has_dc=first == 0))
        counts += np.bincount(256 * parts[-1].table.astype(int) + parts[-1].symbol, minlength=1024).reshape(4, 256)
    lengths, codes, bodies = np.zeros_like(counts), np.zeros_like(counts), b''
    for table in np.flatnonzero(counts.any(axis=1)).tolist():
        code = shortest_code(counts[table].tolist())
        lengths[table], codes[table] = code.lengths_and_codes()
        bodies += bytes([(table & 1) << 4 | table >> 1]) + code.counts + code.symbols
    choice = [bytes([part.number, 0x11 * min(number, 1)]) for number, part in enumerate(components)]
    head = bytes([len(components)]) + b''.join(choice) + bytes([first, last, 0])
    return [_segment(DHT, bodies), _segment(SOS, head), _packed(parts, lengths, codes)]


def _width(component: Component, components: list[Component]) -> int:
    return 1 if len(components) == 1 else component.across * component.down


def _differences(values: NDArray[np.int16], units: _Numbers, components: list[Component]) -> NDArray[np.int16]:
    """Return the first coefficients as differences to those of the block before of the same component."""
    grid, column = values.reshape(units.shape), 0
    for part in components:
        width = _width(part, components)
        own = grid[:, column : column + width]
        grid[:, column : column + width] = np.diff(own.reshape(-1), prepend=0).reshape(own.shape)
        column += width
    return grid.reshape(-1)


def _symbols(blocks: NDArray[np.int16], tables: _Numbers, *, has_dc: bool) -> _Symbols:
    """Return the symbols of blocks.

    Args:
        blocks: (blocks, coefficients of the scan).
        tables: number of each block's table.
        has_dc: whether the first of the coefficients is the first of the block, as a difference.
    """
    others = blocks[:, 1:] if has_dc else blocks
    block, column = np.nonzero(others)
    before = np.where(np.diff(block, prepend=-1) > 0, -1, np.concatenate([[-1], column[:-1]]))
    run = column - before - 1
    own = np.bincount(block, weights=1 + (run >> 4), minlength=len(blocks)).astype(np.int64)
    ends = _ends(others, is_merged=not has_dc)
    total = own + has_dc + (ends > 0)
    start, count = np.cumsum(total) - total, int(total.sum())
    symbols = _Symbols(
        np.repeat(tables * 2 + 1, total).astype(np.uint8),
        np.full(count, _RUN_OF_ZEROS, np.uint8),
        np.zeros(count, np.uint8),
        np.zeros(count, np.uint16),
    )
    if has_dc:
        symbols.table[start] -= 1
        _put(symbols, start, 0, blocks[:, 0])
    behind = np.concatenate([[0], np.cumsum(own)])[block]
    place = start[block] + has_dc + np.cumsum(1 + (run >> 4)) - behind - 1
    _put(symbols, place, run & 15, others[block, column])
    stop = np.flatnonzero(ends)
    size = _bit_length(ends[stop]) - 1
    place = start[stop] + total[stop] - 1
    symbols.symbol[place], symbols.size[place] = size << 4, size
    symbols.value[place] = ends[stop] - (1 << size)
    return symbols


def _put(symbols: _Symbols, place: _Numbers, run: _Numbers | int, value: NDArray[np.int16]) -> None:
    size = _bit_length(np.abs(value.astype(np.int64)))
    symbols.symbol[place], symbols.size[place] = run << 4 | size, size
    symbols.value[place] = value + np.where(value < 0, (1 << size) - 1, 0)


def _bit_length(values: _Numbers) -> _Numbers:
    return np.frexp(values.astype(np.float64))[1].astype(np.int64)


def _ends(others: NDArray[np.int16], *, is_merged: bool) -> _Numbers:
    """Return for each block how many blocks end behind it, itself among them: 0 or 1, or a run if these are merged."""
    if not others.shape[1]:
        return np.zeros(len(others), np.int64)
    is_open, is_empty = others[:, -1] == 0, ~others.any(axis=1)
    if not is_merged:
        return is_open.astype(np.int64)
    # A run begins at a block that ends early after some coefficients, or at an empty one behind one that is full.
    begins = is_open & (~is_empty | np.concatenate([[True], ~is_open[:-1]]))
    run = np.cumsum(begins)
    counted = np.bincount(run[is_open], minlength=run[-1] + 1) if len(run) else run
    number = np.arange(len(others)) - np.flatnonzero(begins)[run - 1] if run[-1] else run
    ends = np.zeros(len(others), np.int64)
    starts = is_open & (number % _LONGEST_RUN == 0)
    ends[starts] = np.minimum(counted[run[starts]] - number[starts], _LONGEST_RUN)
    return ends


def _packed(parts: list[_Symbols], lengths: _Numbers, codes: _Numbers) -> bytes:
    """Return the code of symbols one after another, filled up with ones, and stuffed."""
    sizes = [int((lengths[part.table, part.symbol] + part.size).sum()) for part in parts]
    n_bits, start = sum(sizes), 0
    words = np.zeros((n_bits >> 5) + 2, np.uint32)
    for part, size in zip(parts, sizes):
        code = codes[part.table, part.symbol] << part.size | part.value
        packed = _words(code, lengths[part.table, part.symbol] + part.size, start & 31)
        words[start >> 5 :][: len(packed)] |= packed
        start += size
    content = bytearray(words.astype('>u4').tobytes()[: -(-n_bits // 8)])
    content[-1] |= (1 << (-n_bits % 8)) - 1
    return bytes(content).replace(b'\xff', b'\xff\0')


def _words(bits: _Numbers, lengths: _Numbers, start: int) -> NDArray[np.uint32]:
    """Return bits one after another, up to 32 of each number, in words of 32, from a bit of the first word on."""
    end = np.cumsum(lengths) + start
    place, n_words = end - lengths, int(end[-1] >> 5) + 1
    shifted = bits.astype(np.uint64) << (64 - lengths - (place & 31)).astype(np.uint64)
    # Sums of numbers without common bits; with 32 of them they are exact as floating-point ones.
    high = np.bincount(place >> 5, weights=(shifted >> np.uint64(32)).astype(np.float64), minlength=n_words + 1)
    low = np.bincount((place >> 5) + 1, weights=(shifted & np.uint64(0xFFFFFFFF)).astype(np.float64))
    high[: len(low)] += low[: len(high)]
    return high[:n_words].astype(np.uint32)
