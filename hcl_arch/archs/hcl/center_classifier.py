"""The classifier that decides which cluster centre is the uncorrupted one."""

from __future__ import annotations

from torch import Tensor, nn

from hcl_arch.archs.layers.exporting import without_autocast


class CenterClassifier(nn.Module):
    """Linear, ReLU, Linear: the logit that a cluster centre belongs to the uncorrupted region (Section 3.2.1).

    It stays in float32 under autocast: it decides for whole regions, and costs almost nothing.

    Args:
        proj_dim: Width of the embeddings.
    """

    keep_float32 = True

    def __init__(self, proj_dim: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(proj_dim, proj_dim), nn.ReLU(), nn.Linear(proj_dim, 1))

    def forward(self, centers: Tensor) -> Tensor:
        """Classify centres: (..., proj_dim) -> (...) logits."""
        with without_autocast(centers):
            return self.layers(centers.to(next(self.layers.parameters()).dtype)).squeeze(-1)
