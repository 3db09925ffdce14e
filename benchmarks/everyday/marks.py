"""Marks of ownership: one big translucent mark, or a small one all over the picture."""

from __future__ import annotations

from typing import Callable

import numpy as np
from PIL import Image

from .canvas import Alpha, Canvas, Pen, Picture, Spoiled, log_uniform, oval, stamp_size, turned, turned_stamp
from .lettering import AILERON, SANS, SERIF, SLANTED, fattened, lettering

_OWNERS = (
    'SAMPLE', 'PROOF', 'PREVIEW', 'DRAFT', 'DO NOT COPY', 'stockroom', 'pixelhaus', 'Studio Nord', 'Mira Foto',
    'Anna K. Photography', '© J. Alvarez', '© 2016', 'lumen.example', 'www.fotobox.example', 'Archiv Weber',
    'Hill & Sons', 'picturebank', 'evaluation copy', 'NOT FOR SALE', 'ФОТОБАНК',
)  # fmt: skip
_SCRIPTS = (*SANS, *SERIF, *SLANTED, AILERON, AILERON)


def single_mark(picture: Picture, rng: np.random.Generator) -> Spoiled:
    """One big mark of opacity 0.12 to 0.5: words, a ringed letter, or both, level or slanted. Translucent."""
    height, width = picture.shape[:2]
    style = rng.choice(['words', 'words', 'logo', 'both'])
    angle = 0.0 if rng.random() < 0.5 else float(rng.choice([-1, 1])) * rng.uniform(15, 45)
    off = 0.1 if angle or rng.random() < 0.6 else 0.25  # the middle, mostly
    centre = np.array([width, height]) * rng.uniform(0.5 - off, 0.5 + off, 2)
    parts: list[Callable[[Pen], None]] = []
    if style != 'words':
        radius = min(height, width) * rng.uniform(0.13, 0.34 if style == 'logo' else 0.22)
        centre = centre.clip(radius, np.maximum(radius, np.array([width, height]) - radius))
        below = turned(np.array([[0, radius * 1.5]]), angle)[0]
        parts.append(_logo(centre, radius, angle, rng))
        centre = centre + below
    if style != 'logo':
        span = rng.uniform(0.45, 1.1) * min(width, height) if angle else rng.uniform(0.4, 0.92) * width
        stamp = _wide(_OWNERS[rng.integers(len(_OWNERS))], str(rng.choice(_SCRIPTS)), span, 0.26 * min(height, width))
        if rng.random() < 0.2:
            stamp = _hollow(stamp)
        if not angle:  # nobody's name is cut by the border
            half = np.minimum(np.array(stamp_size(stamp)), (width, height)) / 2
            centre = centre.clip(half, (width, height) - half)
        words, place = turned_stamp(stamp, angle), centre
        parts.append(lambda pen: pen.stamp(words, place))
    pen = Pen(picture)
    for part in parts:
        part(pen)
    return _marked(picture, pen.alpha(), log_uniform(rng, 0.12, 0.5), rng)


def tiled_marks(picture: Picture, rng: np.random.Generator) -> Spoiled:
    """A mark of opacity 0.12 to 0.45 again and again over the whole picture, some with lines between. Translucent."""
    height, width = picture.shape[:2]
    letter = max(4.0, min(height, width) * log_uniform(rng, 0.03, 0.085))
    stamp = lettering(_OWNERS[rng.integers(len(_OWNERS))], str(rng.choice(_SCRIPTS)), letter)
    wide, high = stamp_size(stamp)
    angle = float(rng.choice([0, 30, -30, 45, -45, rng.uniform(-45, 45)]))
    pitch = np.array([wide + letter * rng.uniform(1, 6), high + letter * rng.uniform(1.2, 6)])
    offset = rng.choice([0, 0.5, 0.33])
    lines = rng.random() < 0.2
    stamp = turned_stamp(stamp, angle)
    pen = Pen(picture)
    reach = np.hypot(width, height) / 2 + max(pitch)
    rows, columns = (int(np.ceil(reach / step)) for step in pitch[::-1])
    start = rng.uniform(0, 1, 2)
    for row in range(-rows, rows + 1):
        for column in range(-columns, columns + 1):
            place = turned(np.array([[column + (row * offset) % 1 + start[0], row + start[1]]]) * pitch, angle)[0]
            x, y = place + (width / 2, height / 2)
            if -wide < x < width + wide and -wide < y < height + wide:
                pen.stamp(stamp, (x, y))
        if lines:
            line = np.array([[-reach, (row + 0.5 + start[1]) * pitch[1]], [reach, (row + 0.5 + start[1]) * pitch[1]]])
            pen.stroke(turned(line, angle) + (width / 2, height / 2), 0.5)
    return _marked(picture, pen.alpha(), log_uniform(rng, 0.12, 0.45), rng)


