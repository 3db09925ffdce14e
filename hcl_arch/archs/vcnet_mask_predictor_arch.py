"""VCNet's mask prediction network: a detector that classifies pixels."""

from __future__ import annotations

import torch
from basicsr.utils.registry import ARCH_REGISTRY
from torch import Tensor, nn

from hcl_arch.archs.hcl_detector_arch import check_image
from hcl_arch.archs.image_range import to_network_range
from hcl_arch.archs.padding import pad_to_multiple
from hcl_arch.archs.vcnet_encoder_decoder import EncoderDecoder, ImageNorm


@ARCH_REGISTRY.register()
class VCNetMaskPredictor(nn.Module):
    """Encoder-decoder with residual blocks that predicts the mask (MPN; Wang et al. 2020, "VCNet").

    Differs from the paper: its layer tables were not at hand; depth, dilations, skips and group norm are chosen here,
    and the loss is plain binary cross-entropy (``mask_opt`` of the model), without balancing the two classes.

    Args:
        dim: Width at full size.
        n_blocks: Number of dilated residual blocks at a quarter of the size.
    """

    def __init__(self, dim: int = 64, n_blocks: int = 4) -> None:
        super().__init__()
        self.network = EncoderDecoder(3, 1, dim=dim, n_blocks=n_blocks, make_norm=ImageNorm)
        self.size_multiple = self.network.size_multiple

    def forward(self, image: Tensor) -> Tensor:
        """Find the corrupted regions of an image.

        Args:
            image: (B, 3, H, W) RGB in [0, 1], of any size from 16 pixels up.

        Returns:
            (B, 1, H, W), the confidence that a pixel is uncorrupted, in [0, 1].

        Raises:
            ValueError: If the image has another shape.
        """
        height, width = check_image(image)
        return torch.sigmoid(self.mask_logits(image)[..., :height, :width])

    def mask_logits(self, image: Tensor) -> Tensor:
        """Logits behind the confidence, (B, 1, h, w), h and w being H and W rounded up to ``size_multiple``."""
        check_image(image)
        padded = to_network_range(pad_to_multiple(image, self.size_multiple))
        return self.network(padded, padded[:, :1])
