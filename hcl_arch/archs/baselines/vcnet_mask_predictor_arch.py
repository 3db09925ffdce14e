"""VCNet's mask prediction network: a detector that classifies pixels."""

from __future__ import annotations

from typing import Literal, Union, get_args

from torch import Tensor

from hcl_arch.archs.baselines.pixel_detector import PixelDetector
from hcl_arch.archs.baselines.vcnet_encoder_decoder import EncoderDecoder, ImageNorm
from hcl_arch.archs.baselines.vcnet_published_layers import MaskLayers
from hcl_arch.archs.registry import ARCHS
from hcl_arch.utils.argument_checks import check_at_least, check_choice

VCNetLayers = Literal['published', 'compact']


@ARCHS.register()
class VCNetMaskPredictor(PixelDetector):
    """Encoder-decoder with residual blocks that predicts the mask (MPN; Wang et al. 2020, "VCNet").

    ``published`` layers are those of the source of :class:`hcl_arch.archs.VCNet`. ``compact`` layers, with skips and
    group norm, were chosen here before that source was available. Weights of one do not fit the other.

    Differs from the paper: the loss is plain binary cross-entropy (``mask_opt`` of the model), without balancing the
    two classes.

    Args:
        dim: Width at full size; twice and four times that at a half and a quarter.
        n_blocks: Number of dilated residual blocks at a quarter of the size (``compact`` had 4).
        layers: Which layers.

    Raises:
        ValueError: If a number is too small, or the layers are neither.
    """

    def __init__(self, *, dim: int = 32, n_blocks: int = 2, layers: VCNetLayers = 'published') -> None:
        super().__init__()
        check_at_least(1, dim=dim)
        check_at_least(0, n_blocks=n_blocks)
        check_choice('layers', layers, get_args(VCNetLayers))
        self.network: Union[MaskLayers, EncoderDecoder]
        if layers == 'published':
            self.network = MaskLayers(dim=dim, n_blocks=n_blocks)
        else:
            self.network = EncoderDecoder(3, 1, dim=dim, n_blocks=n_blocks, make_norm=ImageNorm)
        self.size_multiple = self.network.size_multiple

    def _logits(self, image: Tensor) -> Tensor:
        if isinstance(self.network, MaskLayers):
            return self.network(image)
        return self.network(image, image[:, :1])
