"""The frame of a JPEG: its components, their blocks, and the segments that describe them."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hcl_arch.restoration.photographs.jpeg.huffman import Code
from hcl_arch.utils.errors import HCLError

SOI, EOI, SOS, DQT, DHT, DRI, JFIF, ADOBE = 0xD8, 0xD9, 0xDA, 0xDB, 0xC4, 0xDD, 0xE0, 0xEE
BASELINE, EXTENDED, PROGRESSIVE = 0xC0, 0xC1, 0xC2
_FRAMES = {*range(0xC0, 0xD0)} - {DHT, 0xC8, 0xCC}
_MARKER = re.compile(rb'\xff+([^\x00\xff])', re.DOTALL)
# In the entropy code FF is followed by 00 or by a restart.
_END_OF_CODE = re.compile(rb'\xff+[^\x00\xff\xd0-\xd7]', re.DOTALL)
SIDE = 8


class UnpatchableError(HCLError, ValueError):
    """A JPEG of a kind whose coefficients are not read here, or a damaged one."""


class Segment(NamedTuple):
    """A marker with its content; of a scan also the entropy code that follows."""

    marker: int
    content: bytes
    code: bytes = b''


@dataclass
class Component:
    """A component of the picture, such as its luma.

    Attributes:
        number: its identifier in the file.
        across, down: sampling factors.
        table: number of its quantisation table.
        shape: blocks down and across that hold pixels.
        stored: the same with those that fill up the last units of all components.
        first: where its blocks begin among those of the frame.
    """

    number: int
    across: int
    down: int
    table: int
    shape: tuple[int, int] = (0, 0)
    stored: tuple[int, int] = (0, 0)
    first: int = 0


@dataclass
class Frame:
    """A picture's coefficients.

    Attributes:
        kind: marker of the coding.
        width, height: in pixels.
        components: one or three.
        units: units down and across, each with the blocks that stand for the same pixels.
        coefficients: (blocks, 64) int16 in zigzag order, all components after each other.
        quantisation: tables of 64 steps in zigzag order, by number.
        codes: Huffman codes, by class (0: first coefficients, 1: the others) and number.
        interval: units between restarts, 0: there are none.
    """

    kind: int
    width: int
    height: int
    components: list[Component]
    units: tuple[int, int] = (0, 0)
    coefficients: NDArray[np.int16] = field(default_factory=lambda: np.zeros((0, 64), np.int16))
    quantisation: dict[int, NDArray[np.int64]] = field(default_factory=dict)
    codes: dict[tuple[int, int], Code] = field(default_factory=dict)
    interval: int = 0

    @property
    def most_across(self) -> int:
        """The highest sampling factor across."""
        return max(component.across for component in self.components)

    @property
    def most_down(self) -> int:
        """The highest sampling factor down."""
        return max(component.down for component in self.components)

    def blocks_of(self, component: Component) -> NDArray[np.int16]:
        """Return a view of a component's blocks, (down, across, 64)."""
        size = component.stored[0] * component.stored[1]
        return self.coefficients[component.first : component.first + size].reshape(*component.stored, SIDE * SIDE)

    def places(self, components: list[Component]) -> NDArray[np.int64]:
        """Return the places of a scan's blocks in their order, (units, blocks of a unit)."""
        if len(components) == 1:
            (component,) = components
            rows, columns = component.shape
            grid = component.first + np.arange(rows)[:, None] * component.stored[1] + np.arange(columns)
            return grid.reshape(-1, 1)
        parts = []
        for component in components:
            grid = component.first + np.arange(component.stored[0] * component.stored[1])
            grid = grid.reshape(self.units[0], component.down, self.units[1], component.across)
            parts.append(grid.swapaxes(1, 2).reshape(-1, component.down * component.across))
        return np.concatenate(parts, axis=1)


def segments(content: bytes) -> Iterator[Segment]:
    """Yield the segments up to the end of the picture.

    Raises:
        UnpatchableError: It is damaged.
    """
    place = 2
    while True:
        match = _MARKER.search(content, place)
        if match is None or match.end() + 2 > len(content) and match[1][0] != EOI:
            raise UnpatchableError('it has no end')
        marker, place = match[1][0], match.end()
        if marker == EOI:
            return
        (length,) = struct.unpack_from('>H', content, place)
        body, place = content[place + 2 : place + length], place + length
        if marker != SOS:
            yield Segment(marker, body)
            continue
        end = _END_OF_CODE.search(content, place)
        stop = len(content) if end is None else end.start()
        yield Segment(marker, body, content[place:stop])
        place = stop


def read_frame(segment: Segment) -> Frame:
    """Return the frame that a segment describes, with coefficients of 0.

    Raises:
        UnpatchableError: It is of another kind than is read here.
    """
    if segment.marker not in (BASELINE, EXTENDED, PROGRESSIVE):
        raise UnpatchableError('its code is of a rare kind')
    try:
        depth, height, width, count = struct.unpack_from('>BHHB', segment.content)
        parts = [segment.content[6 + 3 * number : 9 + 3 * number] for number in range(count)]
        components = [Component(number, factors >> 4, factors & 15, table) for number, factors, table in parts]
    except (struct.error, ValueError) as error:
        raise UnpatchableError('its frame is damaged') from error
    factors = [factor for component in components for factor in (component.across, component.down)]
    if depth != 8 or count not in (1, 3) or not width or not height or not all(1 <= factor <= 4 for factor in factors):
        raise UnpatchableError('it has another depth, size or number of channels')
    if count == 1:
        components[0].across = components[0].down = 1  # of one component, factors mean nothing
    frame = Frame(segment.marker, width, height, components)
    _lay_out(frame)
    return frame


def _lay_out(frame: Frame) -> None:
    across, down, place = frame.most_across, frame.most_down, 0
    frame.units = -(-frame.height // (SIDE * down)), -(-frame.width // (SIDE * across))
    for component in frame.components:
        rows, columns = -(-frame.height * component.down // down), -(-frame.width * component.across // across)
        component.shape = -(-rows // SIDE), -(-columns // SIDE)
        component.stored = frame.units[0] * component.down, frame.units[1] * component.across
        component.first, place = place, place + component.stored[0] * component.stored[1]
    frame.coefficients = np.zeros((place, SIDE * SIDE), np.int16)


def is_frame(marker: int) -> bool:
    """Whether a marker begins a frame."""
    return marker in _FRAMES


def take_tables(frame: Frame, segment: Segment) -> None:
    """Take the tables of a segment.

    Raises:
        UnpatchableError: They are damaged.
    """
    body: Any = segment.content
    try:
        while body and segment.marker == DQT:
            kind, number = '>u2' if body[0] >> 4 else 'u1', body[0] & 15
            stop = 1 + 64 * np.dtype(kind).itemsize
            frame.quantisation[number] = np.frombuffer(body[1:stop], kind, 64).astype(np.int64)
            body = body[stop:]
        while body and segment.marker == DHT:
            stop = 17 + sum(body[1:17])
            frame.codes[body[0] >> 4, body[0] & 15] = Code(body[1:17], body[17:stop])
            body = body[stop:]
        if segment.marker == DRI:
            (frame.interval,) = struct.unpack('>H', body)
    except (ValueError, struct.error, IndexError) as error:
        raise UnpatchableError('its tables are damaged') from error
