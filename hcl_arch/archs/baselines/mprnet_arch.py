"""MPRNet: a baseline that restores in three stages, on increasingly large parts of the image (Table 3)."""

from __future__ import annotations

from typing import NamedTuple, Optional, Union

import torch
from torch import Tensor, nn

from hcl_arch.archs.baselines.mprnet_blocks import ChannelAttentionBlock, SupervisedAttention, conv3
from hcl_arch.archs.baselines.mprnet_stages import (
    OriginalResolutionStage,
    StageDecoder,
    StageEncoder,
    StageFeatures,
)
from hcl_arch.archs.baselines.unguided_restorer import soft_mask_of_change
from hcl_arch.archs.blind_restoration import Guidance, check_guidance
from hcl_arch.archs.image_form import binary_mask, check_image, pad_to_multiple
from hcl_arch.archs.registry import ARCHS
from hcl_arch.utils.argument_checks import check_at_least

# Axes of a tensor.
_ROWS, _COLUMNS = -2, -1


class MPRNetOutput(NamedTuple):
    """Output of :class:`MPRNet`; images RGB, masks 1 = uncorrupted; a ``BlindRestoration``."""

    restored: Tensor
    """(B, 3, H, W), the last stage's picture."""
    coarse: Tensor
    """(B, 3, H, W), the second stage's."""
    mask: Tensor
    """(B, 1, H, W), 0 or 1, of ``soft_mask``."""
    soft_mask: Tensor
    """(B, 1, H, W) in [0, 1], how little the picture was changed, without gradient: the network predicts no mask."""
    mask_logits: list[Tensor]
    """Empty."""
    pictures: list[Tensor]
    """The three stages' pictures, (B, 3, H, W) around [0, 1], unclamped, the last stage's first."""

    @property
    def stage_masks(self) -> list[Tensor]:
        """Empty."""
        return []

    @property
    def stage_soft_masks(self) -> list[Tensor]:
        """Empty."""
        return []