def _marked(picture: Picture, shape: Alpha, opacity: float, rng: np.random.Generator) -> Spoiled:
    """Lay a mark on a picture: white, black, gray or a colour, some with the shade that sets it off."""
    draw = rng.random()
    if draw < 0.6:
        colour = np.full(3, 255)
    elif draw < 0.75:
        colour = np.zeros(3)
    elif draw < 0.88:
        colour = np.full(3, rng.integers(100, 190))
    else:
        colour = rng.integers(0, 256, 3)
    canvas = Canvas(picture)
    if rng.random() < 0.35:
        opposite = np.full(3, 0 if colour.sum() > 380 else 255)
        shift = max(1, round(min(shape.shape) * rng.uniform(0.003, 0.008)))
        shade = np.zeros_like(shape)
        shade[shift:, shift:] = shape[:-shift, :-shift]
        canvas.lay(np.maximum(0, shade - shape) * np.float32(opacity * rng.uniform(0.6, 1)), opposite)
    canvas.lay(shape * np.float32(opacity), colour)
    return canvas.translucent()


def _logo(centre: np.ndarray, radius: float, angle: float, rng: np.random.Generator) -> Callable[[Pen], None]:
    """A ring around one or two letters, or the sign of a camera."""
    thick = radius * rng.uniform(0.05, 0.16)
    if rng.random() < 0.65:
        letters = ''.join(rng.choice(list('ABDEFGHKLMNPRSTW'), rng.integers(1, 3)))
        height = radius * (0.95 if len(letters) == 1 else 0.62)
        initials = turned_stamp(lettering(letters, str(rng.choice([*SANS, *SERIF])), height), angle)

        def ringed(pen: Pen) -> None:
            _closed(pen, oval(centre, (radius, radius)), thick / 2)
            pen.stamp(initials, centre)

        return ringed

    body = np.array([
        [-1, -0.55], [-0.45, -0.55], [-0.3, -0.8], [0.3, -0.8], [0.45, -0.55], [1, -0.55], [1, 0.7], [-1, 0.7]
    ])  # fmt: skip

    def camera(pen: Pen) -> None:
        _closed(pen, turned(body * radius, angle) + centre, thick / 2)
        lens = turned(np.array([[0, 0.08 * radius]]), angle)[0] + centre
        _closed(pen, oval(lens, (0.42 * radius, 0.42 * radius)), thick / 2)

    return camera


def _closed(pen: Pen, outline: np.ndarray, radius: float) -> None:
    pen.stroke(np.concatenate([outline, outline[:1]]), max(0.5, radius))


def _wide(text: str, face: str, span: float, highest: float) -> Image.Image:
    """Words of a width, unless their letters would be higher than they may."""
    probe = 20.0
    height = probe * span / stamp_size(lettering(text, face, probe))[0]
    return lettering(text, face, max(4.0, min(height, highest)))


def _hollow(stamp: Image.Image) -> Image.Image:
    """Only the outline of letters."""
    line = max(0.8, 0.04 * stamp_size(stamp)[1])
    outer = np.asarray(fattened(stamp, line))
    inner = np.zeros_like(outer)
    edge = (outer.shape[0] - stamp.height) // 2
    inner[edge : edge + stamp.height, edge : edge + stamp.width] = np.asarray(stamp)
    return Image.fromarray(np.where(inner > 127, 0, outer).astype(np.uint8))
