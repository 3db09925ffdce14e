"""Soft spherical 2-means for a batch of point sets, without loops over images or device synchronisation."""

from __future__ import annotations

from typing import Union

import torch
import torch.nn.functional as F
from torch import Tensor

from hcl_arch.archs.layers.exporting import is_exporting


def cluster_weights(points: Tensor, centers: Tensor, *, temperature: float) -> Tensor:
    """Soft assignment of points to centres (Eq. 5): softmax over the centres of -(1 - cosine) / temperature.

    Args:
        points: (..., N, P), of unit length.
        centers: (..., K, P), of unit length (or zero for an empty set).
        temperature: Softness of the assignment.

    Returns:
        (..., N, K), in [0, 1], summing to 1 over K.
    """
    cosine = points @ centers.transpose(-1, -2)
    return torch.softmax((cosine - 1) / temperature, dim=-1)


def weighted_centers(points: Tensor, weights: Tensor) -> Tensor:
    """Normalised weighted sums of points.

    Args:
        points: (..., N, P).
        weights: (..., N, K).

    Returns:
        (..., K, P), of unit length; zero where all weights are zero.
    """
    return F.normalize(weights.transpose(-1, -2) @ points, dim=-1)


def spherical_two_means(
    points: Tensor,
    included: Tensor,
    *,
    temperature: float,
    iterations: int,
    repeats: int = 1,
    seed: Union[int, Tensor] = 0,
) -> Tensor:
    """Find two cluster centres in each point set of a batch.

    The first centre starts at a random included point, the second at the included point farthest from it; of several
    starts the one with the smallest mean weighted distance is taken.

    Args:
        points: (B, N, P), float32, of unit length.
        included: (B, N), 1 = takes part, 0 = does not.
        temperature: Softness of the assignment.
        iterations: Number of assignment and update rounds.
        repeats: Number of starts R.
        seed: Chooses the starts: one number for all sets, so that a set gets the same starts in whatever batch, or a
            number for each set, (B,) int64.

    Returns:
        (B, 2, P), without gradient; the order of the two centres means nothing. A set without included points gives
        zeros, one with equal points gives two equal centres.
    """
    points, included = points.detach().unsqueeze(1), included.unsqueeze(1)
    centers = _start_centers(points, included, _start_scores(points, repeats, seed))
    for _ in range(iterations):
        weights = cluster_weights(points, centers, temperature=temperature) * included.unsqueeze(-1)
        centers = weighted_centers(points, weights)
    if repeats == 1:
        return centers[:, 0]
    weights = cluster_weights(points, centers, temperature=temperature) * included.unsqueeze(-1)
    cost = (weights * (1 - points @ centers.transpose(-1, -2))).sum(dim=(-1, -2))
    best = cost.argmin(dim=1)
    return centers.gather(1, best.view(-1, 1, 1, 1).expand(-1, 1, *centers.shape[-2:])).squeeze(1)


def _start_centers(points: Tensor, included: Tensor, scores: Tensor) -> Tensor:
    """(B, R, 2, P) from (B, 1, N, P), (B, 1, N) and random scores in [0, 1) of shape (B or 1, R, N)."""
    first_index = torch.where(included > 0, scores, -1.0).argmax(dim=-1)
    first = _gather_points(points, first_index)
    cosine = (points @ first.transpose(-1, -2)).squeeze(-1)
    second_index = torch.where(included > 0, cosine, 2.0).argmin(dim=-1)
    return torch.cat([first, _gather_points(points, second_index)], dim=2)


def _gather_points(points: Tensor, index: Tensor) -> Tensor:
    """(B, R, 1, P): for (b, r) the point index[b, r] of set b, from (B, 1, N, P) and (B, R)."""
    index = index[:, :, None, None].expand(-1, -1, 1, points.shape[-1])
    return points.expand(-1, index.shape[1], -1, -1).gather(2, index)


def _start_scores(points: Tensor, repeats: int, seed: Union[int, Tensor]) -> Tensor:
    """Scores in [0, 1) of every start's points, (B or 1, R, N); the included point with the highest is taken."""
    count = points.shape[2]
    # An integer hash of (seed, start, position): the same on every device, and without a generator's state to carry.
    position = torch.arange(repeats * count, device=points.device, dtype=torch.int64) + 1
    # Filled on the device: copying a number to it would wait for it.
    seeds = seed if isinstance(seed, Tensor) else torch.full((1,), seed, device=points.device, dtype=torch.int64)
    value = (position * 2654435761 + seeds.view(-1, 1) % 2**31 * 2246822519) % 2**32
    value = _folded_down(value, 15) * 2246822519 % 2**32
    value = _folded_down(value, 13) * 3266489917 % 2**32
    value = _folded_down(value, 16)
    return (value % 2**24).to(torch.float32).view(-1, repeats, count) / 2**24


def _folded_down(value: Tensor, bits: int) -> Tensor:
    """value ^ (value >> bits), of int64 from 0 to 2**32."""
    if not is_exporting():
        return value ^ (value >> bits)
    # The same in what ONNX has.
    shifted = torch.div(value, 2**bits, rounding_mode='floor')
    return value + shifted - 2 * (value & shifted)
