"""VCNet's context normalisation: gives corrupted regions the statistics of the uncorrupted context."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn


def weighted_mean_std(features: Tensor, weights: Tensor, *, eps: float = 1e-5) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each channel over weighted pixels.

    mean = sum(w x) / (sum(w) + eps), std = sqrt(sum(w (x - mean)^2) / (sum(w) + eps) + eps).

    Args:
        features: (B, C, H, W).
        weights: (B, 1, H, W), not negative.
        eps: Keeps both finite where no pixel has weight: mean 0, standard deviation sqrt(eps).

    Returns:
        Two tensors (B, C, 1, 1).
    """
    total = weights.sum(dim=(2, 3), keepdim=True) + eps
    mean = (features * weights).sum(dim=(2, 3), keepdim=True) / total
    variance = ((features - mean).square() * weights).sum(dim=(2, 3), keepdim=True) / total
    return mean, (variance + eps).sqrt()


def transfer_context_statistics(features: Tensor, mask: Tensor, *, eps: float = 1e-5) -> Tensor:
    """Give all features the mean and the deviation of the context, measured from those of the corrupted pixels.

    T(X, H) = (X - mean(X, H)) / std(X, H) * std(X, 1 - H) + mean(X, 1 - H), with H = 1 - mask (Wang et al. 2020).

    Args:
        features: (B, C, H, W), X.
        mask: (B, 1, H, W) in [0, 1], probability that a pixel is uncorrupted.
        eps: See :func:`weighted_mean_std`.

    Returns:
        (B, C, H, W); meant for the corrupted pixels.
    """
    corrupted_mean, corrupted_std = weighted_mean_std(features, 1 - mask, eps=eps)
    context_mean, context_std = weighted_mean_std(features, mask, eps=eps)
    return (features - corrupted_mean) * (context_std / corrupted_std) + context_mean


def published_mean_std(features: Tensor, weights: Tensor, *, eps: float = 1e-5) -> tuple[Tensor, Tensor]:
    """Mean and deviation of each channel over weighted pixels, as the published programs of VCNet compute them.

    With Y = w^2 x: mean = sum(Y) / (sum(w) + eps), std = sqrt(sum((Y - mean)^2) / (sum(w) + eps) + eps). The sum under
    the root is over *all* pixels, so that each one without weight adds mean^2: the smaller a region, the larger its
    deviation. Trained with it, a network counts on it.

    Args:
        features: (B, C, H, W).
        weights: (B, 1, H, W) in [0, 1].
        eps: Keeps both finite where no pixel has weight.

    Returns:
        Two tensors (B, C, 1, 1).
    """
    total = weights.sum(dim=(2, 3), keepdim=True) + eps
    weighted = features * weights.square()
    mean = weighted.sum(dim=(2, 3), keepdim=True) / total
    variance = (weighted - mean).square().sum(dim=(2, 3), keepdim=True) / total
    return mean, (variance + eps).sqrt()


def transfer_published_statistics(features: Tensor, mask: Tensor, *, eps: float = 1e-5) -> Tensor:
    """As :func:`transfer_context_statistics`, with :func:`published_mean_std` and H X in the place of the X in T.

    Args:
        features: (B, C, H, W), X.
        mask: (B, 1, H, W) in [0, 1], probability that a pixel is uncorrupted.
        eps: See :func:`published_mean_std`.

    Returns:
        (B, C, H, W); meant for the corrupted pixels.
    """
    hole = 1 - mask
    corrupted_mean, corrupted_std = published_mean_std(features, hole, eps=eps)
    context_mean, context_std = published_mean_std(features, mask, eps=eps)
    return (hole * features - corrupted_mean) * (context_std / corrupted_std) + context_mean


class ProbabilisticContextNorm(nn.Module):
    """PCN(X, H) = H [beta T(X, H) + (1 - beta) X] + (1 - H) X (Wang et al. 2020); uncorrupted features stay.

    Squeeze and excitation computes the gate beta in (0, 1), one per image and channel, from the means of the features.

    Differs from the paper: the brackets have X where the paper has X * H. For masks of 0 and 1 this is the same, but X
    * H would weaken the features of pixels with an undecided mask.

    Args:
        dim: Number of channels.
        reduction: Width of the features over that of the gate's hidden layer.
        transfer: T, from features and mask.
    """

    def __init__(
        self,
        dim: int,
        *,
        reduction: int = 4,
        transfer: Callable[[Tensor, Tensor], Tensor] = transfer_context_statistics,
    ) -> None:
        super().__init__()
        self.transfer = transfer
        hidden = max(dim // reduction, 1)
        self.gate = nn.Sequential(nn.Linear(dim, hidden), nn.ReLU(), nn.Linear(hidden, dim), nn.Sigmoid())

    def forward(self, features: Tensor, mask: Tensor) -> Tensor:
        """Normalise the corrupted regions of (B, dim, H, W) by a mask (B, 1, H, W), 1 = surely uncorrupted."""
        beta = self.gate(features.mean(dim=(2, 3)))[:, :, None, None]
        # In float32 under autocast too: sums over all pixels overflow in half precision.
        with torch.autocast(features.device.type, enabled=False):
            wide = features.float()
            change = self.transfer(wide, mask.float()) - wide
        return features + (1 - mask) * beta * change.to(features.dtype)
