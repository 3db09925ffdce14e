"""The layers of VCNet's two networks, as in the program that the paper's figures probably come from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Optional

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hcl_arch.archs.baselines.vcnet_context_norm import ProbabilisticContextNorm, transfer_published_statistics

# Reduction of the gate of context normalisation.
GATE_REDUCTION = 16
# So much smaller than the image are the features in the middle.
SIZE_MULTIPLE = 4


class PointwiseConv2d(nn.Conv2d):
    """A 1x1 convolution of every stride-th pixel, as ``nn.Conv2d`` computes it.

    On CPUs, PyTorch 2.11's own convolution writes out of bounds in the backward pass and crashes if it has a stride,
    few channels (from 3 to 64 at 256 x 256) and channels_last.
    """

    def forward(self, x: Tensor) -> Tensor:
        """(B, in_channels, H, W) -> (B, out_channels, H / stride, W / stride), both rounded up."""
        return F.conv2d(x[..., :: self.stride[0], :: self.stride[1]], self.weight, self.bias)


class ActivatedResBlock(nn.Module):
    """ELU(norm(conv(ELU(conv(x)))) + x); a 1x1 convolution adapts x where width or size change.

    Args:
        in_dim: Width of the input.
        dim: Width of the output.
        kernel_size: Of both convolutions.
        stride: Of the first one.
        dilation: Of both.
        make_norm: From a width to a module that is called with features and mask; without it there is no norm.
    """

    def __init__(
        self,
        in_dim: int,
        dim: int,
        *,
        kernel_size: int = 3,
        stride: int = 1,
        dilation: int = 1,
        make_norm: Optional[Callable[[int], nn.Module]] = None,
    ) -> None:
        super().__init__()
        padding = kernel_size // 2 * dilation
        self.conv1 = nn.Conv2d(in_dim, dim, kernel_size, stride=stride, padding=padding, dilation=dilation)
        self.conv2 = nn.Conv2d(dim, dim, kernel_size, padding=padding, dilation=dilation)
        self.norm = None if make_norm is None else make_norm(dim)
        keeps_shape = in_dim == dim and stride == 1
        self.shortcut = nn.Identity() if keeps_shape else PointwiseConv2d(in_dim, dim, 1, stride=stride)

    def forward(self, x: Tensor, mask: Optional[Tensor] = None) -> Tensor:
        """(B, in_dim, H, W) -> (B, dim, H / stride, W / stride).

        Args:
            x: The features.
            mask: (B, 1, H / stride, W / stride) in [0, 1], 1 = uncorrupted, for the norm.
        """
        residual = self.conv2(F.elu(self.conv1(x)))
        if self.norm is not None:
            residual = self.norm(residual, mask)
        return F.elu(residual + self.shortcut(x))


class MaskLayers(nn.Module):
    """The mask predictor: residual blocks without norm, down to a quarter of the size and back.

    A 5x5 block to 2 dim at a half, 3x3 ones to 4 dim at a quarter, dilated ones there; on the way back a block at a
    quarter and one after each doubling of the size (nearest), and two convolutions.

    Args:
        dim: Width at full size; twice and four times that at a half and a quarter.
        n_blocks: Number of dilated blocks at a quarter of the size, of dilation 2, 4, 8, 2, ...
    """

    size_multiple = SIZE_MULTIPLE

    def __init__(self, *, dim: int, n_blocks: int) -> None:
        super().__init__()
        half, quarter, last = 2 * dim, 4 * dim, max(dim // 2, 1)
        self.encoder = nn.Sequential(
            ActivatedResBlock(3, half, kernel_size=5, stride=2),
            ActivatedResBlock(half, quarter, stride=2),
            *(ActivatedResBlock(quarter, quarter, dilation=2 ** (index % 3 + 1)) for index in range(n_blocks)),
        )
        self.decoder = nn.Sequential(
            ActivatedResBlock(quarter, quarter),
            nn.UpsamplingNearest2d(scale_factor=2),
            ActivatedResBlock(quarter, half),
            nn.UpsamplingNearest2d(scale_factor=2),
            ActivatedResBlock(half, dim),
            nn.Conv2d(dim, last, 3, padding=1),
            nn.ELU(),
            nn.Conv2d(last, 1, 3, padding=1),
        )
        # Convolutions are faster so.
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def encode(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) in [-1, 1], H and W divisible by 4 -> features (B, 4 dim, H / 4, W / 4)."""
        return self.encoder(image.contiguous(memory_format=torch.channels_last))

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) in [-1, 1], H and W divisible by 4 -> logits (B, 1, H, W)."""
        return self.decoder(self.encode(image))


class InpaintingLayers(nn.Module):
    """The inpainter: residual blocks with context normalisation, the only part that uses the mask.

    A 5x5 block at full size, two 3x3 ones at a half and at a quarter each, dilated ones, one that is not dilated; there
    the mask predictor's features join. Then two blocks after each doubling of the size (nearest) and a convolution.

    Args:
        dim: Width at full size; twice and four times that at a half and a quarter.
        n_blocks: Number of dilated blocks at a quarter of the size, of dilation 2, 2, 4, 4, 8, 8, 2, ...
        feature_dim: Width of the features that join; 0 for none.
    """

    size_multiple = SIZE_MULTIPLE

    def __init__(self, *, dim: int, n_blocks: int, feature_dim: int) -> None:
        super().__init__()
        half, quarter = 2 * dim, 4 * dim
        self.feature_dim = feature_dim
        # At full size, at a half, at a quarter; and at a half and at full size again.
        self.down_blocks = nn.ModuleList([
            nn.ModuleList([_normed(3, dim, kernel_size=5)]),
            nn.ModuleList([_normed(dim, half, stride=2), _normed(half, half)]),
            nn.ModuleList([
                _normed(half, quarter, stride=2),
                _normed(quarter, quarter),
                *(_normed(quarter, quarter, dilation=2 ** (index // 2 % 3 + 1)) for index in range(n_blocks)),
                _normed(quarter, quarter),
            ]),
        ])  # fmt: skip
        self.up_blocks = nn.ModuleList([
            nn.ModuleList([_normed(quarter + feature_dim, half), _normed(half, half)]),
            nn.ModuleList([_normed(half, dim), _normed(dim, dim)]),
        ])  # fmt: skip
        self.last_conv = nn.Conv2d(dim, 3, 3, padding=1)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, image: Tensor, mask: Tensor, features: Optional[Tensor] = None) -> Tensor:
        """Paint an image.

        Args:
            image: (B, 3, H, W) in [-1, 1], H and W divisible by 4.
            mask: (B, 1, H, W) in [0, 1] for the norms, 1 = uncorrupted; smaller maps get every second of its pixels.
            features: (B, feature_dim, H / 4, W / 4); None where ``feature_dim`` is 0.

        Returns:
            (B, 3, H, W), before tanh.
        """
        masks = [mask, mask[..., ::2, ::2], mask[..., ::4, ::4]]
        x = image.contiguous(memory_format=torch.channels_last)
        for blocks, level_mask in zip(self.down_blocks, masks):
            for block in blocks:  # type: ignore[attr-defined]
                x = block(x, level_mask)
        if features is not None:
            x = torch.cat([x, features], dim=1)
        for blocks, level_mask in zip(self.up_blocks, (masks[1], masks[0])):
            x = F.interpolate(x, scale_factor=2, mode='nearest')
            for block in blocks:  # type: ignore[attr-defined]
                x = block(x, level_mask)
        return self.last_conv(x)


def _normed(in_dim: int, dim: int, *, kernel_size: int = 3, stride: int = 1, dilation: int = 1) -> ActivatedResBlock:
    return ActivatedResBlock(
        in_dim, dim, kernel_size=kernel_size, stride=stride, dilation=dilation, make_norm=_make_norm
    )


def _make_norm(dim: int) -> ProbabilisticContextNorm:
    return ProbabilisticContextNorm(dim, reduction=GATE_REDUCTION, transfer=transfer_published_statistics)
