"""Choosing the pixels of a batch that the contrastive loss compares, as index tensors of fixed size."""

from __future__ import annotations

from typing import NamedTuple, Optional

import torch
from torch import Tensor

from hcl_arch.archs.mask_hierarchy import erode
from hcl_arch.training.random_state import draw_for_batch


class PixelChoice(NamedTuple):
    """Chosen pixels of each image; images with fewer than M to choose from leave places unused."""

    position: Tensor
    """(B, M) int64, position in the flattened map."""
    used: Tensor
    """(B, M) bool, whether the place holds a pixel."""


def random_pixels(eligible: Tensor, limit: Optional[int], generator: Optional[torch.Generator] = None) -> PixelChoice:
    """Choose pixels at random, without repetition.

    Args:
        eligible: (B, N) bool.
        limit: Most pixels an image; all if None.
        generator: Source of randomness on the tensor's device; torch's default one if None.

    Returns:
        At most min(limit, N) places an image.
    """
    if limit is None or limit >= eligible.shape[1]:
        return _all_pixels(eligible)
    batch, n_pixels = eligible.shape
    scores = draw_for_batch(
        lambda images: torch.rand(images, n_pixels, generator=generator, device=eligible.device), batch
    )
    index = scores.masked_fill(~eligible, -1.0).topk(limit, dim=1).indices
    return PixelChoice(index, eligible.gather(1, index))


def representative_pixels(region: Tensor, confidence: Tensor, limit: Optional[int]) -> PixelChoice:
    """Choose pixels that represent a region: half from its inner border, half from the rest, sure and unsure ones.

    Each half is taken in equal parts from both ends of the order of confidence.

    Args:
        region: (B, 1, h, w), 1 = in the region.
        confidence: (B, 1, h, w).
        limit: Most pixels an image, at least 4; all if None.

    Returns:
        At most ``limit`` places an image; fewer are used where the border or the rest is smaller than its half.
    """
    if limit is None:
        return _all_pixels(region.flatten(1) > 0)
    inside = erode(region)
    halves = [
        _ends_of_order(confidence.flatten(1), part.flatten(1) > 0, limit // 4) for part in (region - inside, inside)
    ]
    return PixelChoice(torch.cat([h.position for h in halves], dim=1), torch.cat([h.used for h in halves], dim=1))


def gather_pixels(features: Tensor, choice: PixelChoice) -> Tensor:
    """The chosen pixels' features: (B, P, h, w) -> (B, M, P)."""
    index = choice.position.unsqueeze(1).expand(-1, features.shape[1], -1)
    return features.flatten(2).gather(2, index).transpose(1, 2)


def _all_pixels(eligible: Tensor) -> PixelChoice:
    index = torch.arange(eligible.shape[1], device=eligible.device).expand_as(eligible)
    return PixelChoice(index, eligible)


def _ends_of_order(values: Tensor, member: Tensor, count: int) -> PixelChoice:
    """The ``count`` members with the lowest and the ``count`` with the highest values, each member at most once."""
    count = min(count, values.shape[1])
    order = values.masked_fill(~member, float('inf')).argsort(dim=1)
    n_members = member.sum(dim=1, keepdim=True)
    rank = torch.arange(count, device=values.device).expand(values.shape[0], -1)
    used = torch.cat([rank < (n_members + 1) // 2, rank < n_members // 2], dim=1)
    place = torch.cat([rank, (n_members - 1 - rank).clamp(min=0)], dim=1)
    return PixelChoice(order.gather(1, place), used)
