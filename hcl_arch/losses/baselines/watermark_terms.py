"""Terms that the losses of watermark removal networks share."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from hcl_arch.archs.baselines.watermark_remover import WatermarkOutput


def area_l1(image: Tensor, truth: Tensor, hole: Tensor) -> Tensor:
    """Mean over the images of sum(hole * abs(image - truth)) / sum(hole).

    The first sum runs over channels and pixels, the second over pixels alone: for RGB it is three times a mean.
    Source: the losses of BVMR (Hertz et al. 2019) and Split then Refine (Cun and Pun 2021).

    Args:
        image: (B, C, H, W).
        truth: (B, C, H, W).
        hole: (B, 1, H, W) in [0, 1], 1 = to be compared.

    Returns:
        A scalar; an image without a hole counts as 0, with a gradient of 0.
    """
    differences = (hole * (image - truth).abs()).sum(dim=(1, 2, 3))
    areas = hole.sum(dim=(1, 2, 3))
    return (differences / areas.where(areas > 0, areas.new_ones(()))).mean()


def mask_cross_entropy(output: WatermarkOutput, mask: Tensor) -> Tensor:
    """Cross-entropy of the predicted mask, computed from its logits; without the padding.

    Args:
        output: Of the network.
        mask: (B, 1, H, W) in [0, 1], 1 = uncorrupted.

    Returns:
        A scalar.
    """
    logits = output.mask_logits[0][..., : mask.shape[-2], : mask.shape[-1]]
    return F.binary_cross_entropy_with_logits(logits.float(), mask)
