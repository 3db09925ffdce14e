"""Pictures of the finding for people: the tinted overlay, the side-by-side view, the confidence map."""

from __future__ import annotations

from functools import lru_cache
from typing import Union

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Picture = NDArray[np.uint8]
_TINT = (255, 24, 96)
_TINT_SHARE = 0.42
_EDGE, _EDGE_SHADE = (255, 255, 255), (150, 0, 50)
# One pixel of outline for this many pixels of the short side.
_SIDE_PER_EDGE_PIXEL = 500
_LABELS = ('Input', 'Found', 'Restored')
_PAPER, _INK = (255, 255, 255), (60, 60, 60)
_LONGEST_PANEL, _SHORTEST_PANEL = 1200, 240
# Even a scratch thinner than a pixel of the reduced mask stays visible.
_THIN = 40
# Panels of pictures wider than this many times their height are stacked vertically.
_WIDE = 2.0


def confidence_picture(confidence: NDArray[np.floating]) -> Picture:
    """Return a confidence map (H, W) in [0, 1] as gray: 255 = surely uncorrupted."""
    return np.rint(np.clip(confidence, 0, 1) * 255).astype(np.uint8)


def overlay_picture(photograph: Picture, mask: Picture) -> Picture:
    """Tint and outline the corrupted region.

    Args:
        photograph: (H, W, 3) RGB.
        mask: (H, W), nonzero = corrupted.

    Returns:
        (H, W, 3) RGB.
    """
    region = (mask > 0).astype(np.uint8)
    tint = np.full_like(photograph, _TINT)
    tinted = cv2.addWeighted(photograph, 1 - _TINT_SHARE, tint, _TINT_SHARE, 0)
    picture = np.where(region[..., None] > 0, tinted, photograph)
    width = max(1, round(min(mask.shape) / _SIDE_PER_EDGE_PIXEL))
    if min(mask.shape) >= 32:  # on a smaller picture, the outline would hide the region
        # Light inside and dark outside, so the line is visible on any background.
        inner = region - _shrunk(region, width)
        outer = cv2.dilate(region, _disc(width)) - region
        picture[outer > 0] = _EDGE_SHADE
        picture[inner > 0] = _EDGE
    return picture.astype(np.uint8)


def _shrunk(region: Picture, width: int) -> Picture:
    # The picture's border is not an edge of the region.
    return cv2.erode(region, _disc(width), borderType=cv2.BORDER_CONSTANT, borderValue=1)  # type: ignore[return-value]


def _disc(radius: int) -> Picture:
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1,) * 2)  # type: ignore[return-value]


def side_by_side(photograph: Picture, mask: Picture, restored: Picture) -> Picture:
    """Put input, overlay and restored photograph side by side, or stacked if they are wide, each with its label.

    Args:
        photograph, restored: (H, W, 3) RGB.
        mask: (H, W), nonzero = corrupted.

    Returns:
        (H', W', 3) RGB: panels of at most 1200 pixels a side.
    """
    small_mask = _panel(mask)
    if len(np.unique(small_mask)) > 2:
        small_mask = np.where(small_mask > _THIN, np.uint8(255), np.uint8(0))
    small = _panel(photograph)
    panels = (small, overlay_picture(small, small_mask), _panel(restored))
    height, width = small.shape[:2]
    below = width > _WIDE * height
    font_size = int(np.clip((height + width) / 50, 13, 28))
    band, gap = round(1.9 * font_size), max(6, font_size // 2)
    step_x, step_y = (0, band + height) if below else (max(width, 5 * font_size) + gap, 0)
    sheet = Image.new(
        'RGB', (2 * gap + 2 * step_x + max(width, 5 * font_size), band + height + 2 * step_y + gap), _PAPER
    )
    drawing = ImageDraw.Draw(sheet)
    for number, (label, panel) in enumerate(zip(_LABELS, panels)):
        left, top = gap + number * step_x, number * step_y
        drawing.text((left, top + band / 2), label, _INK, _font(font_size), anchor=_anchor(font_size))
        sheet.paste(Image.fromarray(panel), (left, top + band))
    return np.array(sheet)


def _panel(picture: Picture) -> Picture:
    """Reduce a picture to the longest side of a panel, or enlarge a small one by a whole number."""
    height, width = picture.shape[:2]
    longest = max(height, width)
    if longest > _LONGEST_PANEL:
        scale = _LONGEST_PANEL / longest
        size = max(1, round(width * scale)), max(1, round(height * scale))
        return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)  # type: ignore[return-value]
    scale = max(1, _SHORTEST_PANEL // longest)
    size = width * int(scale), height * int(scale)
    return cv2.resize(picture, size, interpolation=cv2.INTER_NEAREST)  # type: ignore[return-value]


@lru_cache(maxsize=4)
def _font(size: int) -> Union[ImageFont.FreeTypeFont, ImageFont.ImageFont]:
    try:
        return ImageFont.load_default(size)
    except TypeError:  # for Pillow before 10.1, which has one size
        return ImageFont.load_default()


def _anchor(size: int) -> Union[str, None]:
    return 'lm' if isinstance(_font(size), ImageFont.FreeTypeFont) else None
