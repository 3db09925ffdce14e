"""Stencils for paint, and a photograph that is painted through them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Optional

import cv2
import numpy as np
from numpy.typing import NDArray

from hcl_arch.data.corruptions.corruption import FloatArray, changed_pixels
from hcl_arch.data.corruptions.everyday.spoiled import Spoiled

Points = NDArray[np.float64]  # (n, 2), x and y; the centre of the first pixel is (0, 0)

# OpenCV takes coordinates as whole numbers of 1 / 2^FRACTION_BITS pixels.
FRACTION_BITS = 4
# Stencils with fewer pixels are drawn four times as large and shrunk; larger ones twice as large, to save time.
FINE_PIXELS = 10_000


@dataclass(frozen=True)
class Stencil:
    """Where paint comes through.

    Attributes:
        corner: x and y of the first pixel; may lie outside of the photograph.
        mask: (h, w) uint8, 255 = all paint.
    """

    corner: tuple[int, int]
    mask: NDArray[np.uint8]

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.mask.shape[0], self.mask.shape[1]


class StencilCanvas:
    """Draws contours and strokes into a stencil.

    Args:
        size: height and width of the photograph; what lies beyond is cut off.
        reach: the points that will be drawn, (n, 2).
        margin: how far, in pixels, strokes reach beyond the points.
        smooth: anti-aliased edges; else each pixel is all paint or none.
    """

    def __init__(self, size: tuple[int, int], reach: Points, *, margin: float = 0.0, smooth: bool = True) -> None:
        limits = (size[1] - 1, size[0] - 1)
        low = np.clip(np.floor(reach.min(0) - margin - 1), 0, limits).astype(int)
        high = np.clip(np.ceil(reach.max(0) + margin + 1), low, limits).astype(int)
        width, height = (int(side) for side in high - low + 1)
        self.corner = (int(low[0]), int(low[1]))
        self._factor = 1 if not smooth else 4 if width * height < FINE_PIXELS else 2
        self._canvas = np.zeros((height * self._factor, width * self._factor), np.uint8)

    def fill(self, *contours: Points, value: int = 255) -> None:
        """Fill closed contours; a contour within another one is a hole of it."""
        cv2.fillPoly(self._canvas, [self._fixed(contour) for contour in contours], value, cv2.LINE_8, FRACTION_BITS)

    def stroke(self, points: Points, width: float, *, closed: bool = False, value: int = 255) -> None:
        """Draw a line of some width along the points, with round ends."""
        thickness = max(1, round(width * self._factor))
        cv2.polylines(self._canvas, [self._fixed(points)], closed, value, thickness, cv2.LINE_8, FRACTION_BITS)

    def stroke_varying(self, points: Points, widths: NDArray[np.float64]) -> None:
        """Draw a line whose width changes along the points; `widths` holds one width per point, in pixels."""
        fixed, thickness = self._fixed(points), np.maximum(1, np.rint(widths * self._factor)).astype(int)
        # Neighbours share one width, which saves calls.
        step = max(1, len(points) // 32)
        for start in range(0, len(points) - 1, step):
            cv2.polylines(
                self._canvas,
                [fixed[start : start + step + 1]],
                False,
                255,
                int(thickness[start]),
                cv2.LINE_8,
                FRACTION_BITS,
            )

    def stencil(self) -> Stencil:
        """Return what was drawn."""
        mask: Any = self._canvas
        if self._factor > 1:
            size = (mask.shape[1] // self._factor, mask.shape[0] // self._factor)
            mask = cv2.resize(mask, size, interpolation=cv2.INTER_AREA)
        return Stencil(self.corner, mask)

    def _fixed(self, points: Points) -> NDArray[np.int32]:
        moved = (points - self.corner + 0.5) * self._factor - 0.5
        return np.rint(moved * 2**FRACTION_BITS).astype(np.int32)


class StencilPainting:
    """A photograph and what has been put on it so far.

    Args:
        truth: (H, W, 3) float32, RGB in [0, 1]; it is not changed.
    """

    def __init__(self, truth: FloatArray) -> None:
        self.image = truth.copy()
        self._truth = truth
        self._solid = np.zeros(truth.shape[:2], bool)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.image.shape[0], self.image.shape[1]

    @property
    def solid_share(self) -> float:
        """Share of the pixels that solid paint covers."""
        return cv2.countNonZero(self._solid.view(np.uint8)) / self._solid.size

    def lay(self, stencil: Stencil, paint: FloatArray, *, opacity: float = 1.0, solid: bool = True) -> None:
        """Put paint on: w * paint + (1 - w) * image, w = opacity * mask.

        Args:
            stencil: where.
            paint: one colour, (3,), or one for each pixel of the stencil, (h, w, 3); RGB in [0, 1].
            opacity: in [0, 1].
            solid: all pixels with at least half of the paint count as corrupted, even those that already had this
                colour.
        """
        found = _overlap(stencil, self.size)
        if found is None:
            return
        box, part = found
        mask = stencil.mask[part]
        weight = np.multiply(mask, opacity / 255, dtype=np.float32)
        three = cv2.merge([weight, weight, weight])
        if paint.ndim == 1:
            laid = cv2.merge([weight * np.float32(value) for value in paint])
        else:
            laid = cv2.multiply(three, paint[part])
        self.image[box] = laid + cv2.multiply(1 - three, self.image[box])
        if solid:
            self._solid[box] |= mask >= 128

    def tint(self, stencil: Stencil, paint: FloatArray, *, opacity: float = 1.0) -> None:
        """Put on clear ink, which absorbs light: image * (1 - w + w * paint), w = opacity * mask; never solid."""
        found = _overlap(stencil, self.size)
        if found is not None:
            box, part = found
            weight = np.multiply(stencil.mask[part], opacity / 255, dtype=np.float32)
            kept = cv2.merge([1 - weight * np.float32(1 - value) for value in paint])
            self.image[box] = cv2.multiply(self.image[box], kept)

    def finished(self) -> Spoiled:
        """Return the image; solid pixels and those that differ visibly from the truth are corrupted."""
        image = np.clip(self.image, 0, 1, out=self.image)
        return Spoiled(image, self._solid | changed_pixels(self._truth, image))


def chance(rng: np.random.Generator, probability: float) -> bool:
    """Return True with this probability."""
    return bool(rng.random() < probability)


_Box = tuple[slice, slice]


def _overlap(stencil: Stencil, size: tuple[int, int]) -> Optional[tuple[_Box, _Box]]:
    """Return rows and columns of the photograph under the stencil, and those of the stencil over the photograph."""
    (left, top), (height, width) = stencil.corner, stencil.size
    first_row, first_column = max(top, 0), max(left, 0)
    end_row, end_column = min(top + height, size[0]), min(left + width, size[1])
    if end_row <= first_row or end_column <= first_column:
        return None
    return (
        (slice(first_row, end_row), slice(first_column, end_column)),
        (slice(first_row - top, end_row - top), slice(first_column - left, end_column - left)),
    )
