"""Sheets of pictures: captioned tiles, in rows and columns."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from hcl_arch.utils.atomic_file import atomic_file

_SMALLEST_TILE = 128
_CAPTION_HEIGHT = 18
_GAP = 2


def captioned_row(tiles: Sequence[tuple[str, NDArray[np.uint8]]]) -> NDArray[np.uint8]:
    """Put pictures side by side, each below its caption; small ones are enlarged by whole factors.

    Args:
        tiles: caption and picture, (H, W) or (H, W, 3) uint8 BGR; all of one height.

    Returns:
        (H', W', 3) uint8 BGR.
    """
    return np.concatenate([_captioned(caption, picture) for caption, picture in tiles], axis=1)


def stack_rows(rows: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Put rows of any widths below each other: (sum of heights, largest width, 3)."""
    width = max(row.shape[1] for row in rows)
    return np.concatenate(
        [cv2.copyMakeBorder(row, 0, 0, 0, width - row.shape[1], cv2.BORDER_CONSTANT) for row in rows], axis=0
    )


def mask_picture(mask: NDArray) -> NDArray[np.uint8]:
    """Convert a mask (H, W), 1 = uncorrupted, to the form of mask files: (H, W) uint8, 255 = corrupted."""
    return np.where(mask < 0.5, 255, 0).astype(np.uint8)


def _captioned(caption: str, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    scale = max(1, -(-_SMALLEST_TILE // min(picture.shape[:2])))
    if picture.ndim == 2:
        picture = cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR)  # type: ignore[assignment]
    picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_NEAREST)  # type: ignore[assignment]
    tile = cv2.copyMakeBorder(picture, _CAPTION_HEIGHT, _GAP, _GAP, _GAP, cv2.BORDER_CONSTANT, value=(32, 32, 32))
    return cv2.putText(  # type: ignore[return-value]
        tile, caption, (_GAP + 3, _CAPTION_HEIGHT - 5), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (255, 255, 255), 1, cv2.LINE_AA
    )


def write_picture(picture: NDArray, path: str | os.PathLike[str]) -> None:
    """Write a picture in the format of the file's extension, whole or not at all; its folder is created if needed.

    Args:
        picture: (H, W) or (H, W, 3) uint8, BGR.
        path: Path of the file.

    Raises:
        OSError: It cannot be written.
    """
    file_path = Path(path)
    file_path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_file(file_path, durable=False) as file:
        file.write(cv2.imencode(file_path.suffix, picture)[1].tobytes())
