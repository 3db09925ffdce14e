"""The patch discriminator of the adversarial loss."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from hcl_arch.archs.image_form import to_network_range
from hcl_arch.archs.layers.weight_init import WeightInit, init_weights
from hcl_arch.archs.registry import ARCHS
from hcl_arch.utils.argument_checks import check_at_least


@ARCHS.register()
class HCLPatchDiscriminator(nn.Module):
    """Spectrally normalised 5x5 stride-2 convolutions with LeakyReLU(0.2); gives a map of patch scores (Section 3.4).

    Args:
        dim: Width of the first convolution.
        dim_mults: Width of each convolution as a multiple of ``dim``.
        weight_init: Initial values of the convolutions: ``normal`` (biases 0, as in the authors' program; the
            normalisation cancels the deviation) or ``torch`` for PyTorch's defaults.

    Raises:
        ValueError: If a width is below 1, there are no widths, or ``weight_init`` is unknown.
    """

    def __init__(
        self, *, dim: int = 64, dim_mults: Sequence[int] = (1, 2, 2, 4, 8), weight_init: WeightInit = 'torch'
    ) -> None:
        super().__init__()
        check_at_least(1, dim=dim, dim_mults=dim_mults)
        widths = [3] + [dim * mult for mult in dim_mults]
        self.convs = nn.ModuleList(
            nn.Conv2d(fine, coarse, 5, stride=2, padding=2) for fine, coarse in zip(widths, widths[1:])
        )
        # Before the normalisation, which begins with an estimate of the weights' norm.
        init_weights(self, weight_init)
        for conv in self.convs:
            spectral_norm(conv)

    def forward(self, image: Tensor) -> Tensor:
        """Score patches.

        Args:
            image: (B, 3, H, W) RGB in [0, 1].

        Returns:
            (B, dim * dim_mults[-1], h, w), h and w a 2**len(dim_mults)-th of H and W, rounded up; higher = more real.
        """
        x = to_network_range(image)
        for conv in self.convs:
            x = F.leaky_relu(conv(x), 0.2)
        return x
