"""The U-Net of MPRNet's first two stages, and its last stage at full size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Optional

from torch import Tensor, nn

from hcl_arch.archs.baselines.mprnet_blocks import (
    ChannelAttentionBlock,
    OriginalResolutionBlock,
    conv1,
    doubled,
    halved,
)

_BLOCKS_PER_LEVEL = 2
_N_LEVELS = 3


class StageFeatures(NamedTuple):
    """Features that a stage passes to the next one, (B, C, H / 2^level, W / 2^level) for each level, fine to coarse."""

    encoded: list[Tensor]
    """The encoder's features."""
    decoded: list[Tensor]
    """The decoder's."""


def _level(dim: int, *, reduction: int, slope: nn.PReLU) -> nn.Sequential:
    blocks = (ChannelAttentionBlock(dim, reduction=reduction, slope=slope) for _ in range(_BLOCKS_PER_LEVEL))
    return nn.Sequential(*blocks)


class StageEncoder(nn.Module):
    """Two channel attention blocks on each of three levels.

    Args:
        widths: Number of channels of each level, fine to coarse.
        reduction: See :class:`ChannelAttentionBlock`.
        slope: See :class:`ChannelAttentionBlock`.
        fuses: Whether an earlier stage's features are added (cross-stage feature fusion).
    """

    def __init__(self, widths: Sequence[int], *, reduction: int, slope: nn.PReLU, fuses: bool) -> None:
        super().__init__()
        self.levels = nn.ModuleList(_level(dim, reduction=reduction, slope=slope) for dim in widths)
        self.downs = nn.ModuleList(halved(before, dim) for before, dim in zip(widths, widths[1:]))
        self.fuse_encoded = nn.ModuleList(conv1(dim, dim) for dim in widths if fuses)
        self.fuse_decoded = nn.ModuleList(conv1(dim, dim) for dim in widths if fuses)

    def forward(self, features: Tensor, earlier: Optional[StageFeatures] = None) -> list[Tensor]:
        """Encode.

        Args:
            features: (B, widths[0], H, W), H and W multiples of 4.
            earlier: What the stage before left, of the same sizes; only if this encoder fuses.

        Returns:
            (B, C, H / 2^level, W / 2^level) of each level, fine to coarse.
        """
        encoded: list[Tensor] = []
        for index, level in enumerate(self.levels):
            features = level(self.downs[index - 1](features) if index else features)
            if earlier is not None:
                features = features + self.fuse_encoded[index](earlier.encoded[index])
                features = features + self.fuse_decoded[index](earlier.decoded[index])
            encoded.append(features)
        return encoded


class StageDecoder(nn.Module):
    """Two channel attention blocks on each of three levels, coarse to fine; each skip has one more block.

    Args:
        widths: Number of channels of each level, fine to coarse.
        reduction: See :class:`ChannelAttentionBlock`.
        slope: See :class:`ChannelAttentionBlock`.
    """

    def __init__(self, widths: Sequence[int], *, reduction: int, slope: nn.PReLU) -> None:
        super().__init__()
        self.levels = nn.ModuleList(_level(dim, reduction=reduction, slope=slope) for dim in widths)
        self.skips = nn.ModuleList(ChannelAttentionBlock(dim, reduction=reduction, slope=slope) for dim in widths[:-1])
        self.ups = nn.ModuleList(doubled(coarser, dim) for coarser, dim in zip(widths[1:], widths))

    def forward(self, encoded: Sequence[Tensor]) -> list[Tensor]:
        """The encoder's features of each level -> the decoder's, of the same shapes, fine to coarse."""
        decoded = [self.levels[-1](encoded[-1])]
        for index in reversed(range(len(self.ups))):
            features = self.ups[index](decoded[0]) + self.skips[index](encoded[index])
            decoded.insert(0, self.levels[index](features))
        return decoded


class OriginalResolutionStage(nn.Module):
    """The last stage: blocks at full size; each one is followed by adding a level of the previous stage.

    Args:
        dim: Number of channels.
        widths: Number of channels of the earlier stage's levels, fine to coarse.
        n_blocks: See :class:`OriginalResolutionBlock`.
        reduction: See :class:`ChannelAttentionBlock`.
        slope: See :class:`ChannelAttentionBlock`.
    """

    def __init__(self, dim: int, widths: Sequence[int], *, n_blocks: int, reduction: int, slope: nn.PReLU) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            OriginalResolutionBlock(dim, n_blocks=n_blocks, reduction=reduction, slope=slope) for _ in range(_N_LEVELS)
        )
        self.from_encoded = nn.ModuleList(_to_full_size(level, widths, dim) for level in range(_N_LEVELS))
        self.from_decoded = nn.ModuleList(_to_full_size(level, widths, dim) for level in range(_N_LEVELS))

    def forward(self, features: Tensor, earlier: StageFeatures) -> Tensor:
        """(B, dim, H, W) and what the stage before left of the whole image -> (B, dim, H, W)."""
        for index, block in enumerate(self.blocks):
            features = block(features)
            features = features + self.from_encoded[index](earlier.encoded[index])
            features = features + self.from_decoded[index](earlier.decoded[index])
        return features


def _to_full_size(level: int, widths: Sequence[int], dim: int) -> nn.Sequential:
    ups = [doubled(widths[step], widths[step - 1]) for step in range(level, 0, -1)]
    return nn.Sequential(*ups, conv1(widths[0], dim))
