"""Text as an alpha picture, in TrueType and OpenType fonts or in OpenCV's own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Optional

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from hcl_arch.data.corruptions.everyday.random_texts import pick
from hcl_arch.data.corruptions.text_overlay import FONTS, PIXELS_AT_SCALE_1

Mask = NDArray[np.uint8]

# Some texts use OpenCV's fonts even if there are others: no other font has such strokes.
OPENCV_SHARE = 0.06
# A font supports a script if it draws these letters, each with a different glyph.
PROBES = {'latin': 'Hgs1.', 'accented': 'čğłñšüőø', 'cyrillic': 'бДжщяё', 'greek': 'αΔθλπωέ'}
# OpenCV's letters are drawn at least this many pixels high and then shrunk, which keeps small ones smooth.
LEAST_RENDERED = 20
# Number of fonts that are tried until one with Latin letters is found.
TRIES = 20


@dataclass(frozen=True)
class Face:
    """A font.

    Attributes:
        path: a TrueType or OpenType file; None: one of OpenCV's fonts.
        opencv: which one of OpenCV's.
        stroke: width of the strokes of OpenCV's fonts, in heights of a capital letter.
    """

    path: Optional[Path] = None
    opencv: int = cv2.FONT_HERSHEY_SIMPLEX
    stroke: float = 0.1


@dataclass(frozen=True)
class Setting:
    """How lines are set; lengths are in heights of a capital letter.

    Attributes:
        height: of a capital letter in pixels.
        pitch: from one line to the next.
        spacing: extra space between letters.
        align: 0 = lines start below each other, 0.5 = centred, 1 = they end below each other.
        slant: how far a letter's top leans to the right, in its heights.
    """

    height: float
    pitch: float = 1.6
    spacing: float = 0.0
    align: float = 0.5
    slant: float = 0.0


def random_face(fonts: Sequence[Path], rng: np.random.Generator) -> Face:
    """Return one of the fonts with Latin letters, or one of OpenCV's (always if there are no such fonts).

    Raises:
        ValueError: the font cannot be opened.
    """
    stroke = float(rng.uniform(0.05, 0.2))
    own = Face(None, FONTS[int(rng.integers(len(FONTS)))], stroke)
    if not fonts or rng.random() < OPENCV_SHARE:
        return own
    # A folder may hold many fonts for other scripts or symbols, and some families in dozens of weights.
    families = _families(tuple(fonts))
    for _ in range(TRIES):
        path = Path(pick(pick(families, rng), rng))
        if 'latin' in _scripts_of_file(path):
            return Face(path)
    return own


def scripts_of(face: Face) -> tuple[str, ...]:
    """Return the names in `PROBES` of the scripts that a font supports besides Latin."""
    return () if face.path is None else tuple(name for name in _scripts_of_file(face.path) if name != 'latin')


def random_setting(height: float, rng: np.random.Generator) -> Setting:
    """Return a random way to set letters of a height in pixels."""
    spacing = float(rng.choice([0.0, rng.uniform(-0.05, 0.15), rng.uniform(0.1, 0.8)], p=[0.75, 0.17, 0.08]))
    slant = float(rng.uniform(-0.15, 0.4)) if rng.random() < 0.2 else 0.0
    return Setting(
        height, float(rng.uniform(1.25, 2.0)), spacing, float(rng.choice([0, 0.5, 1], p=[0.3, 0.55, 0.15])), slant
    )


def text_mask(lines: Sequence[str], face: Face, setting: Setting) -> Mask:
    """Return lines of text as (h, w) uint8, 255 = ink, anti-aliased, cropped to the ink; 1 x 1 if there is none.

    Raises:
        ValueError: the font cannot be opened.
    """
    canvas = _in_opencv(lines, face, setting) if face.path is None else _in_file(lines, face.path, setting)
    if setting.slant:
        height, width = canvas.shape
        lean = int(abs(setting.slant) * height) + 1
        move = np.array([[1, -setting.slant, max(setting.slant, 0) * height], [0, 1, 0]])
        canvas = cv2.warpAffine(canvas, move, (width + lean, height), flags=cv2.INTER_LINEAR)  # type: ignore[assignment]
    return cropped(canvas)


def cropped(mask: Mask) -> Mask:
    """Return the box of what is drawn; 1 x 1 if nothing is."""
    left, top, width, height = cv2.boundingRect(mask)
    return mask[top : top + max(height, 1), left : left + max(width, 1)]


def _in_file(lines: Sequence[str], path: Path, setting: Setting) -> Mask:
    """Return the text in a font file's letters, with room around it."""
    font = _opened(path, max(4, round(setting.height / _capital_share(path))))
    gap = setting.spacing * setting.height
    try:
        advances = [
            [font.getlength(letter) + gap for letter in line] if gap else [font.getlength(line)] for line in lines
        ]
        border = int(setting.height) + 2
        wide, pitch = max(map(sum, advances)), setting.pitch * setting.height
        sheet = Image.new('L', (int(wide) + 2 * border, int(pitch * (len(lines) - 1)) + 3 * border))
        pen = ImageDraw.Draw(sheet)
        for number, (line, steps) in enumerate(zip(lines, advances)):
            x, y = border + setting.align * (wide - sum(steps)), 2 * border - 2 + number * pitch
            for letters, step in zip(line if gap else [line], steps):
                pen.text((x, y), letters, fill=255, font=font, anchor='ls')
                x += step
    except OSError as error:
        raise _damaged(path, error) from error
    return np.asarray(sheet)


