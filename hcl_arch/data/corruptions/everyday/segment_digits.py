"""Digits of seven bars or of dots, as on clocks and cameras."""

from __future__ import annotations

import cv2
import numpy as np

from hcl_arch.data.corruptions.everyday.lettering import Mask, cropped

# The bars: top, upper right, lower right, bottom, lower left, upper left, middle; each by its ends as (x, y) in a box
# of width 1 and height 2, y downwards.
BARS = (
    ((0, 0), (1, 0)),
    ((1, 0), (1, 1)),
    ((1, 1), (1, 2)),
    ((0, 2), (1, 2)),
    ((0, 1), (0, 2)),
    ((0, 0), (0, 1)),
    ((0, 1), (1, 1)),
)
# Which bars are lit.
LIT = {
    '0': '012345',
    '1': '12',
    '2': '01643',
    '3': '01623',
    '4': '5612',
    '5': '05623',
    '6': '054326',
    '7': '012',
    '8': '0123456',
    '9': '012356',
    '-': '6',
    'A': '012456',
    'P': '01456',
    'C': '0345',
    'E': '03456',
    'F': '0456',
    'H': '12456',
    'L': '345',
    'U': '12345',
    '_': '3',
}
# Digits of dots, five wide and seven high, one row a number in octal of five bits.
DOTS = {
    '0': (14, 17, 19, 21, 25, 17, 14),
    '1': (4, 12, 4, 4, 4, 4, 14),
    '2': (14, 17, 1, 2, 4, 8, 31),
    '3': (31, 2, 4, 2, 1, 17, 14),
    '4': (2, 6, 10, 18, 31, 2, 2),
    '5': (31, 16, 30, 1, 1, 17, 14),
    '6': (6, 8, 16, 30, 17, 17, 14),
    '7': (31, 1, 2, 4, 8, 8, 8),
    '8': (14, 17, 17, 14, 17, 17, 14),
    '9': (14, 17, 17, 15, 1, 2, 12),
    '-': (0, 0, 0, 31, 0, 0, 0),
    ':': (0, 12, 12, 0, 12, 12, 0),
    '.': (0, 0, 0, 0, 0, 12, 12),
    '/': (0, 1, 2, 4, 8, 16, 0),
    "'": (12, 4, 8, 0, 0, 0, 0),
    'A': (14, 17, 17, 17, 31, 17, 17),
    'P': (30, 17, 17, 30, 16, 16, 16),
    'M': (17, 27, 21, 21, 17, 17, 17),
}
# Bars are drawn this many pixels long and then brought to size.
DRAWN = 16
# cv2's coordinates have this many bits behind the point.
BITS = 4


def bar_digits(text: str, height: float, rng: np.random.Generator) -> Mask:
    """Return seven-segment digits as (h, w) uint8, cropped; other signs are drawn as dots or left out.

    Args:
        text: digits and signs.
        height: of a digit in pixels.
        rng: source of the width of the bars, of their gaps, of the digits' slant and distance.
    """
    width, gap = DRAWN * rng.uniform(0.1, 0.32), DRAWN * rng.uniform(0, 0.12)
    narrow, slant, step = rng.uniform(0.75, 1.1), rng.choice([0, rng.uniform(0, 0.25)]), rng.uniform(1.4, 1.75)
    faint = int(rng.uniform(15, 60)) if rng.random() < 0.06 else 0
    canvas = np.zeros((3 * DRAWN, int((len(text) * step + 2) * DRAWN)), np.uint8)
    x = 0.5
    for sign in text:
        if sign in LIT:
            for number, ends in enumerate(BARS):
                value = 255 if str(number) in LIT[sign] else faint
                if value:
                    points = [
                        ((x + end[0] * narrow + slant * (2 - end[1]) / 2) * DRAWN, (0.5 + end[1]) * DRAWN)
                        for end in ends
                    ]
                    _draw_bar(canvas, points, width, gap, value)
        elif sign in ".:/,'":
            _draw_dots(canvas, sign, x, slant, width)
        x += step if sign in LIT else step * 0.5
    canvas = cropped(canvas)
    factor = height / (2 * DRAWN + width)
    return _scaled(canvas, factor)


def dot_digits(text: str, height: float, rng: np.random.Generator) -> Mask:
    """Return dot-matrix digits as (h, w) uint8, cropped; unknown signs are left blank."""
    columns = []
    for sign in text:
        rows = np.array(DOTS.get(sign, (0,) * 7))
        columns.append((rows[:, None] >> np.arange(4, -1, -1) & 1).astype(np.uint8))
        columns.append(np.zeros((7, 1), np.uint8))
    cells = np.concatenate(columns, 1)
    # Dots that touch each other, or not.
    side = 4
    dot = np.full((side, side), 255, np.uint8)
    if rng.random() < 0.5:
        dot[-1] = dot[:, -1] = int(rng.uniform(0, 160))
    return _scaled(cropped(np.kron(cells, dot)), height / (7 * side))


def _draw_bar(canvas: Mask, ends: list[tuple[float, float]], width: float, gap: float, value: int) -> None:
    """Draw a bar with pointed ends."""
    first, last = np.array(ends[0]), np.array(ends[1])
    along = (last - first) / np.linalg.norm(last - first)
    across = np.array([-along[1], along[0]]) * width / 2
    first, last = first + along * gap, last - along * gap
    point = along * width / 2
    corners = np.array(
        [first, first + point + across, last - point + across, last, last - point - across, first + point - across]
    )
    cv2.fillConvexPoly(canvas, np.round(corners * 2**BITS).astype(np.int32), value, cv2.LINE_AA, BITS)


def _draw_dots(canvas: Mask, sign: str, x: float, slant: float, width: float) -> None:
    """Draw a full stop, a colon, an apostrophe or a stroke."""
    if sign == '/':
        ends = [(round(x * DRAWN), round(2.5 * DRAWN)), (round((x + 0.5) * DRAWN), round(0.5 * DRAWN))]
        cv2.line(canvas, ends[0], ends[1], 255, max(1, round(width * 0.8)), cv2.LINE_AA)
        return
    for y in {'.': (2,), ',': (2,), ':': (0.6, 1.4), "'": (0.1,)}[sign]:
        centre = (round((x + slant * (2 - y) / 2) * DRAWN), round((0.5 + y) * DRAWN))
        cv2.circle(canvas, centre, max(1, round(width * 0.6)), 255, -1, cv2.LINE_AA)


def _scaled(mask: Mask, factor: float) -> Mask:
    """Return the picture scaled, with smooth edges."""
    wanted = (max(1, round(mask.shape[1] * factor)), max(1, round(mask.shape[0] * factor)))
    way = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    return cv2.resize(mask, wanted, interpolation=way)  # type: ignore[return-value]
