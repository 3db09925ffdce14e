"""Picture panels: input, masks and restored images of a network, side by side."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from hcl_arch.models.validation_sample import ValidationSample
from hcl_arch.utils.pictures import captioned_row, mask_picture


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
    if sample.reversed is not None:
        tiles.append(('reversed', sample.reversed))
        if sample.noise is not None:
            tiles.append(('put in', sample.noise))
    return captioned_row(tiles)
