"""Losses of predicted masks."""

from __future__ import annotations

import torch
from torch import Tensor


def soft_iou_loss(logits: Tensor, mask: Tensor) -> Tensor:
    """1 - IoU of the corrupted region with probabilities in place of a mask, the mean over the images that have one.

    With p = 1 - sigmoid(logits) and t = 1 - mask: 1 - sum(p t) / sum(p + t - p t). It weighs a small region as much as
    a large one, which the cross-entropy of pixels does not. Source: Rahman and Wang (2016), Optimizing
    Intersection-Over-Union in Deep Neural Networks for Image Segmentation.

    Args:
        logits: (B, 1, h, w), that pixels are uncorrupted.
        mask: (B, 1, h, w) in [0, 1], 1 = uncorrupted.

    Returns:
        In [0, 1]; 0, with a gradient of 0, where no image has a corrupted pixel.
    """
    found, true = torch.sigmoid(-logits.float()), 1 - mask
    both = (found * true).sum(dim=(1, 2, 3))
    either = (found + true).sum(dim=(1, 2, 3)) - both
    has_region = true.amax(dim=(1, 2, 3)) > 0
    losses = torch.where(has_region, 1 - both / either.clamp(min=1e-6), either * 0)
    return losses.sum() / has_region.sum().clamp(min=1)
