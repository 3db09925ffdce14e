"""VCNet's mask prediction network: a detector that classifies pixels."""

from __future__ import annotations

from basicsr.utils.registry import ARCH_REGISTRY
from torch import Tensor

from hcl_arch.archs.argument_checks import check_at_least
from hcl_arch.archs.pixel_detector import PixelDetector
from hcl_arch.archs.vcnet_encoder_decoder import EncoderDecoder, ImageNorm


@ARCH_REGISTRY.register()
class VCNetMaskPredictor(PixelDetector):
    """Encoder-decoder with residual blocks that predicts the mask (MPN; Wang et al. 2020, "VCNet").

    Differs from the paper: its layer tables were not at hand; depth, dilations, skips and group norm are chosen here,
    and the loss is plain binary cross-entropy (``mask_opt`` of the model), without balancing the two classes.

    Args:
        dim: Width at full size.
        n_blocks: Number of dilated residual blocks at a quarter of the size.

    Raises:
        ValueError: If a number is too small.
    """

    def __init__(self, dim: int = 64, n_blocks: int = 4) -> None:
        super().__init__()
        check_at_least(1, dim=dim)
        check_at_least(0, n_blocks=n_blocks)
        self.network = EncoderDecoder(3, 1, dim=dim, n_blocks=n_blocks, make_norm=ImageNorm)
        self.size_multiple = self.network.size_multiple

    def _logits(self, image: Tensor) -> Tensor:
        return self.network(image, image[:, :1])
