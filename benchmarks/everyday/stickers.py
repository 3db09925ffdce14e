"""Stickers: the little drawings that messengers and cameras of phones put on photographs."""

from __future__ import annotations

from typing import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .canvas import Canvas, Pen, Picture, Spoiled, box, log_uniform, oval, turned, turned_stamp
from .lettering import AILERON, lettering

_WORDS = ('WOW', 'LOL', 'OMG', 'SALE', 'YES!', 'NEW', 'HI!', 'BFF', '-50%', 'LOVE', 'COOL', '2 for 1')
_PAINTS = np.array([
    (238, 66, 70), (255, 120, 160), (250, 180, 50), (90, 190, 100), (60, 140, 230), (150, 95, 210), (255, 255, 255),
    (40, 40, 48), (70, 200, 205),
])  # fmt: skip
_DARK = np.array([45, 32, 28])


class _Place:
    """Where a sticker is and how it is turned; parts are drawn in its own square from -1 to 1."""

    def __init__(self, canvas: Canvas, picture: Picture, centre: NDArray, radius: float, angle: float) -> None:
        self.canvas, self.picture = canvas, picture
        self.centre, self.radius, self.angle = centre, radius, angle

    def points(self, points: ArrayLike) -> NDArray[np.float64]:
        return turned(np.asarray(points, float) * self.radius, self.angle) + self.centre

    def fill(self, points: ArrayLike, colour: ArrayLike) -> None:
        pen = Pen(self.picture)
        pen.polygon(self.points(points))
        self.canvas.lay(pen.alpha(), colour)

    def line(self, points: ArrayLike, thickness: float, colour: ArrayLike) -> None:
        pen = Pen(self.picture)
        pen.stroke(self.points(points), max(0.4, thickness * self.radius / 2))
        self.canvas.lay(pen.alpha(), colour)

    def text(self, text: str, height: float, face: str, colour: ArrayLike) -> None:
        pen = Pen(self.picture)
        pen.stamp(turned_stamp(lettering(text, face, height * self.radius), self.angle), self.centre)
        self.canvas.lay(pen.alpha(), colour)

    def base(self, outline: NDArray, colour: ArrayLike, *, rim: float, shadow: float) -> None:
        """The shape that the rest lies on, with the white rim of a cut-out sticker and a shadow."""
        if shadow:
            pen = Pen(self.picture)
            pen.polygon(self.points(outline) + (0.05 * self.radius, 0.09 * self.radius))
            self.canvas.lay(pen.alpha() * np.float32(shadow), (0, 0, 0))
        if rim:
            self.line(np.concatenate([outline, outline[:1]]), 2 * rim, (255, 255, 255))
        self.fill(outline, colour)


def stickers(picture: Picture, rng: np.random.Generator) -> Spoiled:
    """One to four stickers: faces, hearts, stars, flowers, cats, bubbles and badges with words. Opaque."""
    short = min(picture.shape[:2])
    canvas = Canvas(picture)
    drawings: list[Callable[[_Place, dict[str, float], np.random.Generator], None]] = [
        _face, _face, _heart, _star, _flower, _cat, _bubble, _badge
    ]  # fmt: skip
    finish = {'rim': rng.choice([0, 0.08, 0.12]), 'shadow': rng.choice([0, 0.25, 0.4])}
    for _ in range(rng.choice([1, 1, 2, 3, 4])):
        radius = short * log_uniform(rng, 0.06, 0.19)
        centre = rng.uniform(0.08, 0.92, 2) * picture.shape[1::-1]
        place = _Place(canvas, picture, centre, radius, rng.normal(0, 14))
        drawings[rng.integers(len(drawings))](place, finish, rng)
    return canvas.opaque()


def _face(place: _Place, finish: dict[str, float], rng: np.random.Generator) -> None:
    place.base(oval((0, 0), (1, 1)), (247, 178, 40), **finish)
    for step in np.linspace(0, 1, 6):  # lit from above
        light = (250 + 5 * step, 192 + 30 * step, 48 + 40 * step)
        place.fill(oval((0, -0.12 * step - 0.04), 0.96 - 0.28 * step), light)
    mood = rng.integers(4)
    for side in (-1, 1):
        if mood == 0:  # eyes shut, laughing
            place.line([(side * 0.52, -0.2), (side * 0.34, -0.34), (side * 0.16, -0.2)], 0.11, _DARK)
        elif mood == 1:  # in love
            place.fill(_heart_outline() * 0.26 + (side * 0.36, -0.24), (226, 40, 60))
        else:
            place.fill(oval((side * 0.34, -0.25), (0.12, 0.19)), _DARK)
    if mood == 3:
        place.line(oval((0, 0.42), (0.2, 0.22)), 0.1, _DARK)
        return
    x = np.linspace(-0.58, 0.58, 16)
    smile = np.stack([x, 0.62 - 1.0 * x**2], 1)
    if mood == 2:
        place.line(smile, 0.12, _DARK)
    else:
        place.fill(smile, _DARK)
        place.fill(oval((0, 0.5), (0.26, 0.11)), (232, 90, 95))