@ARCHS.register()
class MPRNet(nn.Module):
    """Zamir et al.: "Multi-Stage Progressive Image Restoration", CVPR 2021 (arXiv 2102.02808).

    The first stage processes four quarters of the image and joins them to two halves. The second processes the halves
    and joins them. The third processes the whole image at full size. ``net(lq)`` returns the restored image;
    ``net(lq, return_all=True)`` returns an :class:`MPRNetOutput`, whose ``pictures`` all need a loss.

    The paper's sizes (dim, dim_step, last_dim_step): deraining 40, 20, 16 (3.6 million parameters), denoising 80, 48,
    32 (15.7), deblurring 96, 48, 32 (20.1). The size used in the comparison is not published. The default is the only
    size that costs no more than the other networks here.

    Args:
        dim: Number n of channels at full size.
        dim_step: What each coarser level of the U-Nets has more than the one before.
        last_dim_step: What the last stage has more than n.
        n_blocks: Number of channel attention blocks in each of the last stage's three blocks.
        reduction: Channels over the width of the channel attention's hidden layer.

    Raises:
        ValueError: If a number is too small.
    """

    size_multiple = 8

    def __init__(
        self, *, dim: int = 40, dim_step: int = 20, last_dim_step: int = 16, n_blocks: int = 8, reduction: int = 4
    ) -> None:
        super().__init__()
        check_at_least(1, n_blocks=n_blocks, reduction=reduction)
        check_at_least(0, dim_step=dim_step, last_dim_step=last_dim_step)
        check_at_least(reduction, dim=dim)
        widths = [dim + level * dim_step for level in range(3)]
        last_dim = dim + last_dim_step
        slope = nn.PReLU()
        self.shallow = nn.ModuleList(
            nn.Sequential(conv3(3, dim), ChannelAttentionBlock(dim, reduction=reduction, slope=slope)) for _ in range(3)
        )
        self.encoders = nn.ModuleList(
            StageEncoder(widths, reduction=reduction, slope=slope, fuses=fuses) for fuses in (False, True)
        )
        self.decoders = nn.ModuleList(StageDecoder(widths, reduction=reduction, slope=slope) for _ in range(2))
        self.attentions = nn.ModuleList(SupervisedAttention(dim) for _ in range(2))
        self.joins = nn.ModuleList([conv3(2 * dim, dim), conv3(2 * dim, last_dim)])
        self.last_stage = OriginalResolutionStage(last_dim, widths, n_blocks=n_blocks, reduction=reduction, slope=slope)
        self.tail = conv3(last_dim, 3)

    def forward(
        self,
        lq: Tensor,
        *,
        return_all: bool = False,
        true_mask: Optional[Tensor] = None,
        guidance: Guidance = 'predicted',
        reverse: bool = False,
        restore: bool = True,
    ) -> Union[Tensor, MPRNetOutput]:
        """Restore images.

        Args:
            lq: (B, 3, H, W) RGB in [0, 1], of any size from 16 pixels up.
            return_all: Whether to return an :class:`MPRNetOutput` instead of the restored image.
            true_mask: (B, 1, H, W); only its shape is looked at, as no mask guides this network.
            guidance: Makes no difference, for the same reason.
            reverse: Must be False, for the same reason.
            restore: False makes the input stand for the restored images.

        Returns:
            The restored image, (B, 3, H, W), or everything. ``restored`` and ``coarse`` are in [0, 1] in evaluation;
            in training values beyond are left, for the losses to pull them back.

        Raises:
            ValueError: If images or mask have the wrong shape, or ``reverse`` is asked for.
        """
        height, width = check_image(lq)
        check_guidance(lq, true_mask, guidance)
        if reverse:
            raise ValueError('reverse: MPRNet is not guided by a mask that could be reversed.')
        padded = pad_to_multiple(lq, self.size_multiple)
        pictures = [picture[..., :height, :width] for picture in self._pictures(padded)]
        restored, coarse = lq, lq
        if restore:
            restored, coarse = (picture if self.training else picture.clamp(0, 1) for picture in pictures[:2])
        if not return_all:
            return restored
        soft_mask = soft_mask_of_change(lq, pictures[0])
        return MPRNetOutput(
            restored=restored,
            coarse=coarse,
            mask=binary_mask(soft_mask),
            soft_mask=soft_mask,
            mask_logits=[],
            pictures=pictures,
        )

    def _pictures(self, image: Tensor) -> list[Tensor]:
        """(B, 3, h, w), h and w multiples of 8 -> the stages' pictures, the last stage's first."""
        of_halves, first, first_picture = self._first_stage(image)
        of_whole, second, second_picture = self._second_stage(image, of_halves, first)
        features = self.joins[1](torch.cat([self.shallow[2](image), of_whole], dim=1))
        last_picture = self.tail(self.last_stage(features, second)) + image
        return [last_picture, second_picture, first_picture]

    def _first_stage(self, image: Tensor) -> tuple[list[Tensor], list[StageFeatures], Tensor]:
        """Features and what else is left of the upper and the lower half, and the whole picture."""
        features, left, pictures = [], [], []
        for half in image.chunk(2, dim=_ROWS):
            quarters = [self.encoders[0](self.shallow[0](quarter)) for quarter in half.chunk(2, dim=_COLUMNS)]
            encoded = _joined(quarters, dim=_COLUMNS)
            decoded = self.decoders[0](encoded)
            attended, picture = self.attentions[0](decoded[0], half)
            features.append(attended)
            left.append(StageFeatures(encoded, decoded))
            pictures.append(picture)
        return features, left, torch.cat(pictures, dim=_ROWS)

    def _second_stage(
        self, image: Tensor, features: list[Tensor], first: list[StageFeatures]
    ) -> tuple[Tensor, StageFeatures, Tensor]:
        """Features and what else is left of the whole, and its picture."""
        halves = []
        for half, attended, left in zip(image.chunk(2, dim=_ROWS), features, first):
            joined = self.joins[0](torch.cat([self.shallow[1](half), attended], dim=1))
            halves.append(self.encoders[1](joined, left))
        encoded = _joined(halves, dim=_ROWS)
        decoded = self.decoders[1](encoded)
        attended, picture = self.attentions[1](decoded[0], image)
        return attended, StageFeatures(encoded, decoded), picture


def _joined(parts: list[list[Tensor]], *, dim: int) -> list[Tensor]:
    """Levels of two parts of an image -> levels of both together."""
    return [torch.cat(levels, dim=dim) for levels in zip(*parts)]
