"""The patch discriminator for the training of SIRF and DHAN."""

from __future__ import annotations

from typing import Optional

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hcl_arch.archs.registry import ARCHS
from hcl_arch.utils.argument_checks import check_at_least

# Width over that of the first convolution, and stride.
_CONVS = ((1, 2), (2, 2), (4, 2), (8, 1))
_SLOPE = 0.2


@ARCHS.register()
class ConditionalPatchDiscriminator(nn.Module):
    """Five 4x4 convolutions that score patches of an image, given the input it was restored from.

    Source: Isola et al., "Image-to-Image Translation with Conditional Adversarial Networks", CVPR 2017; as used by
    Zhang, Ng, Chen, CVPR 2018 (SIRF). Its norms use the statistics of the batch in evaluation too.

    Differs from the program: it gives logits, for a loss such as BasicSR's ``GANLoss`` of type ``vanilla``; the program
    ends with a sigmoid.

    Args:
        dim: Width of the first convolution.
        conditional: Whether it sees the input beside the image; ``BlindRestorationModel`` shows the image alone.

    Raises:
        ValueError: If ``dim`` is too small.
    """

    def __init__(self, *, dim: int = 64, conditional: bool = True) -> None:
        super().__init__()
        check_at_least(1, dim=dim)
        self.conditional = conditional
        widths = [6 if conditional else 3, *(dim * mult for mult, _ in _CONVS)]
        self.convs = nn.ModuleList(
            nn.Conv2d(before, after, 4, stride=stride, padding=1, bias=False)
            for before, after, (_, stride) in zip(widths, widths[1:], _CONVS)
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(width, track_running_stats=False) for width in widths[2:])
        self.last_conv = nn.Conv2d(widths[-1], 1, 4, padding=1, bias=False)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.normal_(module.weight, std=0.02)
            elif isinstance(module, nn.BatchNorm2d):
                nn.init.normal_(module.weight, 1, 0.02)

    def forward(self, image: Tensor, condition: Optional[Tensor] = None) -> Tensor:
        """Score patches.

        Args:
            image: (B, 3, H, W) RGB in [0, 1], H and W at least 32.
            condition: (B, 3, H, W), the input that the image was made from; given if and only if it is conditional.

        Returns:
            (B, 1, H / 8 - 2, W / 8 - 2), rounded; logits that the patch is of a real image.

        Raises:
            ValueError: If the condition is missing, or there is one too many.
        """
        if (condition is not None) != self.conditional:
            needs = 'needs a condition' if self.conditional else 'takes no condition'
            raise ValueError(f'conditional: this discriminator {needs}, change the option or the call.')
        x = image if condition is None else torch.cat([condition, image], dim=1)
        x = F.leaky_relu(self.convs[0](x), _SLOPE)
        for conv, norm in zip(self.convs[1:], self.norms):
            x = F.leaky_relu(norm(conv(x)), _SLOPE)
        return self.last_conv(x)
