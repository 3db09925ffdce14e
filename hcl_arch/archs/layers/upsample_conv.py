"""A convolution of an upsampled map, computed at the map's original size."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def nearest_upsample_conv(x: Tensor, conv: nn.Module) -> Tensor:
    """``conv(F.interpolate(x, scale_factor=2, mode='nearest'))`` for 4/9 of the work, without the upsampled map.

    Each of the four outputs that share a coarse pixel sees 2 x 2 coarse pixels, so the convolution is four of 2 x 2 on
    the coarse map, whose kernels are sums of the given kernel's entries.

    Args:
        x: (B, C, H, W).
        conv: A Conv2d of 3 x 3, stride 1, padding 1, without groups.

    Returns:
        (B, out_channels, 2 * H, 2 * W).
    """
    assert isinstance(conv, nn.Conv2d)
    b, _, height, width = x.shape
    # (2, 2, out_channels, C, 2, 2): a kernel for even and odd rows, and for even and odd columns. The sums in float32.
    weight = conv.weight.to(torch.promote_types(conv.weight.dtype, torch.float32))
    kernels = _folded(_folded(weight, dim=2), dim=4).transpose(0, 1)
    bias = None if conv.bias is None else conv.bias.repeat(4)
    # The four outputs of the place (i, j) see the coarse rows i - 1, i and columns j - 1, j.
    outputs = conv._conv_forward(x, kernels.flatten(0, 2).to(conv.weight.dtype), bias)
    outputs = outputs.permute(0, 2, 3, 1).unflatten(3, (2, 2, -1))
    phases = [outputs[:, p : p + height, q : q + width, p, q] for p in (0, 1) for q in (0, 1)]
    interleaved = torch.stack(phases, dim=3).view(b, height, width, 2, 2, -1).transpose(2, 3)
    return interleaved.reshape(b, 2 * height, 2 * width, -1).permute(0, 3, 1, 2)


def _folded(kernel: Tensor, dim: int) -> Tensor:
    """The two kernels of two taps along a dimension that act on the coarse map as one of three taps on the fine one.

    An output at an even place sees the coarse places i - 1, i, i, one at an odd place i, i, i + 1.
    """
    first, middle, last = kernel.unbind(dim)
    even = torch.stack([first, middle + last], dim)
    return torch.stack([even, torch.stack([first + middle, last], dim)])
