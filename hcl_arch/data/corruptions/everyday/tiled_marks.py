"""Watermarks all over the image: in rows, on a grid of lines, or a large cross."""

from __future__ import annotations

import math

import cv2
import numpy as np

from hcl_arch.data.corruptions.corruption import FloatArray
from hcl_arch.data.corruptions.everyday.lettering import Mask
from hcl_arch.data.corruptions.everyday.marks import mark_coats, mark_colour, mark_mask, mark_opacity
from hcl_arch.data.corruptions.everyday.mask_effects import turned
from hcl_arch.data.corruptions.everyday.painting import Coat, drawn_visibly, paint, paint_centred
from hcl_arch.data.corruptions.everyday.random_texts import pick
from hcl_arch.data.corruptions.everyday.spoiled import Materials, Spoiled
from hcl_arch.data.corruptions.hole_contents import Truth
from hcl_arch.data.weighted_choice import choose_by_weight

KINDS = {'rows': 0.66, 'grid': 0.24, 'cross': 0.1}
OPACITY = (0.06, 0.5)
# Width of one mark as a share of the image's short side.
WIDTH = (0.12, 0.5)
# cv2's coordinates have this many bits behind the point.
BITS = 4


def spoil_tiled_marks(truth: Truth, materials: Materials, rng: np.random.Generator) -> Spoiled:
    """Return the truth covered with translucent marks of one of the kinds in `KINDS`."""
    return drawn_visibly(truth, materials, rng, _draw)


def _draw(image: FloatArray, materials: Materials, rng: np.random.Generator, boldness: float) -> None:
    """Draw marks in rows, sometimes with a grid; or a grid, or a cross, with marks or without."""
    kind = choose_by_weight(KINDS, rng)
    opacity = mark_opacity(OPACITY, boldness, rng)
    angle = pick(
        (
            0.0,
            math.degrees(math.atan2(*image.shape[:2])),
            float(rng.uniform(10, 60)),
            float(rng.uniform(-60, -10)),
            float(rng.uniform(-90, 90)),
        ),
        rng,
    )
    if kind == 'cross':
        _draw_cross(image, materials, opacity, rng)
        return
    if kind == 'rows' or rng.random() < 0.75:
        mask = _rows(image.shape[:2], angle, materials, rng)
        stroke = float(np.clip(min(image.shape[:2]) * rng.uniform(0.002, 0.008), 0.6, 2.5))
        paint(image, mark_coats(mask, stroke, opacity, rng), (0, 0))
    if kind == 'grid':
        lines = _grid(image.shape[:2], angle if rng.random() < 0.6 else 45.0, rng)
        paint(
            image,
            mark_coats(lines, 1.0, opacity, rng) if rng.random() < 0.3 else [Coat(lines, mark_colour(rng), opacity)],
            (0, 0),
        )


def _rows(size: tuple[int, ...], angle: float, materials: Materials, rng: np.random.Generator) -> Mask:
    """Return a sheet of a height and width covered with rows of a mark, turned by an angle or level."""
    short = min(size)
    wide = short * float(np.exp(rng.uniform(*np.log(WIDTH))))
    mark = mark_mask(wide, materials, rng, longest=16)
    # The marks alone are turned, or the rows with them.
    own = rng.random() < 0.3
    if own:
        mark = turned(mark, angle)
    gaps = [max(2, round(wide * float(rng.uniform(0.08, 0.9)) * share)) for share in (0.8, 1.0)]
    cell = cv2.copyMakeBorder(mark, 0, gaps[0], 0, gaps[1], cv2.BORDER_CONSTANT)
    if rng.random() < 0.5:
        shift = round(cell.shape[1] * float(rng.choice([0.5, rng.uniform(0, 1)])))
        cell = np.concatenate([cell, np.roll(cell, shift, 1)])
    turn = math.radians(0.0 if own else angle)
    return _repeated(cell, size, turn, float(rng.random()), float(rng.random()))  # type: ignore[arg-type]


