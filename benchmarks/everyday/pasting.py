"""Parts of another photograph, pasted with a hard or a soft edge."""

from __future__ import annotations

import cv2
import numpy as np

from .canvas import Alpha, Canvas, Mask, Pen, Picture, Spoiled, box, log_uniform, oval, rounded, turned

LEAST_SHARE, MOST_SHARE = 0.03, 0.25
_TRIES = 40


def hard_paste(picture: Picture, rng: np.random.Generator, donor: Picture) -> Spoiled:
    """A part of another photograph, 3 to 25 % of the picture, with jagged or with smooth edges. Opaque."""
    shape = _shape(picture, rng, boxes=0.35)
    if rng.random() < 0.5:
        shape = (shape >= 0.5).astype(np.float32)
    canvas = Canvas(picture)
    canvas.lay(shape, _filling(picture, shape >= 0.5, donor, rng, most_matched=0.3))
    return canvas.opaque()


def soft_paste(picture: Picture, rng: np.random.Generator, donor: Picture) -> Spoiled:
    """As `hard_paste`, but blended in, its colours often brought nearer; corrupted is where at least half is pasted."""
    sigma = min(picture.shape[:2]) * log_uniform(rng, 0.006, 0.03)
    for _ in range(_TRIES):
        shape = cv2.GaussianBlur(_shape(picture, rng, boxes=0.15), (0, 0), max(0.5, sigma))
        mask = shape >= 0.5
        if _fits(mask):
            break
    filling = _filling(picture, mask, donor, rng, most_matched=0.8)
    return Spoiled(rounded(picture + shape[..., None] * (filling - picture)), mask)


def _fits(mask: Mask) -> bool:
    return LEAST_SHARE <= mask.mean() <= MOST_SHARE


def _shape(picture: Picture, rng: np.random.Generator, *, boxes: float) -> Alpha:
    """A box, oval, lasso, blob or the bust of a person, somewhere in the picture; `boxes` is how often it is a box."""
    height, width = picture.shape[:2]
    for _ in range(_TRIES):
        share = log_uniform(rng, LEAST_SHARE, MOST_SHARE)
        outline = _outline(rng, boxes)
        outline *= np.sqrt(share * height * width / _area(outline))
        if rng.random() < 0.25:  # may be cut by the border
            centre = rng.uniform(0, 1, 2) * (width, height)
        else:
            low, high = -outline.min(0), (width, height) - outline.max(0)
            centre = np.where(low < high, rng.uniform(0, 1, 2) * (high - low) + low, np.array([width, height]) / 2)
        pen = Pen(picture)
        pen.polygon(outline + centre)
        if _fits(pen.alpha() >= 0.5):
            break
    return pen.alpha()


def _outline(rng: np.random.Generator, boxes: float) -> np.ndarray:
    """Outline (N, 2) around the origin, of any size."""
    aspect = log_uniform(rng, 0.5, 2)
    sides = np.array([aspect, 1.0])
    if rng.random() < boxes:
        return box((0, 0), sides, 0.0 if rng.random() < 0.7 else rng.uniform(-30, 30))
    way = rng.integers(4)
    if way == 0:
        return oval((0, 0), sides, rng.uniform(-30, 30))
    if way == 1:  # a lasso with corners
        count = int(rng.integers(5, 11))
        turns = np.sort(np.arange(count) + rng.uniform(-0.35, 0.35, count)) * 2 * np.pi / count
        return np.stack([np.cos(turns), np.sin(turns)], 1) * sides * rng.uniform(0.65, 1.1, (count, 1))
    if way == 2:
        turns = np.linspace(0, 2 * np.pi, 120, endpoint=False)
        radii = np.ones(len(turns))
        for wave in range(2, 7):
            radii += rng.normal(0, 0.3 / wave) * np.cos(wave * turns + rng.uniform(0, 7))
        blob = np.stack([np.cos(turns), np.sin(turns)], 1) * radii.clip(0.3)[:, None] * sides
        return turned(blob, rng.uniform(0, 90))
    return _bust(rng)


def _bust(rng: np.random.Generator) -> np.ndarray:
    """Head and shoulders."""
    head, broad = rng.uniform(0.36, 0.46), rng.uniform(0.8, 1.05)
    right = np.array([
        [0, -1.0], [head * 0.7, -0.92], [head, -0.6], [head * 0.85, -0.25], [head * 0.5, -0.02], [broad * 0.6, 0.1],
        [broad * 0.92, 0.3], [broad, 0.6], [broad, 1.0],
    ])  # fmt: skip
    return np.concatenate([right, right[:0:-1] * (-1, 1)])


def _area(outline: np.ndarray) -> float:
    x, y = outline.T
    return abs(float((x * np.roll(y, -1) - y * np.roll(x, -1)).sum())) / 2


def _filling(
    picture: Picture, mask: Mask, donor: Picture, rng: np.random.Generator, *, most_matched: float
) -> np.ndarray:
    """The donor's pixels (H, W, 3) where the mask is, its mean colour brought nearer to what lies there."""
    height, width = mask.shape
    # All of the picture is filled, which a part of the donor has to cover: so much it is enlarged at least.
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    tall, wide = (int(found[-1] - found[0] + 1) if len(found) else 1 for found in (rows, columns))
    least = max(tall / donor.shape[0], wide / donor.shape[1])
    scale = max(least, log_uniform(rng, 0.6, 1.4) * min(height, width) / min(donor.shape[:2]))
    size = tuple(max(side, round(length * scale)) for side, length in ((wide, donor.shape[1]), (tall, donor.shape[0])))
    resized = cv2.resize(donor, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    if rng.random() < 0.5:
        resized = resized[:, ::-1]
    top, left = rng.integers(0, resized.shape[0] - tall + 1), rng.integers(0, resized.shape[1] - wide + 1)
    first_row, first_column = (int(found[0]) if len(found) else 0 for found in (rows, columns))
    # Beyond the mask's box, where a soft edge still shows a little, the donor goes on, mirrored at its own border.
    y = _mirrored(np.arange(height) - first_row + top, resized.shape[0])
    x = _mirrored(np.arange(width) - first_column + left, resized.shape[1])
    filling = resized[np.ix_(y, x)].astype(np.float32)
    if mask.any():
        filling += (picture[mask].mean(0) - filling[mask].mean(0)) * np.float32(rng.uniform(0, most_matched))
    return filling.clip(0, 255)


def _mirrored(index: np.ndarray, length: int) -> np.ndarray:
    """Indices beyond an axis, reflected into it."""
    folded = index % (2 * length)
    return np.minimum(folded, 2 * length - 1 - folded)
