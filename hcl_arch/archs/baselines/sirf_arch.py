"""SIRF, a baseline of the paper: separates an image into the photographed scene and the layer above it."""

from __future__ import annotations

from torch import Tensor, nn

from hcl_arch.archs.baselines.adaptive_conv import AdaptiveConv, end_conv
from hcl_arch.archs.baselines.hypercolumn_restorer import HypercolumnRestorer
from hcl_arch.archs.baselines.unguided_restorer import Painting
from hcl_arch.archs.registry import ARCHS

# Of the 3x3 convolutions.
_DILATIONS = (1, 2, 4, 8, 16, 32, 64, 1)


@ARCHS.register()
class SIRF(HypercolumnRestorer):
    """Single image reflection separation, for watermarks instead of reflections (Table 7).

    Zhang, Ng, Chen: "Single Image Reflection Separation with Perceptual Losses", CVPR 2018. Dilated convolutions at
    full size process hypercolumns of a frozen VGG-19 and give two layers. The first layer is the restored image; it is
    not composited. The method has no mask: see :class:`UnguidedRestorer`.

    Arguments and errors are those of :class:`HypercolumnRestorer`.
    """

    def _add_layers(self, dim: int) -> None:
        self.convs = nn.Sequential(*(AdaptiveConv(dim, dim, 3, dilation=dilation) for dilation in _DILATIONS))
        self.last_conv = end_conv(dim, 6)

    def layers(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Separate the layers of an image.

        Args:
            image: (B, 3, H, W) RGB in [0, 1], of any size.

        Returns:
            What was photographed and what lies upon it, both (B, 3, H, W) RGB, around [0, 1].
        """
        below, above = self.last_conv(self.convs(self._first_features(image))).chunk(2, dim=1)
        return self._own_order(below), self._own_order(above)

    def _paint(self, image: Tensor) -> Painting:
        below, above = self.layers(image)
        return Painting(below, above=above)
