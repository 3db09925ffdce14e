"""Rectangles and lengths that a user gives in pixels or in % of a photograph; without imports, for command lines."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

Anchor = Literal['top-left', 'top', 'top-right', 'left', 'center', 'right', 'bottom-left', 'bottom', 'bottom-right']


class Length(NamedTuple):
    """A length: pixels, or a share of a side."""

    value: float
    is_share: bool

    @classmethod
    def parse(cls, text: str) -> Length:
        """Read '12' (pixels) or '12.5%'.

        Raises:
            ValueError: It is neither.
        """
        number, percent, rest = text.strip().partition('%')
        try:
            value = float(number) if percent else int(number)
        except ValueError:
            value = math.nan
        if rest or not math.isfinite(value):
            raise ValueError(f"expected whole pixels or %, as 40 or 12.5%, got '{text}'")
        return cls(value / 100 if percent else value, bool(percent))

    def pixels(self, side: int) -> float:
        """The length in pixels beside a side of this many."""
        return self.value * side if self.is_share else self.value


class Region(NamedTuple):
    """A rectangle of a photograph."""

    left: Length
    top: Length
    width: Length
    height: Length

    @classmethod
    def parse(cls, text: str) -> Region:
        """Read 'x,y,width,height', each in pixels or % of the photograph's width or height.

        Raises:
            ValueError: It is no such rectangle.
        """
        parts = text.split(',')
        try:
            lengths = [Length.parse(part) for part in parts]
        except ValueError:
            lengths = []
        if len(lengths) != 4 or min(lengths[:2])[0] < 0 or min(lengths[2:])[0] <= 0:
            raise ValueError(f"expected x,y,width,height in pixels or %, as 0,90%,100%,10%, got '{text}'")
        return cls(*lengths)

    def slices(self, height: int, width: int) -> tuple[slice, slice]:
        """Rows and columns of a photograph that it touches; none where it lies outside."""
        return _span(self.top, self.height, height), _span(self.left, self.width, width)


def _span(start: Length, length: Length, side: int) -> slice:
    # Rounded, so that 10 % of 30 pixels are 3 and not 4 of them.
    first, last = round(start.pixels(side), 6), round(start.pixels(side) + length.pixels(side), 6)
    return slice(min(math.floor(first), side), min(math.ceil(last), side))
