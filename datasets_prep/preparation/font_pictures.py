"""Pictures with alpha of a font's characters: emoji in their own colours, signs in one colour."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from preparation.items import PreparationError

# No character has this code: for it, as for missing characters, a font draws a box or nothing.
_NO_CHARACTER = '\U0010fffe'
_MARGIN = 2


class PictureFont:
    """A font rendered as pictures.

    Args:
        path: a TrueType or OpenType file.
        size: size of the font in pixels; bitmap fonts have one size only (Noto Color Emoji: 109).

    Raises:
        PreparationError: the file is not a font, or lacks this size.
    """

    def __init__(self, path: str, *, size: int) -> None:
        self.path = path
        if not os.path.isfile(path):
            raise PreparationError(f'{path}: expected a font, found no file there. Correct the path.')
        try:
            self._font = ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC)
        except OSError as error:
            raise PreparationError(
                f'{path}: expected a font that has {size} pixels, but it cannot be opened so '
                f'({error}). Give another one.'
            ) from error

    def codes(self, candidates: Iterable[int]) -> list[int]:
        """Return the candidate codes for which the font has a picture, each picture once."""
        lacking = self._outline(_NO_CHARACTER)
        seen: set[bytes] = set()
        found = []
        for code in candidates:
            if self._outline(chr(code)) == lacking:  # most of them: faster than drawing it
                continue
            picture = self._drawn(chr(code), (0, 0, 0))
            if picture[..., 3].any() and picture.tobytes() not in seen:
                seen.add(picture.tobytes())
                found.append(code)
        return found

    def picture(self, code: int, colour: tuple[int, int, int] = (0, 0, 0)) -> NDArray[np.uint8]:
        """Return the picture of a code.

        Args:
            code: one of `codes`.
            colour: R, G and B from 0 to 255, for characters without colours of their own.

        Returns:
            (h, w, 4) uint8: R, G and B, not multiplied by alpha, and alpha; without empty rows and columns around it.
        """
        pixels = self._drawn(chr(code), colour)
        left, top, width, height = cv2.boundingRect(pixels[..., 3])
        return pixels[top : top + height, left : left + width]

    def is_coloured(self, code: int) -> bool:
        """Whether a character has colours of its own."""
        pixels = self._drawn(chr(code), (0, 0, 0))
        return bool(pixels[pixels[..., 3] > 0][:, :3].any())

    def _outline(self, character: str) -> tuple[object, bytes]:
        """Return size and alpha of a character, for comparison."""
        mask = self._font.getmask(character)
        return mask.size, bytes(mask)

    def _drawn(self, character: str, colour: tuple[int, int, int]) -> NDArray[np.uint8]:
        left, top, right, bottom = (round(side) for side in self._font.getbbox(character))
        size = (max(right - left, 1) + 2 * _MARGIN, max(bottom - top, 1) + 2 * _MARGIN)
        canvas = Image.new('RGBA', size)
        ImageDraw.Draw(canvas).text(
            (_MARGIN - left, _MARGIN - top), character, fill=(*colour, 255), font=self._font, embedded_color=True
        )
        return _without_black(np.array(canvas))


def png_of(pixels: NDArray[np.uint8]) -> bytes:
    """Return the PNG file of a picture, (h, w, 4) uint8 R, G, B, alpha."""
    content: Any = cv2.imencode('.png', cv2.cvtColor(pixels, cv2.COLOR_RGBA2BGRA))[1]
    return bytes(content)


def _without_black(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Remove the black of the empty canvas, which Pillow has mixed into the colours by alpha."""
    colours, alpha = np.split(pixels.astype(np.float32), [3], axis=2)
    colours = np.round(255 * colours / np.maximum(alpha, 1)).clip(0, 255)
    return np.concatenate([colours, alpha], axis=2).astype(np.uint8)
