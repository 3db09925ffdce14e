"""The bits of a scan: its entropy code without stuffing, and values read at many places at once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_RESTART = re.compile(rb'\xff+[\xd0-\xd7]')
_PADDING = b'\xff' * 32


class Bits(NamedTuple):
    """The bits of the stretches between restarts, one after another.

    Attributes:
        words: 32 bits from each byte on.
        starts: the first bit of each stretch, and the end of the last one.
    """

    words: NDArray[np.int64]
    starts: NDArray[np.int64]

    def window(self, places: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the 16 bits from each place on."""
        return self.words[places >> 3] >> (16 - (places & 7)) & 0xFFFF

    def values(self, places: NDArray[np.int64], sizes: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the whole numbers of so many bits, up to 16, from each place on."""
        return self.words[places >> 3] >> (32 - sizes - (places & 7)) & ((1 << sizes) - 1)


def bits_of(code: bytes) -> Bits:
    """Return the bits of an entropy code."""
    stretches = [part.replace(b'\xff\0', b'\xff') for part in _RESTART.split(code)]
    data = np.frombuffer(b''.join([*stretches, _PADDING]), np.uint8).astype(np.int64)
    words = data[:-3] << 24 | data[1:-2] << 16 | data[2:-1] << 8 | data[3:]
    return Bits(words, 8 * np.cumsum([0, *map(len, stretches)]))


def stretches(bits: Bits, n_blocks: int, blocks_a_stretch: int) -> Iterator[tuple[int, int, int]]:
    """Yield first bit, first block and end of the blocks of each stretch."""
    for number, start in enumerate(bits.starts[:-1].tolist()):
        first = number * blocks_a_stretch
        yield start, first, min(first + blocks_a_stretch, n_blocks)
