"""Decode the scans of a progressive JPEG that add a bit to coefficients already known.

How long the code of a block is depends on which of its coefficients are known, so it is read from its start.
"""

from __future__ import annotations

from array import array

import numpy as np
from numpy.typing import NDArray

from hcl_arch.restoration.photographs.jpeg.bits import Bits, stretches
from hcl_arch.restoration.photographs.jpeg.frame import UnpatchableError
from hcl_arch.restoration.photographs.jpeg.huffman import (
    ADVANCE_MASK,
    BAD_PLACE,
    END_OF_BLOCK,
    SIZE_MASK,
    SIZE_PLACE,
    SKIP_MASK,
    SKIP_PLACE,
)

# More than a block has; and bits of the longest code with what follows it.
_TOO_MANY, _LONGEST = 100, 128
_Numbers = NDArray[np.int64]
_Entry = tuple[int, int, int]


def refine_first(
    coefficients: NDArray[np.int16], places: _Numbers, low: int, bits: Bits, blocks_a_stretch: int
) -> None:
    """Add a bit to the first coefficients: one of the code for each block."""
    for start, first, stop in stretches(bits, len(places), blocks_a_stretch):
        own = start + np.arange(stop - first)
        coefficients[places[first:stop], 0] |= (bits.values(own, np.ones_like(own)) << low).astype(np.int16)


def refine_others(
    coefficients: NDArray[np.int16],
    places: _Numbers,
    table: _Numbers,
    bits: Bits,
    band: tuple[int, int, int],
    blocks_a_stretch: int,
) -> None:
    """Add a bit to other coefficients, and find those of which it is the first.

    Args:
        coefficients: (blocks, 64), of the frame.
        places: of the scan's blocks.
        table: entries of the Huffman code.
        bits: of the scan.
        band: first and last coefficient, and the bit.
        blocks_a_stretch: blocks between restarts.

    Raises:
        UnpatchableError: The code is damaged.
    """
    first, last, low = band
    entries = _entries(table)
    for start, begin, stop in stretches(bits, len(places), blocks_a_stretch):
        own = places[begin:stop]
        known = coefficients[own, first : last + 1]
        corrected, found, signs = _read(known != 0, entries, bits, start)
        flat = known.reshape(-1)
        old = np.flatnonzero(flat)
        flat[old] += (np.sign(flat[old]) * bits.values(corrected, np.ones_like(corrected)) << low).astype(np.int16)
        flat[found] = (2 * bits.values(signs, np.ones_like(signs)) - 1) << low
        coefficients[own, first : last + 1] = known


def _entries(table: _Numbers) -> list[_Entry]:
    """Return bits to go on by, size and coefficients to go on by; too many of these for what must not occur."""
    size, skip = table >> SIZE_PLACE & SIZE_MASK, table >> SKIP_PLACE & SKIP_MASK
    is_wrong = (table >> BAD_PLACE > 0) | ((size > 1) & (skip != END_OF_BLOCK))
    return list(zip((table & ADVANCE_MASK).tolist(), size.tolist(), np.where(is_wrong, _TOO_MANY, skip).tolist()))


def _read(
    is_known: NDArray[np.bool_], entries: list[_Entry], bits: Bits, place: int
) -> tuple[_Numbers, _Numbers, _Numbers]:
    """Read the code of blocks.

    Args:
        is_known: (blocks, coefficients) where there is a coefficient already.
        entries: of the Huffman code.
        bits: of the scan.
        place: the first bit.

    Returns:
        Places of the bits of the known coefficients, in order; places in `is_known` of the new coefficients; and places
        of the bits of their signs.
    """
    n_blocks, width = is_known.shape
    unknown = np.flatnonzero(~is_known).data
    unknown_before = np.concatenate([[0], np.cumsum(width - is_known.sum(axis=1)), [0]]).data
    words, end_of_words = bits.words.data, 8 * len(bits.words) - _LONGEST
    starts, counts, found, signs = array('q'), array('q'), array('q'), array('q')
    block = at = passed = 0
    limit, end_of_block = unknown_before[1], width
    while block < n_blocks and place < end_of_words:
        advance, size, skip = entries[words[place >> 3] >> (16 - (place & 7)) & 0xFFFF]
        place += advance
        next_passed = passed + skip
        if next_passed <= limit:
            end = unknown[next_passed - 1] + 1
            if size:
                found.append(end - 1)
                signs.append(place - 1)
        elif skip == END_OF_BLOCK:
            block += (1 << size) + (
                words[(place - size) >> 3] >> (32 - size - ((place - size) & 7)) & ((1 << size) - 1)
            )
            if block > n_blocks:
                raise UnpatchableError('its code is damaged')
            end, next_passed = block * width, unknown_before[block]
            limit, end_of_block = unknown_before[block + 1], end + width
        else:
            raise UnpatchableError('its code is damaged')
        n_known = end - at - next_passed + passed
        if n_known:
            starts.append(place)
            counts.append(n_known)
            place += n_known
        at, passed = end, next_passed
        if end == end_of_block:
            block += 1
            limit, end_of_block = unknown_before[block + 1], end + width
    if place >= end_of_words:
        raise UnpatchableError('its code is cut short')
    first, lengths = np.array(starts, np.int64), np.array(counts, np.int64)
    within = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    return np.repeat(first, lengths) + within, np.array(found, np.int64), np.array(signs, np.int64)
