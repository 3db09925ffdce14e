"""Losses of predicted masks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Callable

import torch
import torch.nn.functional as F
from torch import Tensor

# Of logits and mask, (B, 1, h, w) each.
RegionLoss = Callable[[Tensor, Tensor], Tensor]


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


def lovasz_hinge_loss(logits: Tensor, mask: Tensor) -> Tensor:
    """The Lovasz hinge of the corrupted region's IoU, the mean over the images.

    Each pixel has an error, 1 minus its logit towards the truth. In the order of their errors, each one that is above 0
    counts as much as the IoU falls if that pixel is wrong besides those before it. As with :func:`soft_iou_loss` a
    small region weighs as much as a large one, but what is surely wrong has as large a gradient as what is undecided.
    In an image without a corrupted region the pixel that looks corrupted most is all that counts. Source: Berman, Triki
    and Blaschko (2018), The Lovasz-Softmax Loss.

    Args:
        logits: (B, 1, h, w), that pixels are uncorrupted.
        mask: (B, 1, h, w) in [0, 1], 1 = uncorrupted; below 0.5 = corrupted.

    Returns:
        At least 0; twice the lost IoU where every logit is 1 or -1.
    """
    corrupted = (mask < 0.5).flatten(1)
    logits = logits.float().flatten(1)
    errors, order = (1 + torch.where(corrupted, logits, -logits)).sort(dim=1, descending=True)
    true = corrupted.gather(1, order).float()
    region = true.sum(dim=1, keepdim=True)
    missed = region - true.cumsum(dim=1)
    losses = 1 - missed / (region + (1 - true).cumsum(dim=1)).clamp(min=1)
    steps = torch.cat([losses[:, :1], losses[:, 1:] - losses[:, :-1]], dim=1)
    return (F.relu(errors) * steps).sum(dim=1).mean()


def weighted_region_losses(options: Mapping[str, Any]) -> list[tuple[str, float, RegionLoss]]:
    """Losses of the corrupted region that have a weight above 0: their names in the log, weights and functions.

    Args:
        options: Weights as in ``mask_opt``: ``iou_weight`` of the soft IoU, ``lovasz_weight`` of the Lovasz hinge.
    """
    losses = (('iou', soft_iou_loss), ('lovasz', lovasz_hinge_loss))
    weights = {name: options.get(f'{name}_weight', 0.0) for name, _ in losses}
    return [(f'l_mask_{name}', weights[name], loss) for name, loss in losses if weights[name] > 0]