def _repeated(cell: Mask, size: tuple[int, ...], turn: float, down: float, right: float) -> Mask:
    """Return a picture repeated over a sheet, which is turned (in radians) and moved by parts of the picture."""
    height, width = size[:2]
    cosine, sine = math.cos(turn), math.sin(turn)
    start = np.array([right * cell.shape[1], down * cell.shape[0]])
    if turn == 0:
        high, wide = height + cell.shape[0], width + cell.shape[1]
    else:
        high = wide = math.ceil(math.hypot(height, width)) + 2
        high, wide = high + cell.shape[0], wide + cell.shape[1]
    sheet = cv2.repeat(cell, math.ceil(high / cell.shape[0]), math.ceil(wide / cell.shape[1]))
    if turn == 0:
        top, left = int(start[1]), int(start[0])
        return np.ascontiguousarray(sheet[top : top + height, left : left + width])
    # The middle of the image shows the point of the sheet that lies half a diagonal behind the start.
    half = math.hypot(height, width) / 2 + 1
    linear = np.array([[cosine, -sine], [sine, cosine]])
    move = start + half - linear @ np.array([(width - 1) / 2, (height - 1) / 2])
    matrix = np.column_stack([linear, move])
    return cv2.warpAffine(sheet, matrix, (width, height), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)  # type: ignore[return-value]


def _grid(size: tuple[int, ...], angle: float, rng: np.random.Generator) -> Mask:
    """Return lines all over a sheet, in one direction or in two that cross."""
    canvas = np.zeros(size[:2], np.uint8)
    short, reach = min(size[:2]), math.hypot(*size[:2])
    distance, thick = max(6.0, short * float(rng.uniform(0.1, 0.5))), max(1, round(short * rng.uniform(0.001, 0.01)))
    angles = (angle,) if rng.random() < 0.3 else (angle, -angle if angle % 90 and rng.random() < 0.7 else angle + 90)
    middle = np.array([size[1], size[0]]) / 2
    for turn in map(math.radians, angles):
        along, across = np.array([math.cos(turn), -math.sin(turn)]), np.array([math.sin(turn), math.cos(turn)])
        for offset in np.arange(-reach / 2 + distance * rng.random(), reach / 2, distance):
            _line(
                canvas,
                middle + across * offset - along * reach / 2,
                middle + across * offset + along * reach / 2,
                thick,
            )
    if rng.random() < 0.15:
        # Dashes.
        step = max(3, round(distance * rng.uniform(0.08, 0.3)))
        canvas[:, np.arange(canvas.shape[1]) // step % 2 == 0] = 0
    return canvas


def _line(canvas: Mask, start: np.ndarray, end: np.ndarray, thick: int) -> None:
    """Draw a smooth line between two points, x and y in pixels."""
    ends = [tuple(int(value) for value in np.round(point * 2**BITS)) for point in (start, end)]
    cv2.line(canvas, ends[0], ends[1], 255, thick, cv2.LINE_AA, BITS)


def _draw_cross(image: FloatArray, materials: Materials, opacity: float, rng: np.random.Generator) -> None:
    """Draw lines from corner to corner, whole or broken in the middle, mostly with a mark there."""
    height, width = image.shape[:2]
    canvas = np.zeros((height, width), np.uint8)
    thick = max(1, round(min(height, width) * rng.uniform(0.003, 0.03)))
    ends, middle = ((0, 0), (width, 0), (width, height), (0, height)), np.array([width, height]) / 2
    opening = 0.0 if rng.random() < 0.4 else float(rng.uniform(0.1, 0.5))
    for end in ends:
        _line(canvas, middle + (np.array(end) - middle) * opening, np.array(end, np.float64), thick)
    if rng.random() < 0.3:
        cv2.rectangle(canvas, (0, 0), (width - 1, height - 1), 255, 2 * thick)
    paint(image, mark_coats(canvas, max(1.0, thick / 3), opacity, rng), (0, 0))
    if opening or rng.random() < 0.6:
        mark = mark_mask(width * float(rng.uniform(0.2, 0.6)), materials, rng)
        mask = cv2.copyMakeBorder(mark, 4, 4, 4, 4, cv2.BORDER_CONSTANT)
        paint_centred(image, mark_coats(mask, 1.0, opacity, rng), (middle[1], middle[0]))  # type: ignore[arg-type]
