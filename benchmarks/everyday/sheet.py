"""A sheet of some pictures of each kind: spoiled, what was found in them, and where they are corrupted."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from PIL import Image, ImageDraw

from .canvas import Mask, Picture, Spoiled
from .lettering import SANS, font
from .photographs import Case

PER_KIND = 2
_CELL = (288, 216)  # width and height in which pictures are shown
_GAP = 4
_CONTOUR = (255, 0, 200)


class Sheet:
    """Collects strips of three pictures; `PER_KIND` strips make a row."""

    def __init__(self, shown: Sequence[Case]) -> None:
        self._wanted = set(shown)
        self._strips: list[Picture] = []

    def add(self, case: Case, sample: Spoiled, found: Mask) -> None:
        """Take a case up, if it is one of those to show."""
        if case not in self._wanted:
            return
        union = (found | sample.mask).sum()
        score = f'IoU {(found & sample.mask).sum() / union:.2f}' if union else 'nothing found'
        named = labelled(fitted(sample.picture), f'{case.kind}: {score}')
        outlined = _outlined(fitted(sample.picture), fitted(found))
        truth = np.repeat(fitted(sample.mask)[..., None], 3, axis=2)
        gap = np.full((_CELL[1], _GAP, 3), 255, np.uint8)
        self._strips.append(np.concatenate([named, gap, outlined, gap, truth], axis=1))

    def picture(self) -> Picture:
        """The sheet.

        Raises:
            ValueError: If there is nothing on it.
        """
        return in_rows(self._strips)


def in_rows(strips: Sequence[Picture]) -> Picture:
    """Strips of pictures of equal size, `PER_KIND` in a row.

    Raises:
        ValueError: If there is none.
    """
    if not strips:
        raise ValueError('There is no picture for a sheet.')
    strips = [*strips, *[np.full_like(strips[0], 255)] * (-len(strips) % PER_KIND)]
    aside = np.full((_CELL[1], 3 * _GAP, 3), 255, np.uint8)
    rows = []
    for start in range(0, len(strips), PER_KIND):
        parts = [part for strip in strips[start : start + PER_KIND] for part in (aside, strip)]
        rows.append(np.concatenate(parts[1:], axis=1))
    below = np.full((_GAP, rows[0].shape[1], 3), 255, np.uint8)
    return np.concatenate([part for row in rows for part in (row, below)][:-1])


def fitted(values: np.ndarray) -> Picture:
    """A picture or mask, brought into a cell and centred on gray."""
    levels = values.astype(np.uint8) * 255 if values.dtype == bool else values
    scale = min(_CELL[0] / values.shape[1], _CELL[1] / values.shape[0])
    size = (max(1, int(values.shape[1] * scale)), max(1, int(values.shape[0] * scale)))
    small = cv2.resize(levels, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_NEAREST)
    cell: Picture = np.full((_CELL[1], _CELL[0], *values.shape[2:]), 60, np.uint8)
    top, left = (_CELL[1] - size[1]) // 2, (_CELL[0] - size[0]) // 2
    cell[top : top + size[1], left : left + size[0]] = small
    return cell


def _outlined(cell: Picture, found: np.ndarray) -> Picture:
    contours, _ = cv2.findContours((found >= 128).astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    outlined = cell.copy()
    cv2.drawContours(outlined, contours, -1, _CONTOUR, 1)
    return outlined


def labelled(cell: Picture, text: str) -> Picture:
    """A picture with a line of text in its corner."""
    image = Image.fromarray(cell)
    draw = ImageDraw.Draw(image)
    draw.text((5, 4), text, (255, 255, 255), font(SANS[1], 13), stroke_width=2, stroke_fill=(0, 0, 0))
    return np.array(image)
