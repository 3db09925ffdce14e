"""The encoder-decoder that VCNet's two networks share."""

from __future__ import annotations

import math
from typing import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class ImageNorm(nn.Module):
    """Group norm with up to 8 groups over all pixels, in place of PCN for a network without a mask."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(math.gcd(8, dim), dim)

    def forward(self, features: Tensor, mask: Tensor) -> Tensor:
        """Normalise (B, dim, H, W); the mask is not looked at."""
        return self.norm(features)


class NormResBlock(nn.Module):
    """x + conv(ELU(norm(conv(ELU(norm(x)))))), 3x3 convolutions of one dilation.

    Args:
        dim: Width.
        dilation: Of both convolutions.
        make_norm: From a width to a module that is called with features and mask.
    """

    def __init__(self, dim: int, *, dilation: int, make_norm: Callable[[int], nn.Module]) -> None:
        super().__init__()
        self.norm1, self.norm2 = make_norm(dim), make_norm(dim)
        self.conv1 = nn.Conv2d(dim, dim, 3, padding=dilation, dilation=dilation)
        self.conv2 = nn.Conv2d(dim, dim, 3, padding=dilation, dilation=dilation)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """(B, dim, H, W) and a mask (B, 1, H, W) -> (B, dim, H, W)."""
        residual = self.conv1(F.elu(self.norm1(x, mask)))
        return x + self.conv2(F.elu(self.norm2(residual, mask)))


class EncoderDecoder(nn.Module):
    """Two strided convolutions, dilated residual blocks at a quarter of the size, and an upward path with skips.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        dim: Width at full size; twice and four times that at a half and a quarter.
        n_blocks: Number of residual blocks at a quarter of the size, of dilation 1, 2, 4, 8, 1, ...
        make_norm: See :class:`NormResBlock`.
    """

    size_multiple = 4

    def __init__(
        self, in_channels: int, out_channels: int, *, dim: int, n_blocks: int, make_norm: Callable[[int], nn.Module]
    ) -> None:
        super().__init__()
        widths = [dim, 2 * dim, 4 * dim]
        self.first_conv = nn.Conv2d(in_channels, dim, 5, padding=2)
        self.downsamples = nn.ModuleList(
            nn.Conv2d(fine, coarse, 3, stride=2, padding=1) for fine, coarse in zip(widths, widths[1:])
        )
        self.blocks = nn.ModuleList(
            NormResBlock(widths[-1], dilation=2 ** (index % 4), make_norm=make_norm) for index in range(n_blocks)
        )
        self.fusions = nn.ModuleList(
            nn.Conv2d(coarse + fine, fine, 3, padding=1) for fine, coarse in zip(widths, widths[1:])
        )
        self.up_blocks = nn.ModuleList(NormResBlock(width, dilation=1, make_norm=make_norm) for width in widths[:-1])
        self.last_conv = nn.Conv2d(dim, out_channels, 3, padding=1)
        # Convolutions are faster so.
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Transform an image.

        Args:
            x: (B, in_channels, H, W), H and W divisible by 4.
            mask: (B, 1, H, W) in [0, 1] for the norms, 1 = uncorrupted; smaller maps get its averages.

        Returns:
            (B, out_channels, H, W).
        """
        levels = [self.first_conv(x.contiguous(memory_format=torch.channels_last))]
        masks = [mask]
        for downsample in self.downsamples:
            levels.append(downsample(F.elu(levels[-1])))
            masks.append(F.avg_pool2d(masks[-1], 2))
        x = levels[-1]
        for block in self.blocks:
            x = block(x, masks[-1])
        for level in reversed(range(len(self.fusions))):
            x = F.interpolate(x, scale_factor=2, mode='bilinear', align_corners=False)
            x = self.fusions[level](F.elu(torch.cat([x, levels[level]], dim=1)))
            x = self.up_blocks[level](x, masks[level])
        return self.last_conv(F.elu(x))
