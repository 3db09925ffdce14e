"""DHAN, a baseline of the paper: two chains of aggregated layers find and remove the corruption."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hcl_arch.archs.baselines.adaptive_conv import AdaptiveConv, end_conv
from hcl_arch.archs.baselines.dhan_aggregation import Aggregation, PoolingPyramid
from hcl_arch.archs.baselines.hypercolumn_restorer import HypercolumnRestorer
from hcl_arch.archs.baselines.unguided_restorer import Painting
from hcl_arch.archs.registry import ARCHS

# Kernel size and dilation of the convolutions, two for each step.
_CONVS = ((1, 1), (3, 1), (3, 2), (3, 4), (3, 8), (3, 16), (3, 32), (3, 64))
# How many layers are aggregated after each step.
_AGGREGATED = (2, 3, 3, 4)


@ARCHS.register()
class DHAN(HypercolumnRestorer):
    """Dual hierarchical aggregation network, for watermarks instead of shadows (Table 7).

    Cun, Pun, Shi: "Towards Ghost-free Shadow Removal via Dual Hierarchical Aggregation Network and Shadow Matting GAN",
    AAAI 2020. Dilated convolutions at full size process hypercolumns of a frozen VGG-19. After every two of them, the
    results are aggregated twice: for the image, and for an attention map that weighs the image features and finally
    becomes the mask. The image is not composited.

    Where the authors' program and the figure in their paper differ, this follows the program.

    Arguments and errors are those of :class:`HypercolumnRestorer`.
    """

    def _add_layers(self, dim: int) -> None:
        self.convs = nn.ModuleList(AdaptiveConv(dim, dim, size, dilation=dilation) for size, dilation in _CONVS)
        self.image_aggregations = nn.ModuleList(Aggregation(n_layers, dim) for n_layers in _AGGREGATED)
        self.mask_aggregations = nn.ModuleList(Aggregation(n_layers, dim) for n_layers in _AGGREGATED)
        self.image_pyramid, self.mask_pyramid = PoolingPyramid(dim), PoolingPyramid(dim)
        self.image_conv, self.hole_conv = end_conv(dim, 3), end_conv(dim, 1)

    def _paint(self, image: Tensor) -> Painting:
        image_features, mask_features = self._aggregated(self._first_features(image))
        image_features, mask_features = self.image_pyramid(image_features), self.mask_pyramid(mask_features)
        painted = self.image_conv(image_features * torch.sigmoid(mask_features))
        return Painting(self._own_order(painted), mask_logits=(-self.hole_conv(mask_features),))

    def _aggregated(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """The last aggregations for image and mask, both (B, dim, H, W), of the first layer's result."""
        images: list[Tensor] = []
        masks: list[Tensor] = []
        last = len(_AGGREGATED) - 1
        for step in range(last + 1):
            former = self.convs[2 * step](features)
            latter = self.convs[2 * step + 1](former)
            layers = [former, latter] if step in (0, last) else [latter, former]
            # The last step takes the results of two steps before it, the others of one.
            earlier = slice(-2 if step == last else -1, None)
            images.append(self.image_aggregations[step]([*images[earlier], *layers]))
            masks.append(self.mask_aggregations[step]([*masks[earlier], *layers]))
            features = images[-1] * torch.sigmoid(masks[-1])
        return images[-1], masks[-1]
