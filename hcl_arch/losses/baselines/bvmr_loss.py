"""The training losses of BVMR."""

from __future__ import annotations

from typing import Optional

from basicsr.utils.registry import LOSS_REGISTRY
from torch import Tensor, nn

from hcl_arch.archs.baselines.watermark_remover import WatermarkOutput
from hcl_arch.archs.image_form import to_network_range
from hcl_arch.losses.baselines.watermark_terms import area_l1, mask_cross_entropy


@LOSS_REGISTRY.register()
class BVMRLoss(nn.Module):
    """Picture and motif in the hole, and the mask (Hertz et al., CVPR 2019; weights of the published program).

    2 A(picture, truth) + A(motif, its truth) + cross-entropy of the mask, where A is :func:`area_l1` in the true hole
    with images in [-1, 1]. Pixels outside the hole are not compared.

    Args:
        loss_weight: Weight of all.
        pixel_weight: Weight of the picture.
        motif_weight: Weight of the motif.
        mask_weight: Weight of the mask.
    """

    def __init__(
        self,
        *,
        loss_weight: float = 1.0,
        pixel_weight: float = 2.0,
        motif_weight: float = 1.0,
        mask_weight: float = 1.0,
    ) -> None:
        super().__init__()
        self.loss_weight = loss_weight
        self.pixel_weight = pixel_weight
        self.motif_weight = motif_weight
        self.mask_weight = mask_weight

    def forward(
        self, output: WatermarkOutput, truth: Tensor, mask: Tensor, watermark: Optional[Tensor] = None
    ) -> dict[str, Tensor]:
        """Compare.

        Args:
            output: Of the network.
            truth: (B, 3, H, W) RGB in [0, 1].
            mask: (B, 1, H, W) in [0, 1], 1 = uncorrupted.
            watermark: (B, 3, H, W) in [0, 1], the motif's picture; without it that term is left out.

        Returns:
            Term -> weighted scalar; float32 under autocast too.
        """
        hole = 1 - mask
        losses = {
            'l_pixel': self.pixel_weight * _signed_area_l1(output.painted[0], truth, hole),
            'l_mask': self.mask_weight * mask_cross_entropy(output, mask),
        }
        if watermark is not None and output.watermark is not None:
            losses['l_watermark'] = self.motif_weight * _signed_area_l1(output.watermark, watermark, hole)
        return {name: self.loss_weight * loss for name, loss in losses.items()}


def _signed_area_l1(image: Tensor, truth: Tensor, hole: Tensor) -> Tensor:
    return area_l1(to_network_range(image.float()), to_network_range(truth), hole)
