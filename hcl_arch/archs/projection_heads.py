"""Projection heads: from the encoder's features to the embeddings that are contrasted and clustered."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class ProjectionHeads(nn.Module):
    """F_proj of all stages, with the coarser stage's features reused in the finer ones (Eq. 3 and 6).

    Args:
        widths: Width of each stage's features, fine to coarse.
        proj_dim: Width of the embeddings.
        fuse: Whether a stage also sees the next coarser stage's features (inter-stage semantic consistency).
    """

    def __init__(self, *, widths: Sequence[int], proj_dim: int, fuse: bool = True) -> None:
        super().__init__()
        self.maps = nn.ModuleList(nn.Conv2d(width, width // 4, 1) for width in widths[1:] if fuse)
        extra_widths = [width // 4 if fuse else 0 for width in widths[1:]] + [0]
        self.heads = nn.ModuleList(
            nn.Sequential(nn.Conv2d(width + extra, 2 * proj_dim, 1), nn.GELU(), nn.Conv2d(2 * proj_dim, proj_dim, 1))
            for width, extra in zip(widths, extra_widths)
        )

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Project.

        Args:
            features: Feature maps of the stages, fine to coarse, each half the size of the one before.

        Returns:
            Embeddings of the stages, fine to coarse: (B, proj_dim, h, w), of length 1 along the channels.
        """
        inputs = list(features)
        for stage, coarser_map in enumerate(self.maps):
            coarser = F.interpolate(coarser_map(features[stage + 1]), scale_factor=2, mode='nearest')
            inputs[stage] = torch.cat([features[stage], coarser], dim=1)
        return [F.normalize(head(x), dim=1) for head, x in zip(self.heads, inputs)]
