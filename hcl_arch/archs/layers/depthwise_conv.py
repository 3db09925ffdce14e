"""Depthwise convolutions of timm backbones, in a form that trains fast on a CPU and can be exported for any size."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def prepare_convolutions(module: nn.Module) -> None:
    """Replace depthwise convolutions, and those that pad by the size of their input, in place.

    Names and values of the weights stay. TensorFlow's padding, which some backbones of timm have, follows from the
    size of the image; for even sizes, which these networks are always given, it is constant.

    Args:
        module: Any network.
    """
    for name, child in module.named_children():
        if isinstance(child, nn.Conv2d) and (_is_depthwise(child) or _pads_by_size(child)):
            setattr(module, name, PreparedConv2d.like(child))
        else:
            prepare_convolutions(child)


def _is_depthwise(conv: nn.Conv2d) -> bool:
    # A subclass may do something else with its weights.
    is_plain = type(conv) is nn.Conv2d and conv.padding_mode == 'zeros'
    return is_plain and conv.groups == conv.in_channels == conv.out_channels > 1


def _pads_by_size(conv: nn.Conv2d) -> bool:
    return type(conv).__name__ == 'Conv2dSame'


class PreparedConv2d(nn.Conv2d):
    """A convolution with constant padding; if it is depthwise, its backward pass runs in float32."""

    extra: tuple[int, int, int, int]
    """Columns and rows that are added before the convolution: left, right, top, bottom."""

    @classmethod
    def like(cls, conv: nn.Conv2d) -> PreparedConv2d:
        """The same convolution, sharing its parameters."""
        with torch.device('meta'):
            prepared = cls(
                conv.in_channels, conv.out_channels, conv.kernel_size, conv.stride,  # type: ignore[arg-type]
                conv.padding, conv.dilation, conv.groups, conv.bias is not None,  # type: ignore[arg-type]
            )  # fmt: skip
        prepared.weight, prepared.bias = conv.weight, conv.bias
        prepared.extra = (0, 0, 0, 0)
        if _pads_by_size(conv):
            # For a size that the stride divides: kernel - stride in all, the odd one behind.
            vertical, horizontal = (
                max(dilation * (kernel - 1) + 1 - stride, 0)
                for kernel, stride, dilation in zip(conv.kernel_size, conv.stride, conv.dilation)
            )
            prepared.padding = (0, 0)
            prepared.extra = (horizontal // 2, -(-horizontal // 2), vertical // 2, -(-vertical // 2))
        return prepared

    def forward(self, input: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C', H / stride, W / stride)."""
        if any(self.extra):
            input = F.pad(input, self.extra)
        is_depthwise = self.groups == self.in_channels > 1
        if is_depthwise and torch.is_autocast_enabled('cpu') and input.device.type == 'cpu' and self.training:
            return _MixedDepthwise.apply(input, self.weight, self.bias, self.stride, self.padding, self.dilation)
        return super().forward(input)


class _MixedDepthwise(torch.autograd.Function):
    """A depthwise convolution in 16 bits whose backward pass is made of what oneDNN is fast in.

    oneDNN is slow at two gradients of depthwise convolutions in 16 bits: that of the input where the stride is above 1
    (20 times the convolution itself), and that of 5 x 5 weights (100 times that of 3 x 3 weights).
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Any, stride: Any, padding: Any, dilation: Any) -> Tensor:
        x = x.to(torch.get_autocast_dtype('cpu'))
        ctx.save_for_backward(x, weight)
        ctx.geometry = (stride, padding, dilation)
        ctx.has_bias = bias is not None
        with torch.autocast('cpu', enabled=False):
            own_bias = None if bias is None else bias.to(x.dtype)
            return F.conv2d(x, weight.to(x.dtype), own_bias, stride, padding, dilation, x.shape[1])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Any, ...]:
        (grad,) = gradients
        x, weight = ctx.saved_tensors
        for_x, for_weight, for_bias = ctx.needs_input_grad[:3]
        grad_x = grad_weight = grad_bias = None
        with torch.autocast('cpu', enabled=False):
            if for_x:
                grad_x = _input_gradient(grad, x, weight, ctx.geometry)
            if for_weight:
                grad_weight = _weight_gradient(grad, x, weight, ctx.geometry)
            if ctx.has_bias and for_bias:
                grad_bias = grad.sum((0, 2, 3), dtype=torch.float32)
        return grad_x, grad_weight, grad_bias, None, None, None


def _input_gradient(grad: Tensor, x: Tensor, weight: Tensor, geometry: Any) -> Tensor:
    stride, padding, dilation = geometry
    reach = [d * (k - 1) - p for d, k, p in zip(dilation, weight.shape[2:], padding)]
    if max(stride) == 1 and min(reach) >= 0:
        return F.conv2d(grad, weight.flip(2, 3).to(grad.dtype), None, 1, reach, dilation, x.shape[1])
    return _backward(grad.float(), x.float(), weight, geometry, 0).to(grad.dtype)


def _weight_gradient(grad: Tensor, x: Tensor, weight: Tensor, geometry: Any) -> Tensor:
    stride, padding, dilation = geometry
    if tuple(weight.shape[2:]) != (5, 5) or max(dilation) > 1:
        return _backward(grad, x, weight, geometry, 1).to(weight.dtype)
    # Of a 5 x 5 kernel's four corners of 3 x 3 weights.
    x = F.pad(x, (padding[1], padding[1], padding[0], padding[0]))
    spans = [(size - 1) * step + 3 for size, step in zip(grad.shape[2:], stride)]
    gradient = torch.empty_like(weight)
    corner = weight[:, :, :3, :3]
    for top in (0, 2):
        for left in (0, 2):
            part = x[:, :, top : top + spans[0], left : left + spans[1]].contiguous(memory_format=torch.channels_last)
            of_part = _backward(grad, part, corner, (stride, (0, 0), dilation), 1)
            gradient[:, :, top : top + 3, left : left + 3] = of_part
    return gradient


def _backward(grad: Tensor, x: Tensor, weight: Tensor, geometry: Any, wanted: int) -> Tensor:
    """PyTorch's gradient of the input (0) or of the weights (1)."""
    stride, padding, dilation = geometry
    gradients: tuple[Tensor, ...] = torch.ops.aten.convolution_backward(
        grad, x, weight.to(x.dtype), None, stride, padding, dilation, False, [0, 0], x.shape[1],
        [wanted == 0, wanted == 1, False],
    )  # fmt: skip
    return gradients[wanted]
