"""Weight gradients of convolutions in the memory layout that the processor is fast in.

The networks keep their tensors channels_last. Without AVX-512, oneDNN computes the weight gradient of a 3 x 3 kernel
1.6 to 4.8 times as fast from tensors in the usual layout, copies included (64 to 512 channels, 256 to 32 pixels).
"""

from __future__ import annotations

import os
from typing import Any, Literal, Optional

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx

Layout = Literal['contiguous', 'channels_last']
"""Of the tensors from which weight gradients are computed; ``channels_last`` changes nothing."""
CHOICES = ('auto', 'contiguous', 'channels_last')


def chosen_layout(option: str) -> Layout:
    """What an option says, or for ``auto`` what suits the processor."""
    if option == 'auto':
        return 'channels_last' if _has_avx512() else 'contiguous'
    return 'contiguous' if option == 'contiguous' else 'channels_last'


def _has_avx512() -> bool:
    """Whether oneDNN may use AVX-512; processors of other makers count as if they had it."""
    limit = os.environ.get('ONEDNN_MAX_CPU_ISA', '').upper()
    return torch.backends.cpu.get_cpu_capability() != 'AVX2' and limit not in ('SSE41', 'AVX', 'AVX2', 'AVX2_VNNI')


class WeightGradients:
    """The layout for the convolutions of some networks; it can be changed at any time.

    Args:
        option: One of :data:`CHOICES`.
    """

    def __init__(self, option: str) -> None:
        self.layout = chosen_layout(option)

    def attach(self, network: nn.Module) -> None:
        """Have the network's convolutions with kernels above 1 x 1 compute their weight gradients so.

        In float32 on a CPU, that is; all else stays as it is, and so do the results but for rounding.
        """
        for module in network.modules():
            if isinstance(module, nn.Conv2d) and _is_plain(module):
                _attach(module, self)


def _is_plain(conv: nn.Conv2d) -> bool:
    """Whether it is a convolution without groups and without padding that has a name, of a kernel above 1 x 1."""
    own = type(conv)._conv_forward is not nn.Conv2d._conv_forward
    named = conv.padding_mode != 'zeros' or isinstance(conv.padding, str)
    return not own and not named and conv.groups == 1 and max(conv.kernel_size) > 1


def _attach(conv: nn.Conv2d, gradients: WeightGradients) -> None:
    geometry: Any = conv.stride, conv.padding, conv.dilation

    def convolve(x: Tensor, weight: Tensor, bias: Optional[Tensor]) -> Tensor:
        if gradients.layout == 'contiguous' and _gains(x, weight):
            return _Convolution.apply(x, weight, bias, *geometry)
        return F.conv2d(x, weight, bias, *geometry)

    conv._conv_forward = convolve  # type: ignore[method-assign, assignment]


def _gains(x: Tensor, weight: Tensor) -> bool:
    """Whether a weight gradient in float32 will be computed on a CPU from a channels_last tensor."""
    return (
        torch.is_grad_enabled()
        and weight.requires_grad
        and x.device.type == 'cpu'
        and x.dtype == weight.dtype == torch.float32
        and not torch.is_autocast_enabled('cpu')
        and x.is_contiguous(memory_format=torch.channels_last)
        and not torch.compiler.is_compiling()
    )


class _Convolution(torch.autograd.Function):
    """A convolution without groups whose weight gradient is computed in the usual layout."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Optional[Tensor], *geometry: Any) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.geometry, ctx.bias_sizes = geometry, None if bias is None else list(bias.shape)
        return F.conv2d(x, weight, bias, *geometry)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Optional[Tensor], ...]:
        (gradient,) = gradients
        x, weight = ctx.saved_tensors
        for_x, for_weight, for_bias = ctx.needs_input_grad[:3]
        of_x = of_weight = of_bias = None
        if for_x:
            of_x, _, _ = _backward(ctx, gradient, x, weight, [True, False, False])
        if for_weight or for_bias:
            gradient, x, weight = gradient.contiguous(), x.contiguous(), weight.contiguous()
            _, of_weight, of_bias = _backward(ctx, gradient, x, weight, [False, for_weight, for_bias])
        return of_x, of_weight, of_bias, None, None, None


def _backward(ctx: FunctionCtx, gradient: Tensor, x: Tensor, weight: Tensor, wanted: list[bool]) -> Any:
    stride, padding, dilation = ctx.geometry  # type: ignore[attr-defined]
    return torch.ops.aten.convolution_backward(
        gradient, x, weight, ctx.bias_sizes, stride, padding, dilation, False, [0, 0], 1, wanted,  # type: ignore[attr-defined]
    )  # fmt: skip
