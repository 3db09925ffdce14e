"""A convolutional encoder for small networks and CPUs, which needs far fewer images than the transformer."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hcl_arch.archs.layers.exporting import twice_as_large


class ConvEncoder(nn.Module):
    """Turns an image into one feature map per stage, fine to coarse, with residual convolutions.

    A downward path halves the size from level to level. An upward path joins each level with the result of the next
    coarser one. So the features of a stage use context from all scales, including levels coarser than the coarsest
    stage. Every convolution is followed by batch normalisation.

    Differs from the paper, whose encoder has transformer layers: small transformers are no better than a guess for many
    thousands of images, and a CPU computes convolutions several times faster.

    Args:
        widths: Width of each stage, fine to coarse.
        depths: Number of residual blocks of each stage on the downward path. Only the finest stage may have 0, because
            a block halves the size between stages.
        n_conv_stages: Number of halvings of the size before the finest stage.
        context_widths: Widths of additional coarser levels that are not stages, with one block each.
    """

    def __init__(
        self, *, widths: Sequence[int], depths: Sequence[int], n_conv_stages: int, context_widths: Sequence[int] = ()
    ) -> None:
        super().__init__()
        self.n_stages = len(widths)
        levels = [*widths, *context_widths]
        blocks = [*depths, *(1 for _ in context_widths)]
        first = widths[0]
        self.stem = nn.Sequential(
            _conv_norm_relu(3, first, kernel_size=5, stride=min(n_conv_stages + 1, 2)),
            *(_conv_norm_relu(first, first, stride=2) for _ in range(n_conv_stages - 1)),
        )
        self.down = nn.ModuleList([
            nn.Sequential(*(ConvResBlock(first, first) for _ in range(blocks[0]))),
            *(_halving_blocks(fine, coarse, depth) for fine, coarse, depth in zip(levels, levels[1:], blocks[1:])),
        ])  # fmt: skip
        joined = list(zip(levels, levels[1:]))
        self.up = nn.ModuleList([
            # One convolution where the map is largest: it costs as much as a whole block of the next level.
            *(_conv_norm_relu(fine + coarse, fine) for fine, coarse in joined[:1]),
            *(ConvResBlock(fine + coarse, fine) for fine, coarse in joined[1:]),
        ])  # fmt: skip

    def forward(self, image: Tensor) -> list[Tensor]:
        """Encode.

        Args:
            image: (B, 3, H, W) in [-1, 1], H and W multiples of 2**(n_conv_stages + levels - 1).

        Returns:
            The stages' feature maps, fine to coarse: (B, widths[i], H / 2**(n_conv_stages + i), W / ...).
        """
        x = self.stem(image)
        levels = []
        for down in self.down:
            x = down(x)
            levels.append(x)
        for level in reversed(range(len(self.up))):
            coarser = twice_as_large(levels[level + 1], 'nearest')
            levels[level] = self.up[level](torch.cat([levels[level], coarser], dim=1))
        return levels[: self.n_stages]


class ConvResBlock(nn.Module):
    """Two 3x3 convolutions with batch normalisation, plus a shortcut (a 1x1 convolution where the shape changes).

    Args:
        in_channels: Width of the input.
        out_channels: Width of the output.
        stride: 2 halves the size.
    """

    norms_follow = True

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
        super().__init__()
        self.first = _conv_norm_relu(in_channels, out_channels, stride=stride)
        self.second = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(out_channels)
        same = in_channels == out_channels and stride == 1
        self.shortcut = nn.Identity() if same else nn.Conv2d(in_channels, out_channels, 1)
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        """(B, in_channels, H, W) -> (B, out_channels, H / stride, W / stride)."""
        # The pixels are chosen first: with a stride of its own, the backward pass of a 1x1 convolution of four channels
        # writes beyond its memory (PyTorch 2.11 on CPUs with AVX2).
        kept = x[..., :: self.stride, :: self.stride]
        return F.relu(self.norm(self.second(self.first(x))) + self.shortcut(kept))


def _conv_norm_relu(in_channels: int, out_channels: int, *, kernel_size: int = 3, stride: int = 1) -> nn.Sequential:
    conv = nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding=kernel_size // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(out_channels), nn.ReLU(inplace=True))


def _halving_blocks(fine: int, coarse: int, depth: int) -> nn.Sequential:
    further = (ConvResBlock(coarse, coarse) for _ in range(depth - 1))
    return nn.Sequential(ConvResBlock(fine, coarse, stride=2), *further)
