"""EfficientNet-Lite0, the backbone of the packaged model, without timm, whose import takes longer than a repair.

It has the tensor names of timm's `tf_efficientnet_lite0` and gives the same maps. (Tan and Le 2019; the TensorFlow
team's variant for mobile processors, with ReLU6 instead of Swish and without squeeze and excitation.)
"""

from __future__ import annotations

import math

from torch import Tensor, nn

from hcl_arch.archs.layers.depthwise_conv import PreparedConv2d

NAME = 'tf_efficientnet_lite0'
MEAN, STD = (0.5,) * 3, (0.5,) * 3
_STEM = 32
# Of each stage: kernel size, stride of its first block, widening, output width, number of blocks.
_STAGES = (
    (3, 1, 1, 16, 1), (3, 2, 6, 24, 2), (5, 2, 6, 40, 2), (3, 2, 6, 80, 3), (5, 1, 6, 112, 3), (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
)  # fmt: skip
# The last stages at the strides 2, 4, 8, 16 and 32.
_LAST_AT_STRIDE = (0, 1, 2, 4, 6)
REDUCTIONS = (2, 4, 8, 16, 32)
CHANNELS = tuple(_STAGES[index][3] for index in _LAST_AT_STRIDE)


class EfficientNetLite0(nn.Module):
    """Turns an image into feature maps at the strides 2, 4, 8, 16 and 32."""

    norms_follow = True

    def __init__(self) -> None:
        super().__init__()
        self.conv_stem = _conv(3, _STEM, 3, stride=2)
        self.bn1 = nn.BatchNorm2d(_STEM, eps=1e-3)
        self.act = nn.ReLU6(inplace=True)
        stages, width = [], _STEM
        for kernel_size, stride, widening, out, count in _STAGES:
            blocks: list[nn.Module] = []
            for index in range(count):
                first = stride if index == 0 else 1
                blocks.append(
                    _SeparableBlock(width, out, kernel_size) if widening == 1
                    else _InvertedResidual(width, out, kernel_size, first, widening)
                )  # fmt: skip
                width = out
            stages.append(nn.Sequential(*blocks))
        self.blocks = nn.Sequential(*stages)
        for module in self.modules():
            # On the meta device there is nothing to draw, and PyTorch would import its compiler for it.
            if isinstance(module, nn.Conv2d) and not module.weight.is_meta:
                fan_out = math.prod(module.kernel_size) * module.out_channels / module.groups
                nn.init.normal_(module.weight, std=math.sqrt(2 / fan_out))

    def forward(self, image: Tensor) -> list[Tensor]:
        """(B, 3, H, W), normalised, H, W multiples of 32 -> [(B, 16, H / 2, W / 2), ..., (B, 320, H / 32, W / 32)]."""
        features = self.act(self.bn1(self.conv_stem(image)))
        maps = []
        for stage in self.blocks:
            features = stage(features)
            maps.append(features)
        return [maps[index] for index in _LAST_AT_STRIDE]


class _SeparableBlock(nn.Module):
    """A depthwise convolution, then a pointwise one."""

    norms_follow = True

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int) -> None:
        super().__init__()
        self.conv_dw = _conv(in_channels, in_channels, kernel_size, groups=in_channels)
        self.bn1 = nn.BatchNorm2d(in_channels, eps=1e-3)
        self.conv_pw = _conv(in_channels, out_channels, 1)
        self.bn2 = nn.BatchNorm2d(out_channels, eps=1e-3)
        self.act = nn.ReLU6(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.bn2(self.conv_pw(self.act(self.bn1(self.conv_dw(x)))))


class _InvertedResidual(nn.Module):
    """Pointwise convolution to a larger width, depthwise, and pointwise back; adds its input if the shapes match."""

    norms_follow = True

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, stride: int, widening: int) -> None:
        super().__init__()
        width = in_channels * widening
        self.conv_pw = _conv(in_channels, width, 1)
        self.bn1 = nn.BatchNorm2d(width, eps=1e-3)
        self.conv_dw = _conv(width, width, kernel_size, stride=stride, groups=width)
        self.bn2 = nn.BatchNorm2d(width, eps=1e-3)
        self.conv_pwl = _conv(width, out_channels, 1)
        self.bn3 = nn.BatchNorm2d(out_channels, eps=1e-3)
        self.act = nn.ReLU6(inplace=True)
        self.is_residual = stride == 1 and in_channels == out_channels

    def forward(self, x: Tensor) -> Tensor:
        widened = self.act(self.bn1(self.conv_pw(x)))
        found = self.bn3(self.conv_pwl(self.act(self.bn2(self.conv_dw(widened)))))
        return found + x if self.is_residual else found


def _conv(in_channels: int, out_channels: int, kernel_size: int, *, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    """A convolution with TensorFlow's padding: in all kernel_size - stride, the odd one behind."""
    if stride == 1:
        return nn.Conv2d(in_channels, out_channels, kernel_size, padding=kernel_size // 2, groups=groups, bias=False)
    conv = PreparedConv2d(in_channels, out_channels, kernel_size, stride, groups=groups, bias=False)
    before = (kernel_size - stride) // 2
    behind = kernel_size - stride - before
    conv.extra = (before, behind, before, behind)
    return conv
