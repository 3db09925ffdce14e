"""Drawing over photographs: alphas with smooth edges, and what they make of a picture and of its mask."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Union

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw

Picture = NDArray[np.uint8]
"""(H, W, 3) RGB."""
Mask = NDArray[np.bool_]
"""(H, W), True = corrupted."""
Alpha = NDArray[np.float32]
"""(H, W) in [0, 1], how much of an overlay is seen."""

VISIBLE = 4
"""Gray levels of 255 from which on a changed pixel counts as changed."""
LEAST_SIDE = 16
_FINER = 3  # times that shapes are drawn larger, for smooth edges


class Spoiled(NamedTuple):
    """A spoiled photograph and where it is spoiled."""

    picture: Picture
    mask: Mask


def check_picture(picture: NDArray) -> None:
    """Raise ValueError unless it is a picture that can be drawn on."""
    if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8:
        raise ValueError(f'Expected a picture (H, W, 3) of uint8, got {picture.shape} of {picture.dtype}.')
    if min(picture.shape[:2]) < LEAST_SIDE:
        height, width = picture.shape[:2]
        raise ValueError(f'Expected a picture of at least {LEAST_SIDE} pixels a side, got {width} x {height}.')


def changed(before: Picture, after: Picture) -> Mask:
    """Where a channel differs by at least `VISIBLE` levels."""
    return np.abs(before.astype(np.int16) - after).max(axis=2) >= VISIBLE


def rounded(values: NDArray) -> Picture:
    """Levels as floats, made into a picture."""
    return values.round().clip(0, 255).astype(np.uint8)


class Canvas:
    """A photograph under the overlays that are laid on it one after the other."""

    def __init__(self, picture: Picture) -> None:
        self._before = picture
        self._values = picture.astype(np.float32)
        self._alpha = np.zeros(picture.shape[:2], np.float32)

    def lay(self, alpha: Alpha, colour: ArrayLike) -> None:
        """Lay a colour (3,) or picture (H, W, 3) over what is there."""
        rows, columns = np.flatnonzero(alpha.any(axis=1)), np.flatnonzero(alpha.any(axis=0))
        if not len(rows):
            return
        area = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]  # mostly a small part of the picture
        laid = np.asarray(colour, np.float32)
        laid = laid[area] if laid.ndim == 3 else laid
        self._values[area] += alpha[area][..., None] * (laid - self._values[area])
        self._alpha[area] += alpha[area] * (1 - self._alpha[area])

    def opaque(self) -> Spoiled:
        """The result, where shapes count whole, whatever they hide, and with all that visibly changed around them."""
        picture = rounded(self._values)
        return Spoiled(picture, (self._alpha >= 0.5) | changed(self._before, picture))

    def translucent(self) -> Spoiled:
        """The result, where only what visibly changed counts."""
        picture = rounded(self._values)
        return Spoiled(picture, changed(self._before, picture))


class Pen:
    """Draws one alpha; all lengths in pixels of the picture, points are (x, y)."""

    def __init__(self, picture: Picture) -> None:
        height, width = picture.shape[:2]
        self._image = Image.new('L', (width * _FINER, height * _FINER))
        self._draw = ImageDraw.Draw(self._image)

    def alpha(self) -> Alpha:
        """What was drawn."""
        height, width = self._image.height // _FINER, self._image.width // _FINER
        alpha = np.zeros((height, width), np.float32)
        drawn = self._image.getbbox()
        if drawn is not None:
            left, top = (edge // _FINER for edge in drawn[:2])
            right, bottom = (-(-edge // _FINER) for edge in drawn[2:])
            part = self._image.reduce(_FINER, (left * _FINER, top * _FINER, right * _FINER, bottom * _FINER))
            alpha[top:bottom, left:right] = np.asarray(part, np.float32) / np.float32(255)
        return alpha

    def polygon(self, points: ArrayLike, level: float = 1.0) -> None:
        """Fill a polygon (N, 2)."""
        corners = np.asarray(points, float) * _FINER
        self._draw.polygon([(x, y) for x, y in corners], fill=round(255 * level))

    def stroke(self, points: ArrayLike, radius: Union[float, Sequence[float], NDArray], level: float = 1.0) -> None:
        """A line through points (N, 2) with round ends and joints; the radius is one, or one for each point."""
        path = np.asarray(points, float) * _FINER
        radii = np.broadcast_to(np.asarray(radius, float) * _FINER, len(path))
        fill = round(255 * level)
        for start, end, r in zip(path[:-1], path[1:], radii[1:]):
            self._draw.line([*start, *end], fill=fill, width=max(1, round(2 * r)))
        for (x, y), r in zip(path, radii):
            if r >= 1:
                self._draw.ellipse([x - r, y - r, x + r, y + r], fill=fill)

    def stamp(self, stamp: Image.Image, centre: ArrayLike) -> None:
        """Put a stamp of `lettering` on a place."""
        x, y = np.asarray(centre, float) * _FINER
        self._image.paste(255, (round(x - stamp.width / 2), round(y - stamp.height / 2)), stamp)


def turned_stamp(stamp: Image.Image, angle: float) -> Image.Image:
    """A stamp turned counter-clockwise by an angle in degrees, and as large as that needs."""
    return stamp.rotate(angle, Image.Resampling.BICUBIC, expand=True) if angle else stamp


def stamp_pixels(length: float) -> int:
    """A length in pixels of the picture as that of a stamp."""
    return max(1, round(length * _FINER))


def stamp_size(stamp: Image.Image) -> tuple[float, float]:
    """Width and height of a stamp in pixels of the picture."""
    return stamp.width / _FINER, stamp.height / _FINER


def oval(centre: ArrayLike, radii: ArrayLike, angle: float = 0.0) -> NDArray[np.float64]:
    """Outline (64, 2) of an ellipse, turned by an angle in degrees."""
    turns = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    return turned(np.stack([np.cos(turns), np.sin(turns)], 1) * np.asarray(radii, float), angle) + np.asarray(centre)


def box(centre: ArrayLike, sides: ArrayLike, angle: float = 0.0) -> NDArray[np.float64]:
    """Corners (4, 2) of a rectangle, turned by an angle in degrees."""
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) / 2 * np.asarray(sides, float)
    return turned(corners, angle) + np.asarray(centre)


def turned(points: NDArray, angle: float) -> NDArray[np.float64]:
    """Points (N, 2) turned around the origin, counter-clockwise as seen, by an angle in degrees."""
    cosine, sine = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    return points @ np.array([[cosine, -sine], [sine, cosine]])


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """A number between two, small and large ones alike often."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))