def _heart(place: _Place, finish: dict[str, float], rng: np.random.Generator) -> None:
    colour = _PAINTS[rng.choice([0, 1, 5])]
    place.base(_heart_outline(), colour, **finish)
    place.fill(oval((-0.45, -0.42), (0.2, 0.12), 35), colour + 0.6 * (255 - colour))


def _star(place: _Place, finish: dict[str, float], rng: np.random.Generator) -> None:
    count = int(rng.choice([5, 5, 6, 8]))
    turns = np.arange(2 * count) * np.pi / count - np.pi / 2
    outline = np.stack([np.cos(turns), np.sin(turns)], 1) * np.where(np.arange(2 * count) % 2, 0.48, 1)[:, None]
    colour = _PAINTS[rng.choice([2, 2, 1, 4])]
    place.base(outline, colour, **finish)
    place.fill(outline * 0.6, colour + 0.4 * (255 - colour))


def _flower(place: _Place, finish: dict[str, float], rng: np.random.Generator) -> None:
    petals = int(rng.integers(5, 9))
    turns = np.linspace(0, 2 * np.pi, 160, endpoint=False)
    outline = np.stack([np.cos(turns), np.sin(turns)], 1) * (0.75 + 0.25 * np.cos(petals * turns))[:, None]
    place.base(outline, _PAINTS[rng.choice([0, 1, 4, 5, 6])], **finish)
    place.fill(oval((0, 0), (0.3, 0.3)), (252, 200, 60))


def _cat(place: _Place, finish: dict[str, float], rng: np.random.Generator) -> None:
    fur = np.array([(235, 160, 80), (120, 120, 128), (60, 55, 60), (240, 225, 205)])[rng.integers(4)]
    head = oval((0, 0.12), (0.95, 0.8))
    # Ears stand where the outline passes them.
    for side in (-1, 1):
        ear = np.array([(side * 0.9, -0.05), (side * 0.85, -1.0), (side * 0.2, -0.6)])
        place.base(ear, fur, **finish)
        place.fill(ear * 0.6 + (side * 0.26, -0.24), (240, 150, 150))
    place.base(head, fur, **finish)
    for side in (-1, 1):
        place.fill(oval((side * 0.38, 0.0), (0.17, 0.21)), (250, 250, 240))
        place.fill(oval((side * 0.36, 0.03), (0.08, 0.16)), (20, 20, 24))
        for lift in (-0.06, 0.08):
            place.line([(side * 0.45, 0.42), (side * 1.1, 0.42 + lift * 2)], 0.04, (250, 250, 250))
    place.fill([(-0.12, 0.28), (0.12, 0.28), (0, 0.42)], (230, 110, 120))


def _bubble(place: _Place, finish: dict[str, float], rng: np.random.Generator) -> None:
    colour = _PAINTS[rng.choice([6, 6, 2, 4])]
    outline = oval((0, -0.1), (1.15, 0.72))
    outline = np.concatenate([outline[:12], [(0.45, 1.05)], outline[19:]])
    place.base(outline, colour, **finish)
    if not finish['rim']:
        place.line(np.concatenate([outline, outline[:1]]), 0.07, _DARK)
    place.text(str(rng.choice(_WORDS)), 0.42, str(rng.choice([AILERON, 'DejaVuSans-Bold'])), _DARK)


def _badge(place: _Place, finish: dict[str, float], rng: np.random.Generator) -> None:
    colour = _PAINTS[rng.choice([0, 3, 4, 5, 7])]
    if rng.random() < 0.5:
        turns = np.arange(32) * np.pi / 16
        outline = np.stack([np.cos(turns), np.sin(turns)], 1) * np.where(np.arange(32) % 2, 0.86, 1)[:, None]
    else:
        outline = box((0, 0), (2.2, 0.95))
    place.base(outline, colour, **finish)
    place.text(str(rng.choice(_WORDS)), 0.4, 'DejaVuSans-Bold', (255, 255, 255))


def _heart_outline() -> NDArray[np.float64]:
    t = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    x = np.sin(t) ** 3
    y = -(13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)) / 16
    return np.stack([x, y], 1)
