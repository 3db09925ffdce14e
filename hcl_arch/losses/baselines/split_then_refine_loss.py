"""The training losses of Split then Refine."""

from __future__ import annotations

from typing import Optional

import torch
import torch.nn.functional as F
from basicsr.utils.registry import LOSS_REGISTRY
from torch import Tensor, nn

from hcl_arch.archs.baselines.watermark_remover import WatermarkOutput
from hcl_arch.losses.baselines.ssim import ssim_map
from hcl_arch.losses.baselines.watermark_terms import area_l1, mask_cross_entropy
from hcl_arch.losses.hcl_perceptual_loss import HCLPerceptualLoss

_POOLS = ('pool1', 'pool2', 'pool3')


@LOSS_REGISTRY.register()
class SplitThenRefineLoss(nn.Module):
    """Pixels, mask, watermark, perception and structure (Cun and Pun, AAAI 2021; weights of the published program).

    Symbols: truth T, hole m, predicted hole p, the watermark's picture W, its prediction V, and both predicted pictures
    P, each with R = P m + T (1 - m); A is :func:`area_l1`. Pixels: A(P, T, m) + mean abs(P p - T m) + mean abs(R - T).
    Mask: the cross-entropy of p. Watermark: A(V, W, m) + mean abs(V p - W m). Perception: the distances of R and T in
    VGG-16 after its first three maximum poolings. Structure: 1 - SSIM(R, T). Pixels, perception and structure are
    summed over the pictures.

    Args:
        loss_weight: Weight of all.
        pixel_weight: Weight of the pixels.
        mask_weight: Weight of the mask.
        watermark_weight: Weight of the watermark.
        perceptual_weight: Weight of perception; without it no VGG is loaded.
        ssim_weight: Weight of the structure.
        vgg_weights: See ``weights`` of :class:`hcl_arch.losses.HCLPerceptualLoss`, of a VGG-16.

    Raises:
        FileNotFoundError: If the VGG's weights are not there.
    """

    def __init__(
        self,
        *,
        loss_weight: float = 1.0,
        pixel_weight: float = 2.0,
        mask_weight: float = 1.0,
        watermark_weight: float = 1.0,
        perceptual_weight: float = 0.025,
        ssim_weight: float = 0.15,
        vgg_weights: Optional[str] = None,
    ) -> None:
        super().__init__()
        self.loss_weight = loss_weight
        self.pixel_weight = pixel_weight
        self.mask_weight = mask_weight
        self.watermark_weight = watermark_weight
        self.ssim_weight = ssim_weight
        self.perceptual: Optional[HCLPerceptualLoss] = None
        if perceptual_weight > 0:
            layers = dict.fromkeys(_POOLS, 1.0)
            self.perceptual = HCLPerceptualLoss(
                layer_weights=layers, loss_weight=perceptual_weight, weights=vgg_weights, vgg_type='vgg16'
            )

    def forward(
        self, output: WatermarkOutput, truth: Tensor, mask: Tensor, watermark: Optional[Tensor] = None
    ) -> dict[str, Tensor]:
        """Compare.

        Args:
            output: Of the network.
            truth: (B, 3, H, W) RGB in [0, 1].
            mask: (B, 1, H, W) in [0, 1], 1 = uncorrupted.
            watermark: (B, 3, H, W) in [0, 1], the watermark's picture; without it that term is left out.

        Returns:
            Term -> weighted scalar; float32 under autocast too.
        """
        hole, soft_hole = 1 - mask, 1 - output.soft_mask.float()
        pictures = [picture.float() for picture in output.painted]
        repainted = [hole * picture + mask * truth for picture in pictures]
        pixels = [
            area_l1(picture, truth, hole) + F.l1_loss(picture * soft_hole, truth * hole) + F.l1_loss(whole, truth)
            for picture, whole in zip(pictures, repainted)
        ]
        losses = {'l_pixel': self.pixel_weight * torch.stack(pixels).sum()}
        losses['l_mask'] = self.mask_weight * mask_cross_entropy(output, mask)
        if watermark is not None and output.watermark is not None:
            found = output.watermark.float()
            loss = area_l1(found, watermark, hole) + F.l1_loss(found * soft_hole, watermark * hole)
            losses['l_watermark'] = self.watermark_weight * loss
        if self.perceptual is not None:
            features = self.perceptual.truth_features(truth)
            distances = [self.perceptual.distance(whole, features) for whole in repainted]
            losses['l_percep'] = torch.stack(distances).sum()
        dissimilarities = [1 - ssim_map(whole, truth).mean() for whole in repainted]
        losses['l_ssim'] = self.ssim_weight * torch.stack(dissimilarities).sum()
        return {name: self.loss_weight * loss for name, loss in losses.items()}
