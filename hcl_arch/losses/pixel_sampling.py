"""Choose the pixels of a batch that the contrastive loss compares, as index tensors of fixed size."""

from __future__ import annotations

from typing import NamedTuple, Optional

import torch
from torch import Tensor

from hcl_arch.archs.hcl.mask_hierarchy import erode
from hcl_arch.utils.random_state import draw_for_batch


class PixelChoice(NamedTuple):
    """Chosen pixels of each image; an image with fewer than M candidates leaves places unused."""

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

    Both are taken in equal parts from both ends of the order of confidence. Where the border has fewer pixels than
    half the limit, more of the rest make up for them; a region with no more pixels than the limit is taken whole.

    Args:
        region: (B, 1, h, w), 1 = in the region.
        confidence: (B, 1, h, w).
        limit: Most pixels an image, at least 4; all if None.

    Returns:
        min(limit, h * w) places an image; fewer are used where the region is smaller, or the rest smaller than half the
        limit and the border larger.
    """
    members = region.flatten(1) > 0
    if limit is None or limit >= members.shape[1]:
        return _all_pixels(members)
    inside = erode(region).flatten(1) > 0
    border = members & ~inside
    n_members, n_border, n_inside = (part.sum(dim=1, keepdim=True) for part in (members, border, inside))
    from_border = n_border.clamp(max=limit // 2)
    from_inside = torch.minimum(limit - from_border, n_inside)
    values = confidence.flatten(1)
    chosen = _ends_of_order(values, border, from_border) | _ends_of_order(values, inside, from_inside)
    chosen = torch.where(n_members > limit, chosen, members)
    index = chosen.to(torch.uint8).argsort(dim=1, descending=True)[:, :limit]
    return PixelChoice(index, chosen.gather(1, index))


def gather_pixels(features: Tensor, choice: PixelChoice) -> Tensor:
    """The chosen pixels' features: (B, P, h, w) -> (B, M, P)."""
    index = choice.position.unsqueeze(1).expand(-1, features.shape[1], -1)
    return features.flatten(2).gather(2, index).transpose(1, 2)


def _all_pixels(eligible: Tensor) -> PixelChoice:
    index = torch.arange(eligible.shape[1], device=eligible.device).expand_as(eligible)
    return PixelChoice(index, eligible)


def _ends_of_order(values: Tensor, member: Tensor, count: Tensor) -> Tensor:
    """Which of the members (B, N) are among the ``count`` (B, 1) at the ends of an image's order of values.

    Half of them have the lowest values, half the highest, where one more is taken if the count is odd.
    """
    order = values.masked_fill(~member, float('inf')).argsort(dim=1)
    places = torch.arange(values.shape[1], device=values.device).expand_as(order)
    rank = torch.empty_like(order).scatter_(1, order, places)
    lowest = count // 2
    first_of_highest = member.sum(dim=1, keepdim=True) - (count - lowest)
    return member & ((rank < lowest) | (rank >= first_of_highest))
