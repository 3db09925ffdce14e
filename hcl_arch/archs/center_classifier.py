"""The classifier that tells which cluster centre is the uncorrupted one."""

from __future__ import annotations

from torch import Tensor, nn


class CenterClassifier(nn.Module):
    """Linear, ReLU, Linear: the logit that a cluster centre belongs to the uncorrupted region (Section 3.2.1).

    Args:
        proj_dim: Width of the embeddings.
    """

    def __init__(self, proj_dim: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(proj_dim, proj_dim), nn.ReLU(), nn.Linear(proj_dim, 1))

    def forward(self, centers: Tensor) -> Tensor:
        """Classify centres: (..., proj_dim) -> (...) logits."""
        return self.layers(centers).squeeze(-1)
