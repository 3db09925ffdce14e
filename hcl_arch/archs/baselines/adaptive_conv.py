"""Convolution, adaptive norm and LeakyReLU: the building block of SIRF and DHAN."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hcl_arch.archs.layers.exporting import without_autocast

_EPS = 1e-3
_SLOPE = 0.2


class AdaptiveNorm(nn.Module):
    """y = identity_weight * x + norm_weight * (norm(x) + shift); both weights are scalars that start at 1 and 0.

    norm(x) = (x - mean) / sqrt(variance + 1e-3), over all pixels of one channel and one image, in training and
    evaluation. Sources: Chen, Xu, Koltun, "Fast Image Processing with Fully-Convolutional Networks", ICCV 2017; Zhang,
    Ng, Chen, "Single Image Reflection Separation with Perceptual Losses", CVPR 2018.

    Differs from the program: its batch norm uses the statistics of the batch, which always has one image. Statistics
    per image give the same result there, and an image's result does not depend on the rest of its batch.

    Args:
        dim: Number of channels.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.identity_weight = nn.Parameter(torch.ones(1))
        self.norm_weight = nn.Parameter(torch.zeros(1))
        self.shift = nn.Parameter(torch.zeros(dim))

    def forward(self, x: Tensor) -> Tensor:
        """(B, dim, H, W) -> (B, dim, H, W)."""
        # In float32 under autocast too: squares overflow in half precision.
        with without_autocast(x):
            variance, mean = torch.var_mean(x.float(), dim=(2, 3), keepdim=True, correction=0)
            slope = self.norm_weight * torch.rsqrt(variance + _EPS)
            offset = self.norm_weight * self.shift[:, None, None] - slope * mean
            slope = slope + self.identity_weight
        return torch.addcmul(offset.to(x.dtype), x, slope.to(x.dtype))


class AdaptiveConv(nn.Module):
    """LeakyReLU(adaptive norm(conv(x))) with slope 0.2 and no bias; keeps the size and starts as the identity.

    Args:
        in_dim: Channels of the input.
        dim: Channels of the output.
        kernel_size: Odd side of the kernel.
        dilation: Of the convolution.
    """

    def __init__(self, in_dim: int, dim: int, kernel_size: int, *, dilation: int = 1) -> None:
        super().__init__()
        padding = dilation * (kernel_size // 2)
        self.conv = nn.Conv2d(in_dim, dim, kernel_size, padding=padding, dilation=dilation, bias=False)
        self.norm = AdaptiveNorm(dim)
        nn.init.dirac_(self.conv.weight)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in_dim, H, W) -> (B, dim, H, W)."""
        return self.activate(self.conv(x))

    def activate(self, x: Tensor) -> Tensor:
        """What follows the convolution: (B, dim, H, W) -> (B, dim, H, W)."""
        return F.leaky_relu(self.norm(x), _SLOPE)


def end_conv(dim: int, out_channels: int) -> nn.Conv2d:
    """The 1x1 convolution at the end: with a bias, drawn by Xavier's uniform rule."""
    conv = nn.Conv2d(dim, out_channels, 1)
    nn.init.xavier_uniform_(conv.weight)
    nn.init.zeros_(conv.bias)  # type: ignore[arg-type]  # it has one
    return conv
