"""Picture panels: what the network saw, found and restored, side by side."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from hcl_arch.models.validation_sample import ValidationSample

_SMALLEST_TILE = 128
_CAPTION_HEIGHT = 18
_GAP = 2


def panel_row(sample: ValidationSample) -> NDArray:
    """Draw one image: input, true mask, masks coarse to fine, confidence, coarse and restored image, truth.

    Masks are drawn as in mask files, white = corrupted; confidence from dark (surely corrupted) to bright (surely not).

    Returns:
        (H', W', 3) uint8 BGR.
    """
    tiles = [('input', sample.lq)]
    if sample.true_mask is not None:
        tiles.append(('true mask', mask_picture(sample.true_mask)))
    for number, mask in enumerate(reversed(sample.stage_masks), start=1):
        tiles.append((f'mask S{number}', mask_picture(mask)))
    tiles.append(('confidence', cv2.applyColorMap((sample.soft_mask * 255).astype(np.uint8), cv2.COLORMAP_VIRIDIS)))
    tiles += [('coarse', sample.coarse), ('restored', sample.restored)]
    if sample.gt is not None:
        tiles.append(('truth', sample.gt))
    return np.concatenate([_captioned(caption, picture) for caption, picture in tiles], axis=1)


def stack_rows(rows: Sequence[NDArray]) -> NDArray:
    """Put panels of any widths below each other: (sum of heights, largest width, 3)."""
    width = max(row.shape[1] for row in rows)
    return np.concatenate(
        [cv2.copyMakeBorder(row, 0, 0, 0, width - row.shape[1], cv2.BORDER_CONSTANT) for row in rows], axis=0
    )


def mask_picture(mask: NDArray) -> NDArray:
    """A mask (H, W), 1 = uncorrupted, as mask files have it: (H, W) uint8, 255 = corrupted."""
    return np.where(mask < 0.5, 255, 0).astype(np.uint8)


def _captioned(caption: str, picture: NDArray) -> NDArray:
    scale = max(1, -(-_SMALLEST_TILE // min(picture.shape[:2])))
    if picture.ndim == 2:
        picture = cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR)
    picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_NEAREST)
    tile = cv2.copyMakeBorder(picture, _CAPTION_HEIGHT, _GAP, _GAP, _GAP, cv2.BORDER_CONSTANT, value=(32, 32, 32))
    return cv2.putText(
        tile, caption, (_GAP + 3, _CAPTION_HEIGHT - 5), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (255, 255, 255), 1, cv2.LINE_AA
    )
