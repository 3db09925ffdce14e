"""Change some pixels of a JPEG: only the blocks that hold them get other coefficients."""

from __future__ import annotations

import io

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import JpegImagePlugin

from hcl_arch.restoration.photographs.jpeg.frame import ADOBE, JFIF, SIDE, Component, Frame, UnpatchableError, segments
from hcl_arch.restoration.photographs.jpeg.reading import read_coefficients
from hcl_arch.restoration.photographs.jpeg.writing import write_coefficients

# JFIF: luma, and the differences of blue and red from it.
_COLOURS = np.array(
    [[0.299, 0.587, 0.114], [-0.168735892, -0.331264108, 0.5], [0.5, -0.418687589, -0.081312411]], np.float32
)
_MIDDLE = 128
_LARGEST = 1023
_PLACES = np.arange(SIDE)
_COSINES = (np.cos(np.pi / SIDE * (_PLACES + 0.5) * _PLACES[:, None]) * np.sqrt(2 / SIDE)).astype(np.float32)
_COSINES[0] /= np.sqrt(2)
# The numbers of a block's coefficients in the order of the code: along the diagonals, every second one upwards.
_ZIGZAG = np.array(
    sorted(range(SIDE * SIDE), key=lambda n: (n // 8 + n % 8, n // 8 if (n // 8 + n % 8) % 2 else n % 8))
)
_CHUNK = 4096
_RGB_NUMBERS = [ord(letter) for letter in 'RGB']


def patch(content: bytes, pixels: NDArray[np.uint8], changed: NDArray[np.bool_], header: bytes) -> bytes:
    """Return a JPEG with other pixels in some places; its other blocks keep their coefficients.

    Tables, subsampling and coding (sequential or progressive) stay. Where colour is stored at a lower resolution,
    decoders interpolate it, so the pixels beside a changed block may change a little too.

    Args:
        content: the file.
        pixels: (H, W) gray or (H, W, 3) RGB, as it stores them.
        changed: (H, W), where they are other than those of the file.
        header: segments with the metadata.

    Raises:
        UnpatchableError: It is of a kind that is not read here, or damaged.
    """
    frame = read_coefficients(content)
    if (
        changed.shape != (frame.height, frame.width)
        or _is_rgb(content, frame)
        or (pixels.ndim == 3) != (len(frame.components) == 3)
    ):
        raise UnpatchableError('its colours are of a rare kind')
    for number, component in enumerate(frame.components):
        _put_pixels(frame, component, pixels, changed, _COLOURS[number], _MIDDLE if number == 0 else 0)
    result = write_coefficients(frame, header)
    _check(content, result, frame, changed)
    return result


def _is_rgb(content: bytes, frame: Frame) -> bool:
    """Whether three components are red, green and blue, as libjpeg decides it."""
    found = {segment.marker: segment.content for segment in segments(content)}
    if found.get(JFIF, b'').startswith(b'JFIF\0') or len(frame.components) == 1:
        return False
    adobe = found.get(ADOBE, b'')
    if adobe.startswith(b'Adobe') and len(adobe) >= 12:
        return adobe[11] == 0
    return [component.number for component in frame.components] == _RGB_NUMBERS


def _put_pixels(
    frame: Frame,
    component: Component,
    pixels: NDArray[np.uint8],
    changed: NDArray[np.bool_],
    weights: NDArray[np.float32],
    middle: int,
) -> None:
    """Give the changed blocks of a component the coefficients of the pixels."""
    (down, lost_down), (across, lost_across) = (
        divmod(frame.most_down, component.down),
        divmod(frame.most_across, component.across),
    )
    if lost_down or lost_across:
        raise UnpatchableError('its subsampling is of a rare kind')
    blocks, rows, columns = frame.blocks_of(component), SIDE * down, SIDE * across
    missing = [(0, size * step - length) for size, step, length in zip(blocks.shape, (rows, columns), changed.shape)]
    grid = (blocks.shape[0], rows, blocks.shape[1], columns)
    row, column = np.nonzero(np.pad(changed, missing).reshape(grid).any(axis=(1, 3)))
    padded = np.pad(pixels, missing + [(0, 0)] * (pixels.ndim - 2), 'edge')
    tiles = padded.reshape(*grid, *pixels.shape[2:]).swapaxes(1, 2)
    for start in range(0, len(row), _CHUNK):
        own = row[start : start + _CHUNK], column[start : start + _CHUNK]
        values = tiles[own].astype(np.float32)
        values = values @ weights if values.ndim == 4 else values
        values = values.reshape(-1, SIDE, down, SIDE, across).mean(axis=(2, 4)) - middle
        steps = frame.quantisation[component.table]
        coefficients = (_COSINES @ values @ _COSINES.T).reshape(-1, SIDE * SIDE)[:, _ZIGZAG]
        blocks[own] = np.rint(coefficients / steps).clip(-_LARGEST, _LARGEST)


def _check(before: bytes, after: bytes, frame: Frame, changed: NDArray[np.bool_]) -> None:
    """Raise UnpatchableError if a decoder sees other pixels in blocks that are not beside a changed one."""
    step_down, step_across = SIDE * frame.most_down, SIDE * frame.most_across
    missing = [(0, frame.units[0] * step_down - frame.height), (0, frame.units[1] * step_across - frame.width)]
    grid = (frame.units[0], step_down, frame.units[1], step_across)
    units = np.pad(changed, missing).reshape(grid).any(axis=(1, 3)).astype(np.uint8)
    area = units.repeat(step_down, axis=0).repeat(step_across, axis=1)[: frame.height, : frame.width]
    old, new = _decoded(before), _decoded(after)
    differs = old != new
    differs = differs.any(axis=2) if differs.ndim == 3 else differs
    if old.shape != new.shape or (differs & (cv2.dilate(area, np.ones((3, 3), np.uint8)) == 0)).any():
        raise UnpatchableError('it is decoded in another way than its code says')


def _decoded(content: bytes) -> NDArray[np.uint8]:
    with JpegImagePlugin.JpegImageFile(io.BytesIO(content)) as image:
        return np.asarray(image)
