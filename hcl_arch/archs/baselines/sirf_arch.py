"""SIRF, a baseline of the paper: separates an image into what was photographed and what lies upon it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

from basicsr.utils.registry import ARCH_REGISTRY
from torch import Tensor, nn

from hcl_arch.archs.argument_checks import check_at_least
from hcl_arch.archs.baselines.adaptive_conv import AdaptiveConv, end_conv
from hcl_arch.archs.baselines.unguided_restorer import Painting, UnguidedRestorer
from hcl_arch.archs.baselines.vgg_hypercolumn import VGG_DIMS, FrozenVGG19, HypercolumnConv, check_vgg_dims

# Of the 3x3 convolutions.
_DILATIONS = (1, 2, 4, 8, 16, 32, 64, 1)


@ARCH_REGISTRY.register()
class SIRF(UnguidedRestorer):
    """Single image reflection separation, with watermarks in the place of reflections (Table 7).

    Zhang, Ng, Chen: "Single Image Reflection Separation with Perceptual Losses", CVPR 2018. Dilated convolutions at
    full size look at hypercolumns of a frozen VGG-19 and give two layers; the first one is the restored image, not
    composited. The method has no mask: see :class:`UnguidedRestorer`.

    Args:
        dim: Width of the convolutions.
        vgg_weights: A file of torchvision's VGG-19, needed where training begins; ``random`` for tests without one;
            None where a checkpoint of the whole network is loaded. See :class:`FrozenVGG19`.
        vgg_dims: Widths of the five groups of the VGG-19's convolutions; others than its own are for tests.
        bgr: Whether the network works on images in the order blue, green, red, as the published weights do. Images are
            RGB outside of it either way.

    Raises:
        FileNotFoundError: If there is no file ``vgg_weights``.
        ValueError: If a number is too small, there are not five ``vgg_dims``, or the file does not fit.
    """

    def __init__(
        self,
        dim: int = 64,
        vgg_weights: Optional[str] = None,
        vgg_dims: Sequence[int] = VGG_DIMS,
        bgr: bool = False,
    ) -> None:
        super().__init__()
        check_at_least(1, dim=dim)
        check_vgg_dims(vgg_dims)
        self.bgr = bgr
        self.vgg = FrozenVGG19(vgg_weights, dims=vgg_dims)
        self.first_conv = HypercolumnConv(vgg_dims, dim)
        self.convs = nn.Sequential(*(AdaptiveConv(dim, dim, 3, dilation=dilation) for dilation in _DILATIONS))
        self.last_conv = end_conv(dim, 6)

    def layers(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Separate the layers of an image.

        Args:
            image: (B, 3, H, W) RGB in [0, 1], of any size.

        Returns:
            What was photographed and what lies upon it, both (B, 3, H, W) RGB, around [0, 1].
        """
        if self.bgr:
            image = image.flip(1)
        features = self.convs(self.first_conv.forward_maps(self.vgg(image), image))
        below, above = self.last_conv(features).chunk(2, dim=1)
        return (below.flip(1), above.flip(1)) if self.bgr else (below, above)

    def _paint(self, image: Tensor) -> Painting:
        below, above = self.layers(image)
        return Painting(below, above=above)
