"""Partial convolution (Liu et al. 2018), the closing convolution of a mask-guided transformer layer."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hcl_arch.archs.layers.exporting import without_autocast


class PartialConv2d(nn.Module):
    """Convolution over valid pixels only.

    conv(x * mask) * k*k / (number of valid pixels under the kernel) + bias, and 0 where the kernel covers no valid
    pixel.

    Args:
        in_channels: Width of the input.
        out_channels: Width of the output.
        kernel_size: Side k of the kernel, odd; the map keeps its size.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, kernel_size, padding=kernel_size // 2, bias=False)
        self.bias = nn.Parameter(torch.zeros(out_channels))

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Convolve.

        Args:
            x: (B, C, H, W).
            mask: (B, 1, H, W), 1 = valid, 0 = not.

        Returns:
            (B, out_channels, H, W).
        """
        return self._rescale(self.conv(x * mask.to(x.dtype)), mask)

    def overwrite(self, x: Tensor, mask: Tensor) -> Tensor:
        """As :meth:`forward`, without gradients; uses the input's memory."""
        return self._rescale(self.conv(x.mul_(mask.to(x.dtype))), mask)

    def _rescale(self, features: Tensor, mask: Tensor) -> Tensor:
        size = self.conv.kernel_size[0]
        with without_autocast(mask):  # counts are exact in float32
            seen = F.conv2d(mask, mask.new_ones(1, 1, size, size), padding=size // 2)
        # The paper's 1e-8 is 0 in float16; counts are whole numbers, so this is the same without that trap.
        some = (seen > 0).to(features.dtype)
        weight = (size * size / seen.clamp(min=1)).to(features.dtype) * some
        bias = self.bias.to(features.dtype).view(1, -1, 1, 1)
        if torch.is_grad_enabled() or torch.compiler.is_compiling():
            return torch.addcmul(features * weight, bias, some)
        return features.mul_(weight).addcmul_(bias, some)
