"""Base class of DHAN and SIRF: hypercolumns of a frozen VGG-19."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Optional

from torch import Tensor

from hcl_arch.archs.baselines.unguided_restorer import UnguidedRestorer
from hcl_arch.archs.baselines.vgg_hypercolumn import VGG_DIMS, FrozenVGG19, HypercolumnConv, check_vgg_dims
from hcl_arch.utils.argument_checks import check_at_least


class HypercolumnRestorer(UnguidedRestorer):
    """A network whose first convolution gets an image and its hypercolumns.

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
        self._add_layers(dim)

    @abstractmethod
    def _add_layers(self, dim: int) -> None:
        """Make the layers that follow the first convolution, which gives ``dim`` channels."""

    def _first_features(self, image: Tensor) -> Tensor:
        """(B, dim, H, W) of an image (B, 3, H, W), RGB in [0, 1]."""
        image = self._own_order(image)
        return self.first_conv.forward_maps(self.vgg(image), image)

    def _own_order(self, image: Tensor) -> Tensor:
        """From RGB to the network's order of colours, or back: it is the same step."""
        return image.flip(1) if self.bgr else image
