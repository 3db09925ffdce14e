"""Text over photographs: words, letters, numbers and date stamps in OpenCV's built-in fonts."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from hcl_arch.data.corruptions.corruption import FloatArray
from hcl_arch.data.corruptions.graffiti import random_centre, vivid_colour, widened
from hcl_arch.data.corruptions.overlay import Overlay
from hcl_arch.data.corruptions.placement import Picture, painted, place, tile
from hcl_arch.data.weighted_choice import choose_by_weight

# OpenCV 4 draws these as lines of the given thickness; OpenCV 5 has outline fonts under the same names and makes them
# bolder with the thickness. Letters of scale 1 are about 22 pixels high in both.
FONTS = (
    cv2.FONT_HERSHEY_SIMPLEX,
    cv2.FONT_HERSHEY_DUPLEX,
    cv2.FONT_HERSHEY_COMPLEX,
    cv2.FONT_HERSHEY_TRIPLEX,
    cv2.FONT_HERSHEY_SCRIPT_SIMPLEX,
    cv2.FONT_HERSHEY_SCRIPT_COMPLEX,
)
PIXELS_AT_SCALE_1 = 22
# Text is rendered with letters at least this many pixels high and then shrunk, which keeps small ones smooth.
LEAST_RENDERED = 24
# Height of a letter as a share of the photograph's short side, at scale 1.
LETTER_HEIGHT = (0.08, 0.3)
# The longest line may be this much of the short side, at scale 1.
LONGEST_LINE = 1.3
REPEATED_SHARE = 0.15
CONTENTS = {'words': 0.4, 'letters': 0.2, 'digits': 0.15, 'date': 0.25}
WORDS = (
    'SAMPLE',
    'Photo',
    'COPY',
    'Draft',
    'Preview',
    'PROOF',
    'Studio',
    'Archive',
    'Image',
    'Summer',
    'Hello',
    'SALE',
    'open',
    'News',
    'LIVE',
    'the',
    'and',
    'with love',
    'Happy',
    'Birthday',
    'Holiday',
    'Travel',
    'City',
    'Garden',
    'Music',
    'FREE',
    'best',
    'Good',
    'Morning',
    'www',
    'Mountain',
    'Coffee',
    'Family',
    'Friends',
    'Sunday',
    'May',
)
LETTERS = np.array(list('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'))
DATE_FORMS = (
    '{d:02d}.{m:02d}.{y}',
    '{y}-{m:02d}-{d:02d}',
    '{m:02d}/{d:02d}/{y}',
    "{d:2d} {m:2d} '{short:02d}",
    '{y}/{m:02d}/{d:02d} {hour:02d}:{minute:02d}',
    '{hour:02d}:{minute:02d}',
)
DATE_STAMP_COLOUR = np.array([1.0, 0.55, 0.1], np.float32)


def draw_text(size: tuple[int, int], scale: float, rng: np.random.Generator) -> Overlay:
    """Return one text at a random place: one to four lines, sometimes outlined, shadowed or repeated all over.

    A `DrawLayer`; `scale` multiplies the size of the letters, and a smaller one spaces repeated text out.
    """
    content = choose_by_weight(CONTENTS, rng)
    repeated = rng.random() < REPEATED_SHARE
    lines = [_line(content, rng) for _ in range(1 if repeated or content == 'date' else int(rng.integers(1, 5)))]
    height = rng.uniform(*LETTER_HEIGHT) * min(size)
    angle = float(rng.choice([0.0, rng.normal(0, 20), rng.uniform(-90, 90)], p=[0.4, 0.4, 0.2]))
    colour = DATE_STAMP_COLOUR if content == 'date' and rng.random() < 0.5 else text_colour(rng)
    # The longest line limits the letters, otherwise most of a long text would lie beyond the photograph.
    height = min(height, 1.6 * LONGEST_LINE * min(size) / max(len(line) for line in lines))
    # Repeated text is already spaced out by the scale and takes only its root, like tiled watermarks.
    height *= 0.4 * scale**0.5 if repeated else scale
    rendered = max(round(height), LEAST_RENDERED)
    picture = text_picture(lines, letter_height=rendered, colour=colour, rng=rng)
    factor = height / rendered
    centre = random_centre(size, rng)
    if not repeated:
        return place(picture, size, centre=centre, scale=factor, angle=angle)
    gap = float(rng.uniform(1.0, 1.6)) / scale - 1
    return tile(picture, size, spacing=(gap, 2 * gap), stagger=0.5, origin=centre, scale=factor, angle=angle)


def text_picture(lines: list[str], *, letter_height: int, colour: FloatArray, rng: np.random.Generator) -> Picture:
    """Return lines of text as a picture, in a random font and thickness; one in four outlined, one in four shadowed.

    Args:
        lines: at least one line with visible letters; ASCII, as OpenCV's fonts demand.
        letter_height: height of a capital letter in pixels.
        colour: RGB in [0, 1], (3,).
        rng: source of font, thickness, alignment and style.
    """
    font = FONTS[int(rng.integers(len(FONTS)))]
    thickness = max(1, round(letter_height * rng.uniform(0.06, 0.2)))
    style, aligned = rng.random(), rng.choice([0.0, 0.5, 1.0])
    margin = max(1, round(letter_height * rng.uniform(0.05, 0.12)))
    mask = _render(lines, font, letter_height, thickness, float(aligned), margin)
    coats: list[NDArray[np.uint8]] = [mask]
    colours = [colour]
    if style < 0.5:
        # A shadow falls to the lower right; the margin of the canvas is as wide.
        coats.insert(0, widened(mask, margin) if style < 0.25 else np.roll(mask, (margin, margin), (0, 1)))
        colours.insert(0, np.full(3, 0.05 if colour.mean() > 0.4 else 0.95, np.float32))
    return painted(coats, colours)


def text_colour(rng: np.random.Generator) -> FloatArray:
    """Return a random typical text colour: often white or black."""
    if rng.random() < 0.5:
        return np.full(3, rng.choice([1.0, 1.0, 0.0, 0.5]), np.float32)
    return vivid_colour(rng)


def random_words(rng: np.random.Generator, count: int) -> str:
    """Return some words out of `WORDS`."""
    return ' '.join(str(word) for word in rng.choice(WORDS, count))


def _line(content: str, rng: np.random.Generator) -> str:
    """Return a line of text of a kind in `CONTENTS`."""
    if content == 'words':
        return random_words(rng, int(rng.integers(1, 4)))
    if content == 'letters':
        return ''.join(rng.choice(LETTERS, int(rng.integers(1, 8))))
    if content == 'digits':
        return str(rng.integers(0, 10 ** int(rng.integers(1, 9))))
    year = int(rng.integers(1975, 2030))
    form = DATE_FORMS[int(rng.integers(len(DATE_FORMS)))]
    return form.format(
        d=int(rng.integers(1, 29)),
        m=int(rng.integers(1, 13)),
        y=year,
        short=year % 100,
        hour=int(rng.integers(24)),
        minute=int(rng.integers(60)),
    )


def _render(
    lines: list[str], font: int, letter_height: int, thickness: int, aligned: float, margin: int
) -> NDArray[np.uint8]:
    """Return the text as 0-255, anti-aliased, cropped with a margin."""
    scale = letter_height / PIXELS_AT_SCALE_1
    widths = [cv2.getTextSize(line, font, scale, thickness)[0][0] for line in lines]
    pitch = round(1.5 * letter_height) + thickness
    # Italic and bold letters exceed the size that OpenCV reports, so the canvas is wider and cropped later.
    border = letter_height + thickness + margin
    canvas = np.zeros((pitch * len(lines) + 2 * border, max(widths) + 2 * border), np.uint8)
    for number, (line, width) in enumerate(zip(lines, widths)):
        corner = (border + round(aligned * (max(widths) - width)), border + pitch * number + letter_height)
        cv2.putText(canvas, line, corner, font, scale, 255, thickness, cv2.LINE_AA)
    left, top, width, height = cv2.boundingRect(canvas)
    # Text that touches the canvas's border cannot have the full margin; with these fonts none does.
    return canvas[max(top - margin, 0) : top + height + margin, max(left - margin, 0) : left + width + margin]
