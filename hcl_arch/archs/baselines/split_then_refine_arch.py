"""Split then Refine: a baseline that removes visible watermarks in two stages (Table 7)."""

from __future__ import annotations

import torch
from torch import Tensor

from hcl_arch.archs.baselines.split_then_refine_stages import TASKS, RefineNet, SplitNet
from hcl_arch.archs.baselines.watermark_remover import Layers, WatermarkRemover
from hcl_arch.archs.registry import ARCHS
from hcl_arch.utils.argument_checks import check_at_least


@ARCHS.register()
class SplitThenRefine(WatermarkRemover):
    """Blind watermark removal of Cun and Pun: "Split then Refine", AAAI 2021 (arXiv 2012.07007).

    SplitNet predicts a coarse picture, the watermark (both as differences to add to the image) and its mask. The soft
    mask blends the coarse picture into the image, and RefineNet repaints the result, guided by the mask. Nothing is
    detached. The interface is that of :class:`WatermarkRemover`; ``painted`` of its output holds the refined and the
    coarse picture.

    One norm of every up block has the block's width as its epsilon. The published network computes it this way, and its
    weights do not work otherwise.

    Args:
        dim: Width of both stages at full size.
        n_units: Number of residual units of a block.
        gate_reduction: Reduction of SplitNet's channel gates.
        attention_reduction: Reduction of the channel gates of RefineNet's attentions.
        composite: See :class:`WatermarkRemover`.

    Raises:
        ValueError: If a number is too small.
    """

    def __init__(
        self,
        *,
        dim: int = 32,
        n_units: int = 3,
        gate_reduction: int = 16,
        attention_reduction: int = 16,
        composite: bool = True,
    ) -> None:
        check_at_least(
            1, dim=dim, n_units=n_units, gate_reduction=gate_reduction, attention_reduction=attention_reduction
        )
        super().__init__(composite=composite)
        self.split_net = SplitNet(dim, n_units=n_units, gate_reduction=gate_reduction)
        self.refine_net = RefineNet(dim, n_units=n_units, attention_reduction=attention_reduction)

    def split(self, image: Tensor, *, only_mask: bool = False) -> Layers:
        """See :class:`WatermarkRemover`."""
        heads = self.split_net(image, ('mask',) if only_mask else TASKS)
        if only_mask:
            return Layers(heads['mask'])
        return Layers(
            hole_logits=heads['mask'],
            image=torch.tanh(heads['image']) + image,
            watermark=torch.tanh(heads['watermark']) + image,
        )

    def paint(self, image: Tensor, first: Tensor, hole: Tensor) -> list[Tensor]:
        """See :class:`WatermarkRemover`."""
        merged = hole * first + (1 - hole) * image
        return [self.refine_net(merged, hole), first]
