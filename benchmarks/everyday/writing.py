"""Captions and date stamps: what is written into photographs."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import ArrayLike
from PIL import Image

from .canvas import Canvas, Pen, Picture, Spoiled, box, log_uniform, stamp_size, turned_stamp
from .lettering import MONO, SANS, SERIF, SLANTED, fattened, lettering, segment_digits

_PHRASES = (
    'when the coffee finally arrives', 'nobody told me it was Monday', 'greetings from the lake', 'best day ever',
    'wait for it', 'Summer 2019', 'Grandma, Easter 1987', 'Where are we going?', 'I told you this would happen.',
    'They never found the keys.', 'Happy Birthday Tom!', 'before / after', 'view from our window', 'me, trying to help',
    'Family trip to the coast', 'One does not simply wait', 'Breaking: cat awake', 'Chapter three', 'Thank you all',
    'С днём рождения!', 'Привет из отпуска', 'Καλό καλοκαίρι', 'Schöne Grüße aus Köln', '¿Dónde está el perro?',
    'Joyeux anniversaire', 'Fig. 4: the garden', 'Lisbon, day 2', 'so tired', 'new haircut, who dis', 'keep calm',
)  # fmt: skip
_MONTHS = ('JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC')
_LETTERS = np.array([(255, 255, 255)] * 5 + [(255, 235, 60)] * 2 + [(15, 15, 15)] * 2 + [(240, 60, 60), (90, 200, 255)])
_BURNT = np.array([(255, 140, 40), (255, 140, 40), (255, 85, 35), (255, 205, 60), (245, 60, 40)])


def captions(picture: Picture, rng: np.random.Generator) -> Spoiled:
    """Words of 4 to 12 % letter height: memes, subtitles, plain words, words on a strip or in a box.

    Letters and boxes are opaque; the half-black strip of some counts where it visibly changes the picture.
    """
    canvas = Canvas(picture)
    style = rng.choice(['meme', 'subtitle', 'plain', 'strip', 'box'])
    height = picture.shape[0] * log_uniform(rng, 0.04, 0.12)
    if style == 'meme':
        for where in (0.1, 0.9) if rng.random() < 0.5 else (rng.choice([0.1, 0.9]),):
            _write(canvas, picture, rng, _phrase(rng).upper(), height, where, outline=0.12, faces=('DejaVuSans-Bold',))
    elif style == 'subtitle':
        _write(canvas, picture, rng, _phrase(rng), min(height, 0.07 * picture.shape[0]), 0.9, outline=0.09, faces=SANS)
    else:
        backing = {'plain': 0.0, 'strip': rng.uniform(0.35, 0.65), 'box': 1.0}[style]
        where = rng.uniform(0.08, 0.92)
        _write(canvas, picture, rng, _phrase(rng), height, where, backing=backing, faces=(*SANS, *SERIF, *SLANTED))
    return canvas.opaque()


def date_stamps(picture: Picture, rng: np.random.Generator) -> Spoiled:
    """The date or time in a corner, 2.5 to 6 % high: glowing segments of a film camera, or letters. Opaque."""
    height, width = picture.shape[:2]
    upright = rng.random() < 0.1  # a portrait, stamped along its side
    long, short = (height, width) if upright else (width, height)
    letter = max(4.0, short * log_uniform(rng, 0.025, 0.06))
    segments = rng.random() < 0.5
    text = _date(rng, segments)
    if segments:
        stamp = segment_digits(text, letter, slant=rng.choice([0, 0.1, 0.15]))
        colour = _BURNT[rng.integers(len(_BURNT))]
    else:
        stamp = lettering(text, str(rng.choice([*MONO, *SANS])), letter)
        colour = _BURNT[rng.integers(len(_BURNT))] if rng.random() < 0.6 else np.array((250, 250, 245))
    angle = float(rng.choice([90, -90])) if upright else 0.0
    stamp_long, stamp_short = stamp_size(stamp)
    margin = short * rng.uniform(0.03, 0.08)
    along = long - margin - stamp_long / 2 if rng.random() < 0.7 else margin + stamp_long / 2
    across = short - margin - stamp_short / 2 if rng.random() < 0.85 else margin + stamp_short / 2
    centre = (across, along) if upright else (along, across)
    pen = Pen(picture)
    pen.stamp(turned_stamp(stamp, angle), centre)
    canvas = Canvas(picture)
    if segments:  # light has spread in the film
        glow = cv2.GaussianBlur(pen.alpha(), (0, 0), max(0.6, 0.08 * letter))
        canvas.lay(glow * np.float32(rng.uniform(0.1, 0.5)), (235, 70, 20))
    canvas.lay(pen.alpha(), colour)
    return canvas.opaque()


def _write(
    canvas: Canvas,
    picture: Picture,
    rng: np.random.Generator,
    text: str,
    height: float,
    where: float,
    *,
    faces: tuple[str, ...],
    outline: float = 0.0,
    backing: float = 0.0,
) -> None:
    """Write at a share of the picture's height; `outline` of the letters' height, `backing` is the strip's opacity."""
    colour = _LETTERS[rng.integers(5 if outline else len(_LETTERS))]
    opposite = np.zeros(3) if colour.sum() > 300 else np.full(3, 255)
    stamp = _fitting(text, str(rng.choice(faces)), height, picture.shape[1] * 0.94)
    wide, high = stamp_size(stamp)
    centre_y = np.clip(where * picture.shape[0], 0.65 * high, max(0.65 * high, picture.shape[0] - 0.65 * high))
    centre = (picture.shape[1] / 2, centre_y)
    if backing:
        pen = Pen(picture)
        strip = rng.random() < 0.5 or backing < 1
        pen.polygon(box(centre, (2.0 * picture.shape[1] if strip else wide + 0.8 * height, high + 0.8 * height)))
        canvas.lay(pen.alpha() * np.float32(backing), opposite)
    elif outline:
        _stamp(canvas, picture, fattened(stamp, max(0.7, outline * height)), centre, opposite)
    elif rng.random() < 0.5:  # a thin shadow
        shift = max(1.0, 0.07 * height)
        _stamp(canvas, picture, stamp, (centre[0] + shift, centre[1] + shift), opposite)
    _stamp(canvas, picture, stamp, centre, colour)


