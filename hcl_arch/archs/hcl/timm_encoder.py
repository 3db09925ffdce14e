"""An encoder with a pretrained timm backbone, which needs only a fraction of the samples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hcl_arch.archs.hcl.backbone_weights import build_backbone, normalisation
from hcl_arch.archs.hcl.conv_encoder import ConvResBlock
from hcl_arch.archs.image_form import to_image_range
from hcl_arch.archs.layers.depthwise_conv import prepare_convolutions
from hcl_arch.archs.layers.exporting import exact, twice_as_large
from hcl_arch.archs.layers.portions import checkpointed
from hcl_arch.utils.argument_checks import check_at_least

# What a look at the image is told of the coarser one: whether there was one, and its confidence from -1 to 1.
PRIOR_CHANNELS = 2


class TimmEncoder(nn.Module):
    """Turns an image into one feature map per stage, fine to coarse, with a timm backbone and an upward path.

    Feature maps of the backbone are joined from coarse to fine: each level with the result of the next coarser one, as
    in :class:`ConvEncoder`. Levels finer than the backbone's finest level apply one convolution to the image itself.

    Differs from the paper, whose encoder is made of transformer layers and starts from random weights.

    Args:
        widths: Width of each stage, fine to coarse.
        n_conv_stages: How often the size is halved before the finest stage.
        context_widths: Widths of further, coarser levels that are no stages.
        backbone: Its name in timm (``timm.list_models()``); it must give feature maps
            (``timm.create_model(name, features_only=True)``).
        backbone_weights: File of its weights, of timm or of another program with the same tensors in the same order;
            None starts from random ones.
        frozen_norm: Whether the backbone's batch normalisation keeps the statistics that it starts with.
        takes_prior: Whether it is told what a coarser look at the image has found.
        use_checkpoint: Whether training computes the backbone again in the backward pass.
        fine_blocks: Number of residual blocks of each of the two finest levels, after the convolution that joins.
        coarse_blocks: Number of further residual blocks of each of the other levels; untrained, they do nothing.
        stem_width: Width of further features of the finest level, which one 5x5 convolution computes from the image;
            0 = none.

    Raises:
        ValueError: If there is no such backbone, it gives no feature maps at the levels' strides, or the weights do not
            fit.
        FileNotFoundError: If there is no file of weights.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        *,
        widths: Sequence[int],
        n_conv_stages: int,
        context_widths: Sequence[int] = (),
        backbone: str,
        backbone_weights: Optional[str] = None,
        frozen_norm: bool = False,
        takes_prior: bool = False,
        use_checkpoint: bool = False,
        fine_blocks: int = 0,
        coarse_blocks: int = 0,
        stem_width: int = 0,
    ) -> None:
        super().__init__()
        check_at_least(1, dim=widths)
        check_at_least(0, fine_blocks=fine_blocks, coarse_blocks=coarse_blocks, stem_width=stem_width)
        self.n_stages = len(widths)
        self.frozen_norm = frozen_norm
        self.takes_prior = takes_prior
        self.use_checkpoint = use_checkpoint
        levels = [*widths, *context_widths]
        strides = [2 ** (n_conv_stages + level) for level in range(len(levels))]
        self.backbone, self.taken, channels = build_backbone(backbone, backbone_weights, strides)
        prepare_convolutions(self.backbone)
        mean, std = normalisation(backbone)
        self.register_buffer('mean', torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer('std', torch.tensor(std).view(1, 3, 1, 1), persistent=False)
        own = len(levels) - len(channels)  # levels finer than the backbone's finest
        self.fine = nn.ModuleList(
            _conv_norm_relu(3, width, stride=stride) for width, stride in zip(levels[:own], strides)
        )
        self.stem: Optional[nn.Module] = None
        if stem_width:
            self.stem = _conv_norm_relu(3, stem_width, kernel_size=5, stride=strides[0])
        skips = [*levels[:own], *channels]
        skips[0] += stem_width
        prior = PRIOR_CHANNELS if takes_prior else 0
        self.top = _conv_norm_relu(skips[-1] + prior, levels[-1], kernel_size=1)
        joined = [skip + coarser + prior for skip, coarser in zip(skips, levels[1:])]
        self.up = nn.ModuleList([
            # One convolution where the map is largest: it costs as much as a whole block of the next level.
            *(_fine_level(inputs, width, fine_blocks) for inputs, width in list(zip(joined, levels))[:2]),
            *(ConvResBlock(inputs, width) for inputs, width in list(zip(joined, levels))[2:]),
        ])  # fmt: skip
        self.further = nn.ModuleList(
            nn.Sequential(*(_idle_block(width) for _ in range(coarse_blocks))) for width in levels[2:]
        )

    def train(self, mode: bool = True) -> TimmEncoder:
        """Set training mode; frozen normalisation stays in evaluation mode."""
        super().train(mode)
        if self.frozen_norm:
            for module in self.backbone.modules():
                if isinstance(module, nn.modules.batchnorm._BatchNorm):
                    module.eval()
        return self

    def forward(self, image: Tensor, prior: Optional[Tensor] = None, told: Optional[Tensor] = None) -> list[Tensor]:
        """Encode.

        Args:
            image: (B, 3, H, W) in [-1, 1], H and W multiples of 2**(n_conv_stages + levels - 1).
            prior: (B, 1, h, w), logits that pixels are uncorrupted, found by a coarser look, at the finest stage's size
                or a half of it; only with ``takes_prior``, and None where there was none.
            told: 1 where there is a prior, 0 where it counts as None: one number, for graphs, which are made once for
                both.

        Returns:
            The stages' feature maps, fine to coarse: (B, widths[i], H / 2**(n_conv_stages + i), W / ...).
        """
        image = (to_image_range(image) - self.mean) / self.std
        maps = checkpointed(self._backbone_maps, image, enabled=self.use_checkpoint)
        levels = [*(fine(image) for fine in self.fine), *maps]
        if self.stem is not None:
            levels[0] = torch.cat([levels[0], self.stem(image)], dim=1)
        priors = self._priors(levels, prior, told)
        joined = self.top(torch.cat([levels[-1], *priors[-1]], dim=1))
        if self.further:
            joined = self.further[-1](joined)
        found = [joined]
        for level in reversed(range(len(self.up))):
            coarser = twice_as_large(joined, 'nearest')
            joined = self.up[level](torch.cat([levels[level], coarser, *priors[level]], dim=1))
            if level >= 2:
                joined = self.further[level - 2](joined)
            found.append(joined)
        return found[::-1][: self.n_stages]

    def _backbone_maps(self, image: Tensor) -> list[Tensor]:
        maps = self.backbone(image)
        return [maps[index] for index in self.taken]

    def _priors(self, levels: Sequence[Tensor], prior: Optional[Tensor], told: Optional[Tensor]) -> list[list[Tensor]]:
        """For each level what it is joined with of the coarser look, (B, 2, h, w); nothing where none is taken."""
        if not self.takes_prior:
            return [[] for _ in levels]
        if prior is None:
            return [[level.new_zeros(level.shape[0], PRIOR_CHANNELS, *level.shape[-2:])] for level in levels]
        confidence = torch.tanh(exact(prior) / 2)
        if confidence.shape[-1] < levels[0].shape[-1]:
            confidence = twice_as_large(confidence, 'bilinear')
        confidences = [confidence]
        for _ in levels[1:]:
            confidences.append(F.avg_pool2d(confidences[-1], 2))
        priors = [torch.cat([each, torch.ones_like(each)], dim=1) for each in confidences]
        return [[each if told is None else each * told] for each in priors]


def _idle_block(width: int) -> ConvResBlock:
    block = ConvResBlock(width, width)
    nn.init.zeros_(block.norm.weight)
    return block


def _fine_level(in_channels: int, out_channels: int, n_blocks: int) -> nn.Sequential:
    blocks = (ConvResBlock(out_channels, out_channels) for _ in range(n_blocks))
    return nn.Sequential(*_conv_norm_relu(in_channels, out_channels), *blocks)


def _conv_norm_relu(in_channels: int, out_channels: int, *, kernel_size: int = 3, stride: int = 1) -> nn.Sequential:
    conv = nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding=kernel_size // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(out_channels), nn.ReLU(inplace=True))
