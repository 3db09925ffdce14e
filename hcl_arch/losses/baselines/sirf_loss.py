"""The training losses of SIRF, except the adversarial loss."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

import torch.nn.functional as F
from basicsr.utils.registry import LOSS_REGISTRY
from torch import Tensor, nn

from hcl_arch.archs.baselines.vgg_hypercolumn import VGG_DIMS
from hcl_arch.archs.blind_restoration import BlindOutput
from hcl_arch.losses.baselines.exclusion_loss import ExclusionLoss
from hcl_arch.losses.baselines.sirf_perceptual_loss import SIRFPerceptualLoss


@LOSS_REGISTRY.register()
class SIRFLoss(nn.Module):
    """Perception of both layers, the upper layer's pixels, and exclusion (Zhang, Ng, Chen, CVPR 2018).

    For the layers T and R of the network: 0.2 (P(T, truth) + P(R, its truth)) + mean abs(R - its truth) + exclusion of
    T and R, times ``loss_weight``; P is :class:`SIRFPerceptualLoss`. If the upper layer's picture is not given, its two
    terms are left out. The adversarial loss, which the method weighs 1, is ``train.gan_opt``.

    Args:
        loss_weight: Weight of all.
        perceptual_weight: Weight of perception.
        layer_weight: Weight of the upper layer's pixels.
        exclusion_weight: Weight of the exclusion.
        vgg_weights: See :class:`SIRFPerceptualLoss`.
        vgg_dims: See :class:`SIRFPerceptualLoss`.

    Raises:
        FileNotFoundError: If there is no file ``vgg_weights``.
        ValueError: If the file does not fit.
    """

    def __init__(
        self,
        *,
        loss_weight: float = 100.0,
        perceptual_weight: float = 0.2,
        layer_weight: float = 1.0,
        exclusion_weight: float = 1.0,
        vgg_weights: Optional[str] = None,
        vgg_dims: Sequence[int] = VGG_DIMS,
    ) -> None:
        super().__init__()
        self.layer_weight = loss_weight * layer_weight
        weight = loss_weight * perceptual_weight
        self.perceptual = SIRFPerceptualLoss(loss_weight=weight, vgg_weights=vgg_weights, vgg_dims=vgg_dims)
        self.exclusion = ExclusionLoss(loss_weight=loss_weight * exclusion_weight)

    def forward(
        self, output: BlindOutput, truth: Tensor, mask: Optional[Tensor] = None, watermark: Optional[Tensor] = None
    ) -> dict[str, Tensor]:
        """Compare.

        Args:
            output: Of the network.
            truth: (B, 3, H, W) RGB in [0, 1].
            mask: Not looked at: it is there for ``train.output_opt``.
            watermark: (B, 3, H, W) in [0, 1], the upper layer's picture.

        Returns:
            Term -> weighted scalar; float32 under autocast too.

        Raises:
            ValueError: If the network gives no upper layer.
        """
        if output.above is None:
            raise ValueError('SIRFLoss needs a network that gives what lies upon the image, as SIRF does.')
        above = output.above.float()
        losses = {'l_percep': self.perceptual(output.restored, truth)[0]}
        losses['l_exclusion'] = self.exclusion(output.restored, above)
        if watermark is not None:
            losses['l_percep_layer'] = self.perceptual(above, watermark)[0]
            losses['l_layer'] = self.layer_weight * F.l1_loss(above, watermark)
        return losses