def _in_opencv(lines: Sequence[str], face: Face, setting: Setting) -> Mask:
    """Return the text in one of OpenCV's fonts, with room around it; missing letters become question marks."""
    drawn = max(setting.height, LEAST_RENDERED)
    scale, thickness = drawn / PIXELS_AT_SCALE_1, max(1, round(face.stroke * drawn))
    # They have ASCII only.
    lines = [line.replace('\N{COPYRIGHT SIGN}', '(c)').encode('ascii', 'replace').decode() for line in lines]
    gap = setting.spacing * drawn
    widths = [cv2.getTextSize(line, face.opencv, scale, thickness)[0][0] + gap * len(line) for line in lines]
    border, pitch = int(drawn) + thickness, setting.pitch * drawn
    canvas = np.zeros((int(pitch * (len(lines) - 1)) + 3 * border, int(max(widths)) + 2 * border), np.uint8)
    for number, (line, width) in enumerate(zip(lines, widths)):
        x, y = border + setting.align * (max(widths) - width), round(2 * border + number * pitch)
        for letters in line if gap else [line]:
            cv2.putText(canvas, letters, (round(x), y), face.opencv, scale, 255, thickness, cv2.LINE_AA)
            x += cv2.getTextSize(letters, face.opencv, scale, thickness)[0][0] + gap
    if drawn == setting.height:
        return canvas
    factor = setting.height / drawn
    wanted = (max(1, round(canvas.shape[1] * factor)), max(1, round(canvas.shape[0] * factor)))
    return cv2.resize(canvas, wanted, interpolation=cv2.INTER_AREA)  # type: ignore[return-value]


@lru_cache(maxsize=8)
def _families(fonts: tuple[Path, ...]) -> list[list[Path]]:
    """Return the fonts grouped into families by the start of their names: 'Some-Bold' and 'Some-Italic'."""
    groups: dict[str, list[Path]] = {}
    for path in fonts:
        beginning = re.match('[^-_0-9 ]*', Path(path).stem)
        groups.setdefault(beginning.group() if beginning else '', []).append(path)
    return list(groups.values())


@lru_cache(maxsize=128)
def _opened(path: Path, size: int) -> ImageFont.FreeTypeFont:
    """Return the font in a size in pixels.

    Raises:
        ValueError: it cannot be opened.
    """
    try:
        # The basic layout needs no libraries that an installation may lack, and is faster.
        return ImageFont.truetype(str(path), size, layout_engine=ImageFont.Layout.BASIC)
    except OSError as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: OSError) -> ValueError:
    """Return the error for a font file that cannot be used."""
    return ValueError(
        f'font file {path}: expected a TrueType or OpenType font with outlines, but it cannot be read '
        f'({error}). Remove it from the fonts, or replace it.'
    )


@lru_cache(maxsize=4096)
def _capital_share(path: Path) -> float:
    """Return the height of a capital letter as a share of the font's size."""
    box = _opened(path, 100).getbbox('H', anchor='ls')
    return min(max((box[3] - box[1]) / 100, 0.3), 1.2)


@lru_cache(maxsize=4096)
def _scripts_of_file(path: Path) -> tuple[str, ...]:
    """Return the names in `PROBES` of the scripts that a font file supports; none if it has no outlines."""
    try:
        font = _opened(path, 24)
    except ValueError as error:
        # FreeType's error for a bitmap font with fixed sizes, such as coloured emoji.
        if 'invalid pixel size' in str(error):
            return ()
        raise
    try:
        # What a font draws for a code without a letter.
        missing = _shape(font, '\uffff')
        return tuple(
            name
            for name, probes in PROBES.items()
            if all(_shape(font, letter) not in (missing, _shape(font, ' ')) for letter in probes)
        )
    except OSError as error:
        raise _damaged(path, error) from error


def _shape(font: ImageFont.FreeTypeFont, letter: str) -> bytes:
    """Return what a font draws for a letter, in a comparable form."""
    sheet = Image.new('L', (40, 40))
    ImageDraw.Draw(sheet).text((5, 30), letter, fill=255, font=font, anchor='ls')
    return sheet.tobytes()
