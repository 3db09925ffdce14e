"""Convolutions of stride 2 whose output is exactly half as large, even for symbolic sizes."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hcl_arch.archs.layers.depthwise_conv import PreparedConv2d


def with_even_strides(network: nn.Module) -> nn.Module:
    """Replace, in place, convolutions of stride 2 by equivalent ones for maps with even sides.

    Convolutions that :class:`EvenStridedConv` does not support are left unchanged, including subclasses with their own
    computation.
    """
    for name, child in list(network.named_children()):
        if isinstance(child, nn.Conv2d) and _fits(child):
            setattr(network, name, EvenStridedConv(child))
        else:
            with_even_strides(child)
    return network


def _fits(conv: nn.Conv2d) -> bool:
    if type(conv) not in (nn.Conv2d, PreparedConv2d):
        return False
    side = conv.kernel_size[0]
    is_halving = conv.stride == (2, 2) and conv.kernel_size == (side, side) and side % 2 == 1
    is_padded_by_half = conv.padding == (side // 2, side // 2) or any(getattr(conv, 'extra', ()))
    return is_halving and is_padded_by_half and conv.dilation == (1, 1) and conv.padding_mode == 'zeros'


class EvenStridedConv(nn.Module):
    """A convolution of stride 2 and odd kernel on maps of even sides.

    PyTorch counts floor((n - 1) / 2) + 1 outputs for n pixels, which is n / 2 for even n, but this can only be derived
    if n is known to be even. Without the row and column of padding that such a kernel never reaches, it is (n - 2) / 2
    + 1, which a symbolic solver simplifies to n / 2.

    Args:
        conv: A convolution with ``padding = kernel_size // 2``, or already padded by :func:`prepare_convolutions`.
    """

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        side, pad = conv.kernel_size[0], int(conv.padding[0])
        weight = conv.weight.detach()
        if side == 1:  # nothing to remove: the kernel is enlarged instead
            weight = F.pad(weight, (0, 1, 0, 1))
        self.weight = nn.Parameter(weight.clone(), requires_grad=False)
        self.bias = None if conv.bias is None else nn.Parameter(conv.bias.detach().clone(), requires_grad=False)
        self.groups = conv.groups
        # The padding of a prepared convolution omits the row and column that are never reached.
        extra = getattr(conv, 'extra', (0, 0, 0, 0))
        self.padding = extra if any(extra) else (pad, max(pad - 1, 0), pad, max(pad - 1, 0))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, out_channels, H / 2, W / 2)."""
        padded = F.pad(x, self.padding) if any(self.padding) else x
        return torch.conv2d(padded, self.weight, self.bias, stride=2, groups=self.groups)
