"""The perceptual loss of SIRF and DHAN."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

import torch
from basicsr.utils.registry import LOSS_REGISTRY
from torch import Tensor, nn

from hcl_arch.archs.baselines.vgg_hypercolumn import VGG_DIMS, FrozenVGG19, check_vgg_dims

# Of the image itself, and of conv1_2, conv2_2, conv3_2, conv4_2 and conv5_2.
_IMAGE_WEIGHT = 1.0
_MAP_WEIGHTS = (1 / 2.6, 1 / 4.8, 1 / 3.7, 1 / 5.6, 10 / 1.5)


@LOSS_REGISTRY.register()
class SIRFPerceptualLoss(nn.Module):
    """mean |255 a - 255 b| + sum over layers of w_l mean |f_l(a) - f_l(b)|, f a VGG-19's maps with average pooling.

    Source: Zhang, Ng, Chen, CVPR 2018 (SIRF); w is 1/2.6, 1/4.8, 1/3.7, 1/5.6 and 10/1.5 from fine to coarse.
    SIRF and DHAN add it to the generator's loss with weight 20.

    Args:
        loss_weight: Weight of it all.
        vgg_weights: A file of torchvision's VGG-19, or ``random`` for tests; see :class:`FrozenVGG19`.
        vgg_dims: Widths of the VGG-19's groups; others than its own are for tests.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file does not fit.
    """

    def __init__(
        self, *, loss_weight: float = 1.0, vgg_weights: Optional[str] = None, vgg_dims: Sequence[int] = VGG_DIMS
    ) -> None:
        super().__init__()
        check_vgg_dims(vgg_dims)
        self.loss_weight = loss_weight
        self.vgg = FrozenVGG19(vgg_weights, dims=vgg_dims)

    def forward(self, image: Tensor, truth: Tensor) -> tuple[Tensor, Optional[Tensor]]:
        """Compare images.

        Args:
            image: (B, 3, H, W) RGB in [0, 1].
            truth: (B, 3, H, W) RGB in [0, 1]; its features are computed without graph.

        Returns:
            The weighted loss, a scalar, and None in the place of BasicSR's style loss.
        """
        with torch.no_grad():
            expected = self.vgg(truth)
        distances = [_IMAGE_WEIGHT * 255 * (image.float() - truth.float()).abs().mean()]
        for weight, ours, theirs in zip(_MAP_WEIGHTS, self.vgg(image), expected):
            # In float32 under autocast too: sums over all pixels overflow in half precision.
            distances.append(weight * (ours.float() - theirs.float()).abs().mean())
        return self.loss_weight * torch.stack(distances).sum(), None
