"""Letters: the DejaVu fonts that matplotlib brings, Pillow's own Aileron (Pillow 10.1 or newer), and segment digits."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Union

import cv2
import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from .canvas import stamp_pixels

Font = Union[ImageFont.FreeTypeFont, ImageFont.ImageFont]

AILERON = 'Aileron'
SANS = ('DejaVuSans', 'DejaVuSans-Bold', AILERON)
SERIF = ('DejaVuSerif', 'DejaVuSerif-Bold', 'DejaVuSerif-Italic')
MONO = ('DejaVuSansMono', 'DejaVuSansMono-Bold')
SLANTED = ('DejaVuSans-Oblique', 'DejaVuSans-BoldOblique', 'DejaVuSerif-BoldItalic')

_CAPITAL = 0.73  # of the font size, height of a capital letter
# Segments a to g of a digit, each from (x, y) to (x, y) in a cell of width 1 and height 2, and what digits light up.
_SEGMENTS = {
    'a': (0, 0, 1, 0), 'b': (1, 0, 1, 1), 'c': (1, 1, 1, 2), 'd': (0, 2, 1, 2), 'e': (0, 1, 0, 2), 'f': (0, 0, 0, 1),
    'g': (0, 1, 1, 1),
}  # fmt: skip
_LIT = {
    '0': 'abcdef', '1': 'bc', '2': 'abdeg', '3': 'abcdg', '4': 'bcfg', '5': 'acdfg', '6': 'acdefg', '7': 'abc',
    '8': 'abcdefg', '9': 'abcdfg', '-': 'g',
}  # fmt: skip


def lettering(text: str, face: str, height: float) -> Image.Image:
    """A stamp of one or several lines, centred.

    Args:
        text: Lines separated by line feeds.
        face: A name of this module's lists.
        height: Of a capital letter, in pixels of the picture.

    Returns:
        Gray picture, 255 = letter, just as large as the text.
    """
    if face == AILERON and any(ord(letter) > 0xFF for letter in text):
        face = SANS[0]  # Aileron has Latin letters only
    typeface = font(face, max(4, stamp_pixels(height / _CAPITAL)))
    edges = ImageDraw.Draw(Image.new('L', (1, 1))).multiline_textbbox((0, 0), text, typeface, align='center')
    left, top, right, bottom = (round(edge) for edge in edges)
    image = Image.new('L', (max(1, right - left), max(1, bottom - top)))
    ImageDraw.Draw(image).multiline_text((-left, -top), text, 255, typeface, align='center')
    return image


def fattened(stamp: Image.Image, by: float) -> Image.Image:
    """A stamp whose shapes, and which itself, reach further on all sides by a length in pixels of the picture."""
    pixels = stamp_pixels(by)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * pixels + 1, 2 * pixels + 1))
    return Image.fromarray(cv2.dilate(np.pad(np.asarray(stamp), pixels), kernel))


def segment_digits(text: str, height: float, *, slant: float = 0.1) -> Image.Image:
    """A stamp of digits as a camera's date back burns them into film.

    Args:
        text: Digits and any of ``' : . / -`` and blanks.
        height: Of a digit, in pixels of the picture.
        slant: To the right, of the height.
    """
    unit = stamp_pixels(height) / 2
    pitch, thick = 1.55 * unit, max(1, round(0.27 * unit))
    lean, margin = 2 * slant * unit, thick
    image = Image.new('L', (round(pitch * len(text) + lean + 2 * margin), round(2 * unit + 2 * margin)))
    draw = ImageDraw.Draw(image)

    def point(cell: int, x: float, y: float) -> tuple[float, float]:
        return margin + cell * pitch + x * unit + slant * (2 - y) * unit, margin + y * unit

    for cell, character in enumerate(text):
        for name in _LIT.get(character, ''):
            x1, y1, x2, y2 = _SEGMENTS[name]
            ends = [point(cell, x, y) for x, y in _shortened(x1, y1, x2, y2)]
            draw.line(ends, fill=255, width=thick)
        for line in _PUNCTUATION.get(character, ()):
            draw.line([point(cell, *line[:2]), point(cell, *line[2:])], fill=255, width=thick)
    return image


_PUNCTUATION: dict[str, Sequence[tuple[float, float, float, float]]] = {
    "'": [(0.5, -0.1, 0.5, 0.45)],
    ':': [(0.5, 0.55, 0.5, 0.85), (0.5, 1.35, 0.5, 1.65)],
    '.': [(0.5, 1.85, 0.5, 2.15)],
    '/': [(0.9, 0.1, 0.1, 1.9)],
}


def _shortened(x1: float, y1: float, x2: float, y2: float) -> list[tuple[float, float]]:
    """A segment with a gap to its neighbours at either end."""
    gap = 0.09
    return [(x1 + gap * (x2 - x1), y1 + gap * (y2 - y1)), (x2 - gap * (x2 - x1), y2 - gap * (y2 - y1))]


@cache
def font(face: str, size: int) -> Font:
    """A font of a size in its own pixels."""
    if face == AILERON:
        return ImageFont.load_default(size=size)
    return ImageFont.truetype(str(Path(matplotlib.get_data_path()) / 'fonts' / 'ttf' / f'{face}.ttf'), size)
