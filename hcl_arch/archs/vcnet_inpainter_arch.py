"""VCNet's robust inpainting network: restores an image whose mask may be wrong in places."""

from __future__ import annotations

import torch
from basicsr.utils.registry import ARCH_REGISTRY
from torch import Tensor, nn

from hcl_arch.archs.argument_checks import check_at_least
from hcl_arch.archs.image_range import to_image_range, to_network_range
from hcl_arch.archs.padding import pad_to_multiple
from hcl_arch.archs.vcnet_context_norm import ProbabilisticContextNorm
from hcl_arch.archs.vcnet_encoder_decoder import EncoderDecoder


@ARCH_REGISTRY.register()
class VCNetInpainter(nn.Module):
    """Encoder-decoder with probabilistic context normalisation (RIN; Wang et al. 2020, "VCNet").

    It sees the corrupted image as it is, with the soft mask as a fourth channel, and paints the whole image.

    Differs from the paper: its layer tables were not at hand; depth, dilations and skips are chosen here.

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
        self.network = EncoderDecoder(4, 3, dim=dim, n_blocks=n_blocks, make_norm=ProbabilisticContextNorm)
        self.size_multiple = self.network.size_multiple

    def forward(self, image_and_mask: Tensor) -> Tensor:
        """Restore an image.

        Args:
            image_and_mask: (B, 4, H, W), the corrupted RGB image in [0, 1] and its mask in [0, 1], 1 = uncorrupted.

        Returns:
            (B, 3, H, W) in [0, 1]; the whole image is painted anew, not composited.
        """
        height, width = image_and_mask.shape[-2:]
        padded = pad_to_multiple(image_and_mask, self.size_multiple)
        image, mask = padded[:, :3], padded[:, 3:]
        painted = self.network(torch.cat([to_network_range(image), mask], dim=1), mask)
        return to_image_range(torch.tanh(painted))[..., :height, :width]
