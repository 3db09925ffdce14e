"""Damage: pixelated boxes, lost blocks of a broken file, scratches and dust."""

from __future__ import annotations

from typing import Callable

import cv2
import numpy as np

from .canvas import Canvas, Mask, Pen, Picture, Spoiled, log_uniform, oval, turned


def mosaic(picture: Picture, rng: np.random.Generator) -> Spoiled:
    """One or two boxes, some oval, in cells of 2 to 7 % of the picture's short side. Boxes count whole."""
    height, width = picture.shape[:2]
    short = min(height, width)
    spoiled, mask = picture.copy(), np.zeros((height, width), bool)
    cell = max(2, round(short * log_uniform(rng, 0.02, 0.07)))
    for _ in range(rng.choice([1, 1, 1, 2])):
        rows, columns = (max(2, round(short * log_uniform(rng, 0.14, 0.5) / cell)) for _ in range(2))
        rows, columns = min(rows, height // cell), min(columns, width // cell)
        top, left = rng.integers(0, height - rows * cell + 1), rng.integers(0, width - columns * cell + 1)
        area = np.s_[top : top + rows * cell, left : left + columns * cell]
        coarse = cv2.resize(picture[area], (columns, rows), interpolation=cv2.INTER_AREA)
        inside = np.ones((rows * cell, columns * cell), bool)
        if rng.random() < 0.25:
            y, x = np.mgrid[: rows * cell, : columns * cell]
            inside = ((y + 0.5) / rows / cell * 2 - 1) ** 2 + ((x + 0.5) / columns / cell * 2 - 1) ** 2 <= 1
        spoiled[area][inside] = coarse.repeat(cell, 0).repeat(cell, 1)[inside]
        mask[area] |= inside
    return Spoiled(spoiled, mask)


def lost_blocks(picture: Picture, rng: np.random.Generator) -> Spoiled:
    """What a broken file looks like: its end is missing, runs or single blocks are lost, rows are shifted or smeared.

    Blocks have 8, 16 or 32 pixels and count whole.
    """
    size = int(rng.choice([8, 16, 16, 32]))
    size = min(size, max(4, min(picture.shape[:2]) // 4))
    rows, columns = (-(-side // size) for side in picture.shape[:2])
    ways: list[Callable[[int, int, np.random.Generator], Mask]] = [_end, _runs, _scattered, _rows, _runs]
    way = int(rng.integers(len(ways)))
    lost = ways[way](rows, columns, rng)
    mask = lost.repeat(size, 0).repeat(size, 1)[: picture.shape[0], : picture.shape[1]]
    if ways[way] is _rows:
        filling = _shifted(picture, size, rng) if rng.random() < 0.6 else _smeared(picture, mask)
    else:
        filling = _flat(picture, size, rng)
    return Spoiled(np.where(mask[..., None], filling, picture), mask)


def scratches(picture: Picture, rng: np.random.Generator) -> Spoiled:
    """Lines of 1 to 2 pixels, hairs, cracks and dust, as of film and of old prints. Counts where visibly changed."""
    height, width = picture.shape[:2]
    scale = max(1.0, min(height, width) / 600)  # a scan of a larger size shows them larger
    canvas = Canvas(picture)
    white = rng.random() < 0.7
    kinds = rng.random(4) < (0.6, 0.45, 0.3, 0.75)
    if not kinds[:3].any():
        kinds[0] = True
    for _ in range(rng.integers(2, 9) if kinds[0] else 0):
        _line(canvas, picture, _film_line(height, width, rng), scale, white, rng)
    for _ in range(rng.integers(1, 7) if kinds[1] else 0):
        _line(canvas, picture, _hair(height, width, rng), 0.7 * scale, white, rng)
    for _ in range(rng.integers(1, 4) if kinds[2] else 0):
        _line(canvas, picture, _crack(height, width, rng), scale, white, rng)
    if kinds[3]:
        pen = Pen(picture)
        for _ in range(rng.integers(8, 60)):
            radii = scale * rng.uniform(0.4, 2.2) * rng.uniform(0.6, 1.4, 2)
            pen.polygon(oval(rng.uniform(0, 1, 2) * (width, height), radii, rng.uniform(0, 90)), rng.uniform(0.4, 1))
        canvas.lay(pen.alpha(), _tone(white, rng))
    return canvas.translucent()


def _end(rows: int, columns: int, rng: np.random.Generator) -> Mask:
    """Everything from some block on."""
    lost = np.zeros(rows * columns, bool)
    lost[round(rows * columns * rng.uniform(0.55, 0.94)) :] = True
    return lost.reshape(rows, columns)


def _runs(rows: int, columns: int, rng: np.random.Generator) -> Mask:
    """Some runs of blocks, which may go on in the next row."""
    lost = np.zeros(rows * columns, bool)
    for _ in range(rng.integers(1, 6)):
        start, length = rng.integers(rows * columns), round(columns * log_uniform(rng, 0.2, 1.5))
        lost[start : start + max(1, length)] = True
    return lost.reshape(rows, columns)


def _scattered(rows: int, columns: int, rng: np.random.Generator) -> Mask:
    """Single blocks, of which some clump."""
    lost = np.zeros((rows, columns), bool)
    for _ in range(max(2, round(rows * columns * log_uniform(rng, 0.01, 0.08)))):
        row, column = rng.integers(rows), rng.integers(columns)
        lost[row : row + rng.choice([1, 1, 2]), column : column + rng.choice([1, 1, 2, 3])] = True
    return lost


def _rows(rows: int, columns: int, rng: np.random.Generator) -> Mask:
    """Whole rows of blocks from the middle of one on."""
    lost = np.zeros(rows * columns, bool)
    start = rng.integers(columns, max(columns + 1, rows * columns))
    lost[start : start + max(columns // 2, round(rows * columns * log_uniform(rng, 0.06, 0.35)))] = True
    return lost.reshape(rows, columns)


def _flat(picture: Picture, size: int, rng: np.random.Generator) -> Picture:
    """Gray as decoders fill, black, the green of empty chroma, each block's mean, or blocks of another place."""
    fill = rng.choice(['gray', 'gray', 'black', 'green', 'mean', 'elsewhere'])
    if fill == 'elsewhere':
        shift = size * rng.integers(1, 6, 2)
        return np.roll(picture, shift, axis=(0, 1))
    if fill == 'mean':
        rows, columns = (-(-side // size) for side in picture.shape[:2])
        missing = [(0, rows * size - picture.shape[0]), (0, columns * size - picture.shape[1]), (0, 0)]
        padded = np.pad(picture, missing, 'edge')
        means = padded.reshape(rows, size, columns, size, 3).mean((1, 3)).round().astype(np.uint8)
        return means.repeat(size, 0).repeat(size, 1)[: picture.shape[0], : picture.shape[1]]
    colour = {'gray': (128, 128, 128), 'black': (0, 0, 0), 'green': (0, 135, 0)}[fill]
    return np.broadcast_to(np.array(colour, np.uint8), picture.shape)


def _shifted(picture: Picture, size: int, rng: np.random.Generator) -> Picture:
    """Displaced sideways and in a wrong colour, since a broken stream loses count of blocks and of their means."""
    cast = rng.uniform(20, 90, 3) * rng.choice([-1, 1], 3) * rng.choice([0, 1, 1], 3)
    if not cast.any():
        cast[rng.integers(3)] = 60
    moved = np.roll(picture, size * rng.integers(2, 9), axis=1).astype(np.float32)
    return (moved + cast).round().clip(0, 255).astype(np.uint8)


def _smeared(picture: Picture, mask: Mask) -> Picture:
    """The last good pixel of each column, down over all that is lost."""
    good = np.where(mask, 0, np.arange(len(picture))[:, None])
    return np.take_along_axis(picture, np.maximum.accumulate(good, axis=0)[..., None], axis=0)


def _tone(white: bool, rng: np.random.Generator) -> np.ndarray:
    return rng.integers(215, 256) - np.array([0, 3, 12]) if white else rng.integers(0, 45) + np.array([8, 4, 0])


def _line(
    canvas: Canvas, picture: Picture, points: np.ndarray, scale: float, white: bool, rng: np.random.Generator
) -> None:
    """A line that is fainter here and there, and is missing where it is faintest."""
    levels = np.interp(np.linspace(0, 7, len(points)), np.arange(8), rng.uniform(0.25, 1.15, 8)).clip(0, 1)
    thickness = scale * rng.uniform(1, 2)
    pen = Pen(picture)
    for start, end, level in zip(points[:-1], points[1:], levels):
        if level > 0.35:
            pen.stroke([start, end], thickness / 2, level)
    canvas.lay(pen.alpha() * np.float32(rng.uniform(0.6, 1)), _tone(white, rng))


def _film_line(height: int, width: int, rng: np.random.Generator) -> np.ndarray:
    """Nearly upright, long."""
    length, top = height * rng.uniform(0.25, 1.1), height * rng.uniform(-0.3, 0.8)
    x = width * rng.uniform(0, 1) + np.cumsum(rng.normal(0, 0.002 * width, 30)) + np.linspace(0, rng.normal(0, 8), 30)
    return np.stack([x, np.linspace(top, top + length, 30)], 1)


def _hair(height: int, width: int, rng: np.random.Generator) -> np.ndarray:
    """Short and curled."""
    length = min(height, width) * log_uniform(rng, 0.06, 0.3)
    heading = rng.uniform(0, 2 * np.pi) + np.cumsum(np.full(30, rng.normal(0, 0.07)) + rng.normal(0, 0.05, 30))
    steps = np.stack([np.cos(heading), np.sin(heading)], 1) * length / 30
    return rng.uniform(0, 1, 2) * (width, height) + np.cumsum(steps, axis=0)


def _crack(height: int, width: int, rng: np.random.Generator) -> np.ndarray:
    """Jagged, through a good part of the picture."""
    count = 24
    side = np.cumsum(rng.normal(0, 0.012, count)) + rng.normal(0, 0.006, count)
    path = np.stack([np.linspace(-0.5, 0.5, count), side], 1) * max(height, width) * rng.uniform(0.4, 1.1)
    return turned(path, rng.uniform(0, 180)) + rng.uniform(0.2, 0.8, 2) * (width, height)
