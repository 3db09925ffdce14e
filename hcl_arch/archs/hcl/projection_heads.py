"""Projection heads: map the encoder's features to the embeddings that are contrasted and clustered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hcl_arch.archs.layers.activations import OverwritingGELU
from hcl_arch.archs.layers.exporting import exact, twice_as_large
from hcl_arch.archs.layers.portions import checkpointed


class ProjectionHeads(nn.Module):
    """F_proj of all stages; finer stages reuse the features of the next coarser one (Eq. 3 and 6).

    Args:
        widths: Width of each stage's features, fine to coarse.
        proj_dim: Width of the embeddings.
        fuse: Whether a stage also sees the next coarser stage's features (inter-stage semantic consistency).
        stages: Which stages have a head, by their indices in ascending order; all by default.
        use_checkpoint: Whether training recomputes the heads in the backward pass.
    """

    def __init__(
        self,
        *,
        widths: Sequence[int],
        proj_dim: int,
        fuse: bool = True,
        stages: Optional[Sequence[int]] = None,
        use_checkpoint: bool = False,
    ) -> None:
        super().__init__()
        self.use_checkpoint = use_checkpoint
        self.stages = tuple(range(len(widths)) if stages is None else stages)
        fused = [stage for stage in self.stages if fuse and stage + 1 < len(widths)]
        self.maps = nn.ModuleList(nn.Conv2d(widths[stage + 1], widths[stage + 1] // 4, 1) for stage in fused)
        inputs = [widths[stage] + (widths[stage + 1] // 4 if stage in fused else 0) for stage in self.stages]
        self.heads = nn.ModuleList(
            nn.Sequential(nn.Conv2d(width, 2 * proj_dim, 1), OverwritingGELU(), nn.Conv2d(2 * proj_dim, proj_dim, 1))
            for width in inputs
        )

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Project.

        Args:
            features: Feature maps of the stages, fine to coarse, each half the size of the one before.

        Returns:
            Embeddings of the stages that have a head, fine to coarse: (B, proj_dim, h, w), of length 1 along the
            channels.
        """
        inputs = [features[stage] for stage in self.stages]
        for index, coarser_map in enumerate(self.maps):
            coarser = twice_as_large(coarser_map(features[self.stages[index] + 1]), 'nearest')
            inputs[index] = torch.cat([inputs[index], coarser], dim=1)
        return [checkpointed(_embed, head, x, enabled=self.use_checkpoint) for head, x in zip(self.heads, inputs)]


def _embed(head: nn.Module, x: Tensor) -> Tensor:
    """(B, C, h, w) -> (B, proj_dim, h, w) of unit length; float32 under autocast too: clusters compare lengths."""
    return F.normalize(exact(head(x)), dim=1)