def _fitting(text: str, face: str, height: float, width: float) -> Image.Image:
    """Letters of a height, on two lines or smaller where one line has no room."""
    stamp = lettering(text, face, height)
    words = text.split()
    if stamp_size(stamp)[0] > width and len(words) > 1:
        half = (len(words) + 1) // 2
        text = ' '.join(words[:half]) + '\n' + ' '.join(words[half:])
        stamp = lettering(text, face, height)
    excess = stamp_size(stamp)[0] / width
    return lettering(text, face, height / excess) if excess > 1 else stamp


def _stamp(canvas: Canvas, picture: Picture, stamp: Image.Image, centre: ArrayLike, colour: ArrayLike) -> None:
    pen = Pen(picture)
    pen.stamp(stamp, centre)
    canvas.lay(pen.alpha(), colour)


def _phrase(rng: np.random.Generator) -> str:
    return _PHRASES[rng.integers(len(_PHRASES))]


def _date(rng: np.random.Generator, segments: bool) -> str:
    year, month, day = rng.integers(1985, 2024), rng.integers(1, 13), rng.integers(1, 29)
    hour, minute = rng.integers(0, 24), rng.integers(0, 60)
    short = f"'{year % 100:02d}"
    forms = [f'{short} {month:2d} {day:2d}', f'{month:2d} {day:2d} {short}', f'{day:2d}  {hour}:{minute:02d}']
    forms += [f'{day:02d}.{month:02d}.{year}', f'{year}/{month:02d}/{day:02d}', f'{year}-{month:02d}-{day:02d}']
    if not segments:
        forms += [f'{_MONTHS[month - 1]} {day} {year}', f'{year}/{month:02d}/{day:02d} {hour:02d}:{minute:02d}']
    return str(rng.choice(forms))
