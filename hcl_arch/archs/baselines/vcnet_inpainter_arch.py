"""VCNet's robust inpainting network: restores an image although its mask may be partly wrong."""

from __future__ import annotations

from typing import Optional, Union, get_args

import torch
from torch import Tensor, nn

from hcl_arch.archs.baselines.vcnet_context_norm import ProbabilisticContextNorm
from hcl_arch.archs.baselines.vcnet_encoder_decoder import EncoderDecoder
from hcl_arch.archs.baselines.vcnet_mask_predictor_arch import VCNetLayers
from hcl_arch.archs.baselines.vcnet_published_layers import InpaintingLayers
from hcl_arch.archs.image_form import pad_to_multiple, to_image_range, to_network_range
from hcl_arch.archs.registry import ARCHS
from hcl_arch.utils.argument_checks import check_at_least, check_choice


@ARCHS.register()
class VCNetInpainter(nn.Module):
    """Encoder-decoder with probabilistic context normalisation (RIN; Wang et al. 2020, "VCNet").

    Its input is the corrupted image without holes, and it repaints the whole image. The soft mask guides its norms;
    ``compact`` layers also get it as a fourth channel.

    ``published`` layers are those of the source of :class:`hcl_arch.archs.VCNet`. ``compact`` layers, with skips, were
    chosen here before that source was available. Weights of one do not fit the other.

    Args:
        dim: Width at full size; twice and four times that at a half and a quarter.
        n_blocks: Number of dilated residual blocks at a quarter of the size.
        layers: Which layers.
        feature_dim: Width of a mask predictor's features that join at a quarter of the size; 0 for none, as where the
            network stands alone. Of ``published`` layers only.

    Raises:
        ValueError: If a number is too small, or an option does not fit the layers.
    """

    def __init__(
        self, *, dim: int = 32, n_blocks: int = 4, layers: VCNetLayers = 'published', feature_dim: int = 0
    ) -> None:
        super().__init__()
        check_at_least(1, dim=dim)
        check_at_least(0, n_blocks=n_blocks, feature_dim=feature_dim)
        check_choice('layers', layers, get_args(VCNetLayers))
        self.network: Union[InpaintingLayers, EncoderDecoder]
        if layers == 'published':
            self.network = InpaintingLayers(dim=dim, n_blocks=n_blocks, feature_dim=feature_dim)
        elif feature_dim:
            raise ValueError(f'feature_dim: expects 0 with `layers: compact`, got {feature_dim}.')
        else:
            self.network = EncoderDecoder(4, 3, dim=dim, n_blocks=n_blocks, make_norm=ProbabilisticContextNorm)
        self.size_multiple = self.network.size_multiple

    def forward(self, image_and_mask: Tensor, features: Optional[Tensor] = None) -> Tensor:
        """Restore an image.

        Args:
            image_and_mask: (B, 4, H, W), the corrupted RGB image in [0, 1] and its mask in [0, 1], 1 = uncorrupted.
            features: (B, feature_dim, h / 4, w / 4), h and w being H and W rounded up to multiples of 4; where
                ``feature_dim`` is above 0.

        Returns:
            (B, 3, H, W) in [0, 1]; the whole image is painted anew, not composited.
        """
        height, width = image_and_mask.shape[-2:]
        padded = pad_to_multiple(image_and_mask, self.size_multiple)
        image, mask = to_network_range(padded[:, :3]), padded[:, 3:]
        if isinstance(self.network, InpaintingLayers):
            painted = self.network(image, mask, features)
        else:
            painted = self.network(torch.cat([image, mask], dim=1), mask)
        return to_image_range(torch.tanh(painted))[..., :height, :width]
