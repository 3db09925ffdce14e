"""The two stages of Split then Refine: SplitNet and RefineNet."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from hcl_arch.archs.baselines.shared_blocks import ChannelGate, HoleGuidedAttention
from hcl_arch.archs.baselines.unet_blocks import (
    Decoder,
    Encoder,
    UpBlock,
    initialise_convolutions,
    level_widths,
)

# In the order in which they run, which the batch norms' running statistics depend on.
TASKS = ('image', 'mask', 'watermark')
_CHANNELS = {'image': 3, 'mask': 1, 'watermark': 3}
_N_SHARED = 2


class SplitNet(nn.Module):
    """Predicts picture, mask and watermark from one encoder (Cun and Pun, AAAI 2021, first stage).

    The tasks share the coarser half of the decoder: it runs once per task, with the same convolutions but the task's
    own channel gates. Each task has its own finer half.

    Args:
        dim: Width at full size; each coarser level has twice the one before.
        n_units: Number of residual units of a block.
        gate_reduction: Reduction of the channel gates.
    """

    def __init__(self, dim: int, *, n_units: int, gate_reduction: int) -> None:
        super().__init__()
        widths = level_widths(dim)
        downwards = widths[::-1]
        self.encoder = Encoder(3, widths, n_units=n_units, norm='batch')
        self.shared_decoder = Decoder(downwards[: _N_SHARED + 1], n_units=n_units, norm='batch', eps_is_width=True)
        self.gates = nn.ModuleDict(
            {
                task: nn.ModuleList(
                    ChannelGate(width, reduction=gate_reduction) for width in downwards[1 : _N_SHARED + 1]
                )
                for task in TASKS
            }
        )
        self.decoders = nn.ModuleDict(
            {
                task: Decoder(downwards[_N_SHARED:], n_units=n_units, norm='instance', eps_is_width=True)
                for task in TASKS
            }
        )
        self.heads = nn.ModuleDict({task: nn.Conv2d(dim, _CHANNELS[task], 1) for task in TASKS})
        initialise_convolutions(self)

    def forward(self, image: Tensor, tasks: Sequence[str] = TASKS) -> dict[str, Tensor]:
        """Predict.

        Args:
            image: (B, 3, H, W), H and W multiples of 16 and at least 32.
            tasks: Which of :data:`TASKS`, in their order.

        Returns:
            Task -> (B, 3 or 1, H, W), its head's numbers.
        """
        levels = self.encoder(image)
        return {
            task: self.heads[task](self.decoders[task](self.shared_features(levels, task), levels[1::-1]))
            for task in tasks
        }

    def shared_features(self, levels: Sequence[Tensor], task: str) -> Tensor:
        """What the shared decoder makes for a task of the encoder's levels, (B, 4 dim, H / 4, W / 4)."""
        gates = self.gates[task]
        assert isinstance(gates, nn.ModuleList)
        return self.shared_decoder(levels[-1], levels[3:1:-1], gates)


class RefineNet(nn.Module):
    """Repaints the region of a mask (Cun and Pun, AAAI 2021, second stage): a U-Net with S2AM after its upper blocks.

    Args:
        dim: Width at full size; each coarser level has twice the one before.
        n_units: Number of residual units of a block.
        attention_reduction: Reduction of the attentions' channel gates.
    """

    def __init__(self, dim: int, *, n_units: int, attention_reduction: int) -> None:
        super().__init__()
        widths = level_widths(dim)
        self.encoder = Encoder(4, widths, n_units=n_units, norm='instance', activation='leaky_relu')
        upwards = widths[::-1]
        self.up_blocks = nn.ModuleList(
            UpBlock(before, width, n_units=n_units, norm='instance', eps_of_join=float(width))
            for before, width in zip(upwards, upwards[1:])
        )
        self.attentions = nn.ModuleList(
            HoleGuidedAttention(width, reduction=attention_reduction) for width in upwards[2:]
        )
        self.head = nn.Conv2d(dim, 3, 1)

    def forward(self, merged: Tensor, hole: Tensor) -> Tensor:
        """Refine a picture.

        Args:
            merged: (B, 3, H, W) around [0, 1], the image with the coarse picture in its holes; H and W multiples of 16
                and at least 32.
            hole: (B, 1, H, W) in [0, 1], 1 = to be repainted.

        Returns:
            (B, 3, H, W) around [0, 1].
        """
        *skips, features = self.encoder(torch.cat([merged, hole], dim=1))
        features = self.up_blocks[0](features, skips[-1])
        for block, attention, skip in zip(self.up_blocks[1:], self.attentions, skips[-2::-1]):
            features = attention(block(features, skip), hole)
        return torch.tanh(self.head(features)) + merged
