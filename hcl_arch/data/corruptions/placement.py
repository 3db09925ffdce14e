"""Pictures with alpha, and how they are put onto an overlay: scaled, turned, mirrored, repeated."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from hcl_arch.data.corruptions.corruption import FloatArray
from hcl_arch.data.corruptions.overlay import Overlay, transparent

# Alpha below this counts as 0; the colours there would be rounding errors.
LEAST_ALPHA = 1 / 1024


@dataclass(frozen=True)
class Picture:
    """A drawing to be placed, as planes that may be interpolated.

    Interpolating colours multiplied by alpha is correct at edges, where a transparent pixel has no colour to mix in. A
    drawing in few colours needs only one plane per colour, which is faster.

    Attributes:
        planes: (h, w, K). With `colours`: uint8, the visible share of each colour (255 = all), and alpha is their sum.
            Without: float32 in [0, 1], R, G and B, each multiplied by alpha, and alpha.
        colours: (K, 3) float32, RGB in [0, 1], or None.
    """

    planes: NDArray[Any]
    colours: FloatArray | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.planes.shape[0], self.planes.shape[1]


def rgba_picture(pixels: NDArray[np.uint8]) -> Picture:
    """Return a picture of (h, w, 4) uint8 pixels, R, G, B (not multiplied by alpha) and alpha."""
    red, green, blue, alpha = cv2.split(pixels)
    opaque = np.multiply(alpha, 1 / 255, dtype=np.float32)
    channels = [cv2.multiply(channel, opaque, scale=1 / 255, dtype=cv2.CV_32F) for channel in (red, green, blue)]
    return Picture(cv2.merge([*channels, opaque]))


def painted(masks: Sequence[NDArray[np.uint8]], colours: Sequence[FloatArray]) -> Picture:
    """Return a picture of one coat of paint, or of two, the second one above the first.

    Args:
        masks: alpha of each coat, (h, w), 255 = opaque.
        colours: RGB in [0, 1] of each coat, (3,).
    """
    visible: list[NDArray[Any]] = list(masks)
    if len(masks) == 2:
        visible[0] = cv2.multiply(masks[0], cv2.bitwise_not(masks[1]), scale=1 / 255)
    planes = cv2.merge(visible).reshape(*masks[0].shape, len(masks))
    return Picture(planes, np.stack(colours).astype(np.float32))


@dataclass(frozen=True)
class OverlayPictures:
    """Pictures with alpha by number.

    Attributes:
        read: returns the decoded picture of a number as (h, w, 4) uint8, R, G, B, alpha, not multiplied by alpha. A
            picture with no more pixels than the photographs is fast; a much larger one costs time at every drawing.
            Growing an overlay reads a picture several times in a row, so a cache pays off.
        count: how many there are, at least 1; they are numbered from 0.
        name_of: the name of a numbered picture in error messages, such as its path.
    """

    read: Callable[[int], NDArray[np.uint8]]
    count: int
    name_of: Callable[[int], str] = str

    def draw(self, rng: np.random.Generator) -> NDArray[np.uint8]:
        """Return a random one, (h, w, 4), cropped to its visible part; 1 x 1 if it is fully transparent.

        A picture without alpha is refused: it would cover the photograph with a rectangle, which is hardly intended.

        Raises:
            ValueError: the picture has no alpha channel, or is not of 8 bit.
        """
        number = int(rng.integers(self.count))
        pixels = self.read(number)
        if pixels.ndim != 3 or pixels.shape[2] != 4 or pixels.dtype != np.uint8:
            raise ValueError(
                f'overlay picture {self.name_of(number)}: expected four channels (RGB and alpha) of '
                f'uint8, found shape {pixels.shape} of {pixels.dtype}. Save it as a PNG with an alpha '
                'channel and 8 bit per channel, or remove it.'
            )
        left, top, width, height = cv2.boundingRect(cv2.extractChannel(pixels, 3))
        return pixels[top : top + max(height, 1), left : left + max(width, 1)]


def place(
    picture: Picture,
    size: tuple[int, int],
    *,
    centre: tuple[float, float],
    scale: float,
    angle: float = 0.0,
    mirrored: bool = False,
) -> Overlay:
    """Return an overlay with one copy of the picture, anti-aliased also when shrunk; what lies outside is cut off.

    Args:
        picture: what to place.
        size: height and width of the overlay.
        centre: x and y of the picture's centre in pixels; the centre of the first pixel is (0, 0).
        scale: factor of its size, above 0.
        angle: degrees, counter-clockwise.
        mirrored: swap left and right before turning it.
    """
    planes, factor, middle = _shrink(picture.planes, scale)
    matrix = _similarity(middle, factor, angle, mirrored, centre)
    rows, columns = _reach(matrix, planes.shape[:2], size)
    placed = transparent(size)
    if rows.stop > rows.start and columns.stop > columns.start:
        matrix[:, 2] -= (columns.start, rows.start)
        box = (columns.stop - columns.start, rows.stop - rows.start)
        warped = _warp(planes, matrix, box)
        placed.colour[rows, columns], placed.alpha[rows, columns] = _mixed(warped, picture.colours)
    return placed


def tile(
    picture: Picture,
    size: tuple[int, int],
    *,
    spacing: tuple[float, float],
    stagger: float = 0.0,
    origin: tuple[float, float] = (0.0, 0.0),
    scale: float,
    angle: float = 0.0,
) -> Overlay:
    """Return an overlay covered with copies of the picture, in rows that are turned with it.

    Args:
        picture: what to repeat.
        size: height and width of the overlay.
        spacing: gap between columns and between rows, as a share of the picture's width and height, at least 0; rounded
            to whole pixels of the picture, at least one.
        stagger: by how much of a column every other row is shifted, in [0, 1].
        origin: x and y in pixels of the centre of one of the copies.
        scale: factor of the picture's size, above 0; the copies are at least one pixel long.
        angle: degrees, counter-clockwise.
    """
    planes, factor, middle = _shrink(picture.planes, max(scale, 1 / max(picture.size)))
    height, width = planes.shape[:2]
    # One pixel between copies keeps the interpolation from mixing them.
    right, below = max(1, round(spacing[0] * width)), max(1, round(spacing[1] * height))
    cell = cv2.copyMakeBorder(planes, 0, below, 0, right, cv2.BORDER_CONSTANT)
    shifted = np.roll(cell, round(stagger * cell.shape[1]), 1)
    matrix = _similarity(middle, factor, angle, False, origin)
    tiled = _repeated(np.concatenate([cell, shifted]), matrix, size)
    return Overlay(*_mixed(_warp(tiled, matrix, size[::-1]), picture.colours))


def _repeated(pattern: NDArray[Any], matrix: NDArray[np.float64], size: tuple[int, int]) -> NDArray[Any]:
    """Repeat a pattern to cover the overlay, and move the origin of `matrix` to where the copies start."""
    height, width = pattern.shape[:2]
    corners = np.array([[-1, size[1], -1, size[1]], [-1, -1, size[0], size[0]]]) - matrix[:, 2:]
    needed = np.linalg.solve(matrix[:, :2], corners)
    first = np.floor((needed.min(1) - 1) / (width, height))
    counts = np.ceil((needed.max(1) + 1) / (width, height)) - first
    matrix[:, 2] += matrix[:, :2] @ (first * (width, height))
    # Faster than `warpAffine`'s border mode that wraps around.
    return cv2.repeat(pattern, int(counts[1]), int(counts[0]))


def _warp(planes: NDArray[Any], matrix: NDArray[np.float64], box: tuple[int, int]) -> NDArray[Any]:
    """Return the planes moved by `matrix` into an array of the width and height `box`, transparent around them."""
    # OpenCV 5 takes four times as long for two planes at once.
    parts = cv2.split(planes) if planes.ndim == 3 and planes.shape[2] == 2 else [planes]
    warped = [
        cv2.warpAffine(part, matrix, box, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT) for part in parts
    ]
    return warped[0] if len(warped) == 1 else cv2.merge(warped)


def _shrink(planes: NDArray[Any], scale: float) -> tuple[NDArray[Any], float, tuple[float, float]]:
    """Average blocks of pixels if the planes are to shrink to less than half.

    Returns:
        The planes, the remaining factor (above 0.5, where bilinear interpolation still sees every pixel), and x and y
        of the original's centre in them.
    """
    height, width = planes.shape[:2]
    # A block as large as the whole picture is enough: anything smaller is invisible.
    block = min(max(1, math.floor(1 / scale)), max(height, width))
    middle = (((width - 1) / 2 + 0.5) / block - 0.5, ((height - 1) / 2 + 0.5) / block - 0.5)
    if block == 1:
        return planes, scale, middle
    padded = cv2.copyMakeBorder(planes, 0, -height % block, 0, -width % block, cv2.BORDER_CONSTANT)
    wanted = (padded.shape[1] // block, padded.shape[0] // block)
    shrunk = cv2.resize(padded, wanted, interpolation=cv2.INTER_AREA)
    return shrunk, scale * block, middle


def _similarity(
    middle: tuple[float, float], factor: float, angle: float, mirrored: bool, centre: tuple[float, float]
) -> NDArray[np.float64]:
    """Return the (2, 3) matrix from the picture's pixels to the overlay's; y runs downwards."""
    cosine, sine = factor * math.cos(math.radians(angle)), factor * math.sin(math.radians(angle))
    flip = -1 if mirrored else 1
    linear = np.array([[cosine * flip, sine], [-sine * flip, cosine]])
    return np.column_stack([linear, np.array(centre) - linear @ middle])


def _reach(matrix: NDArray[np.float64], picture_size: tuple[int, ...], size: tuple[int, int]) -> tuple[slice, slice]:
    """Return the rows and columns of the overlay that the moved picture can touch."""
    height, width = picture_size
    # Interpolation reaches one pixel beyond the outermost pixel centres.
    corners = matrix[:, :2] @ np.array([[-1, width, -1, width], [-1, -1, height, height]]) + matrix[:, 2:]
    (left, top), (right, bottom) = np.floor(corners.min(1)), np.ceil(corners.max(1)) + 1
    first_row, first_column = max(0, int(top)), max(0, int(left))
    return slice(first_row, min(size[0], int(bottom))), slice(first_column, min(size[1], int(right)))


def _mixed(planes: NDArray[Any], colours: FloatArray | None) -> tuple[FloatArray, FloatArray]:
    """Return the colour (h, w, 3), not multiplied by alpha, and alpha (h, w) of the planes of a `Picture`."""
    if colours is not None:
        planes = np.multiply(planes, 1 / 255, dtype=np.float32)
    if colours is not None and len(colours) == 1:
        alpha = planes.reshape(planes.shape[:2])
        channels = [np.full_like(alpha, channel) for channel in colours[0]]
    else:
        *parts, last = cv2.split(planes)
        alpha = np.minimum(last if colours is None else sum(parts, last), 1)
        inverse = 1 / np.maximum(alpha, LEAST_ALPHA)
        # The planes are not negative and add up to at most 1: only rounding errors have to be clipped.
        channels = [np.minimum(part * inverse, 1) for part in parts]
        if colours is not None:
            step = colours[0] - colours[1]
            channels = [channels[0] * step[channel] + colours[1, channel] for channel in range(3)]
            channels = [np.clip(channel, 0, 1, out=channel) for channel in channels]
    _, alpha = cv2.threshold(alpha, LEAST_ALPHA, 0, cv2.THRESH_TOZERO)
    return cv2.merge(channels), alpha  # type: ignore[return-value]
