"""The refiner: a U-Net of gated convolutions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

import torch
from torch import Tensor, nn

from hcl_arch.archs.hcl.decoder import UpsampleMode
from hcl_arch.archs.image_form import pad_to_multiple, to_image_range, to_network_range
from hcl_arch.archs.layers.activations import gated_gelu
from hcl_arch.archs.layers.exporting import cut_back, exact, twice_as_large
from hcl_arch.archs.layers.portions import checkpointed
from hcl_arch.archs.layers.upsample_conv import nearest_upsample_conv
from hcl_arch.archs.layers.weight_init import WeightInit, init_weights
from hcl_arch.archs.registry import ARCHS
from hcl_arch.utils.argument_checks import check_at_least, check_choice


class GatedConv2d(nn.Module):
    """GELU(conv_k(x)) * sigmoid(conv_3x3(x)) (Yu et al. 2019, free-form inpainting).

    Args:
        in_channels: Width of the input.
        out_channels: Width of the output.
        kernel_size: Side k of the feature kernel, odd.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, kernel_size, padding=kernel_size // 2)
        self.gate = nn.Conv2d(in_channels, out_channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in_channels, H, W) -> (B, out_channels, H, W)."""
        return gated_gelu(self.conv(x), self.gate(x))


class GatedResBlock(nn.Module):
    """Two gated convolutions, 3x3 and 1x1, plus a shortcut (a 1x1 convolution where the width changes)."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv1 = GatedConv2d(in_channels, out_channels, 3)
        self.conv2 = GatedConv2d(out_channels, out_channels, 1)
        self.shortcut = nn.Identity() if in_channels == out_channels else nn.Conv2d(in_channels, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in_channels, H, W) -> (B, out_channels, H, W)."""
        return self.shortcut(x) + self.conv2(self.conv1(x))


@ARCHS.register()
class HCLRefineNet(nn.Module):
    """The paper's Conv-U-Net: restores the high-frequency detail of the coarse image (Section 3.1).

    Args:
        dim: Width of the finest level.
        dim_mults: Width of each level as a multiple of ``dim``, fine to coarse.
        upsample_mode: How the upward path upsamples (the released weights differ).
        use_checkpoint: Whether training recomputes the residual blocks in the backward pass instead of storing their
            intermediate results.
        weight_init: Initial values of the convolutions: ``normal`` (deviation 0.02, biases 0) as in the authors'
            program, or ``torch`` for PyTorch's defaults.

    Raises:
        ValueError: If ``upsample_mode`` or ``weight_init`` is unknown, a width is below 1, or there are no widths.
    """

    def __init__(
        self,
        *,
        dim: int = 64,
        dim_mults: Sequence[int] = (1, 2, 4, 8, 8),
        upsample_mode: UpsampleMode = 'bilinear',
        use_checkpoint: bool = False,
        weight_init: WeightInit = 'torch',
    ) -> None:
        super().__init__()
        check_at_least(1, dim=dim, dim_mults=dim_mults)
        check_choice('upsample_mode', upsample_mode, get_args(UpsampleMode))
        widths = [dim * mult for mult in dim_mults]
        self.size_multiple = 2 ** (len(widths) - 1)
        self.upsample_mode = upsample_mode
        self.use_checkpoint = use_checkpoint
        self.first_conv = GatedConv2d(4, widths[0], 5)
        self.down_blocks = nn.ModuleList(GatedResBlock(width, width) for width in widths)
        self.downsamples = nn.ModuleList(
            nn.Conv2d(fine, coarse, 3, stride=2, padding=1) for fine, coarse in zip(widths, widths[1:])
        )
        self.bottleneck = GatedResBlock(widths[-1], widths[-1])
        self.up_blocks = nn.ModuleList(GatedResBlock(2 * width, width) for width in widths)
        self.upsamples = nn.ModuleList(
            nn.Conv2d(coarse, fine, 3, padding=1) for fine, coarse in zip(widths, widths[1:])
        )
        self.last_conv = nn.Conv2d(widths[0], 3, 1)
        init_weights(self, weight_init)

    def forward(self, image_and_mask: Tensor) -> Tensor:
        """Refine a coarse restoration.

        Args:
            image_and_mask: (B, 4, H, W), the coarse RGB image in [0, 1] and its mask, 1 = uncorrupted.

        Returns:
            (B, 3, H, W) in [0, 1]; the whole image is painted anew, not composited.
        """
        height, width = image_and_mask.shape[-2:]
        image_and_mask = pad_to_multiple(image_and_mask, self.size_multiple)
        image, mask = image_and_mask[:, :3], image_and_mask[:, 3:]
        x = self.first_conv(torch.cat([to_network_range(image), mask], dim=1))
        skips = [self._block(self.down_blocks[0], x)]
        for downsample, block in zip(self.downsamples, self.down_blocks[1:]):
            skips.append(self._block(block, downsample(skips[-1])))
        x = self._block(self.bottleneck, skips[-1])
        for level in reversed(range(len(skips))):
            x = self._block(self.up_blocks[level], torch.cat([x, skips.pop()], dim=1))
            if level > 0:
                x = self._upsample(self.upsamples[level - 1], x)
        return cut_back(to_image_range(torch.tanh(exact(self.last_conv(x)))), height, width)

    def _block(self, block: nn.Module, x: Tensor) -> Tensor:
        return checkpointed(block, x, enabled=self.use_checkpoint)

    def _upsample(self, conv: nn.Module, x: Tensor) -> Tensor:
        if self.upsample_mode == 'nearest':
            return nearest_upsample_conv(x, conv)
        return conv(twice_as_large(x, self.upsample_mode))
