"""The hierarchical circle-contrastive loss."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

import torch
import torch.nn.functional as F
from basicsr.utils.registry import LOSS_REGISTRY
from torch import Tensor, nn

from hcl_arch.archs.hcl.mask_hierarchy import StageMasks
from hcl_arch.losses.pixel_sampling import gather_pixels, random_pixels, representative_pixels
from hcl_arch.utils.argument_checks import check_at_least

# Below it the product of two sums of up to 10,000 exponentials of +-1/t could exceed float32.
LOWEST_TEMPERATURE = 0.03


def circle_contrastive_loss(
    queries: Tensor,
    query_clean: Tensor,
    keys: Tensor,
    key_clean: Tensor,
    *,
    query_used: Tensor,
    key_used: Tensor,
    temperature: float,
) -> Tensor:
    """Circle loss between pixels of two regions (Eq. 2).

    For each query q: log(1 + sum_n exp(q.n / t) * sum_p exp(-q.p / t)), p and n the keys of q's own and of the other
    region; averaged over an image's queries.

    Args:
        queries: (B, Q, P), unit length, float32.
        query_clean: (B, Q) bool, which region: True = uncorrupted.
        keys: (B, K, P), unit length, float32.
        key_clean: (B, K) bool.
        query_used: (B, Q) bool; other places do not count.
        key_used: (B, K) bool; other places do not count.
        temperature: t, at least ``LOWEST_TEMPERATURE``.

    Returns:
        (B,): zero, with a graph, for an image without queries or without one of the regions.
    """
    # Cosines are bounded, so the sums need no shift (see LOWEST_TEMPERATURE); as products with the regions' indicators
    # they need no mask of the size of the Q x K matrix either.
    exponential = torch.exp(queries @ keys.transpose(1, 2) / temperature)
    regions = torch.stack([key_clean & key_used, ~key_clean & key_used], dim=2).to(exponential.dtype)
    attraction = exponential.reciprocal() @ regions
    repulsion = exponential @ regions
    own_sum = torch.where(query_clean, attraction[..., 0], attraction[..., 1])
    other_sum = torch.where(query_clean, repulsion[..., 1], repulsion[..., 0])
    loss = torch.log1p(own_sum * other_sum) * query_used
    return loss.sum(dim=1) / query_used.sum(dim=1).clamp(min=1)


def whole_patches(mask: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
    """Which patches of a mask lie wholly in one region.

    Args:
        mask: (B, 1, H, W), 1 = uncorrupted, H and W multiples of ``height`` and ``width``.
        height: Rows of patches.
        width: Columns of patches.

    Returns:
        Wholly uncorrupted and wholly corrupted patches, (B, 1, height, width) bool each.
    """
    kernel = (mask.shape[-2] // height, mask.shape[-1] // width)
    return -F.max_pool2d(-mask, kernel) > 0.5, F.max_pool2d(mask, kernel) < 0.5


@LOSS_REGISTRY.register()
class HCLContrastiveLoss(nn.Module):
    """Circle-contrastive loss of every stage of the mask hierarchy (Section 3.2, Eq. 2).

    A stage compares pixels that the next coarser stage left uncertain (at the coarsest stage all pixels), if their
    patch of the true mask lies completely in one region. Certain pixels of the coarser stage join as detached keys. The
    true mask is first resized to the finest stage's grid (nearest), so that a patch has 2**stage x 2**stage cells.

    Args:
        loss_weight: Weight of each stage's loss.
        temperature: t in Eq. 2.
        max_pixels: Largest number of pixels per stage and image; None takes all.
        max_representatives: Largest number of certain pixels of the coarser stage, per region and image, at least 4;
            None takes all.
        sample_selection: If False, every stage draws its pixels from the whole map, as the coarsest stage does, without
            certain pixels of the coarser stage (the ablation of Table 6).

    Raises:
        ValueError: If the temperature is below ``LOWEST_TEMPERATURE``, or a limit too low.
    """

    def __init__(
        self,
        *,
        loss_weight: float = 1.0,
        temperature: float = 0.1,
        max_pixels: Optional[int] = 512,
        max_representatives: Optional[int] = 256,
        sample_selection: bool = True,
    ) -> None:
        super().__init__()
        if temperature < LOWEST_TEMPERATURE:
            raise ValueError(f'temperature must be at least {LOWEST_TEMPERATURE}, got {temperature}.')
        check_at_least(1, max_pixels=max_pixels)
        check_at_least(4, max_representatives=max_representatives)
        self.loss_weight = loss_weight
        self.temperature = temperature
        self.max_pixels = max_pixels
        self.max_representatives = max_representatives
        self.sample_selection = sample_selection

    def forward(
        self,
        embeddings: Sequence[Tensor],
        stages: Sequence[StageMasks],
        mask: Tensor,
        generator: Optional[torch.Generator] = None,
        *,
        finest_cell: Optional[int] = None,
    ) -> Tensor:
        """Compute the loss of every stage.

        Args:
            embeddings: Of the stages, fine to coarse: (B, P, h, w), unit length along P.
            stages: The mask hierarchy found on them.
            mask: (B, 1, H, W), the true mask on the stages' padded grid, 1 = uncorrupted.
            generator: Source of the random choice of pixels.
            finest_cell: Side in pixels of a cell of the finest stage's grid; by default that of the first embedding,
                which is another's where the network embeds a coarser stage alone.

        Returns:
            (number of stages,), weighted, averaged over the batch, fine to coarse; their sum is the paper's loss.
        """
        cell = mask.shape[-1] // embeddings[0].shape[-1] if finest_cell is None else finest_cell
        mask = mask[..., ::cell, ::cell]
        # In float32 under autocast too: the exponentials of cosines over a small temperature need it.
        with torch.autocast(mask.device.type, enabled=False):
            losses = [self._stage_loss(embeddings, stages, mask, stage, generator) for stage in range(len(embeddings))]
        return self.loss_weight * torch.stack(losses)

    def _stage_loss(
        self,
        embeddings: Sequence[Tensor],
        stages: Sequence[StageMasks],
        mask: Tensor,
        stage: int,
        generator: Optional[torch.Generator],
    ) -> Tensor:
        embedding = embeddings[stage].float()
        clean, corrupted = whole_patches(mask, *embedding.shape[-2:])
        eligible = clean | corrupted
        coarser = stages[stage + 1] if self.sample_selection and stage + 1 < len(stages) else None
        if coarser is not None:
            known = coarser.upsampled('known_clean') + coarser.upsampled('known_corrupted')
            eligible = eligible & (known < 0.5)
        choice = random_pixels(eligible.flatten(1), self.max_pixels, generator)
        queries, query_clean = gather_pixels(embedding, choice), clean.flatten(1).gather(1, choice.position)
        keys, key_clean, key_used = [queries], [query_clean], [choice.used]
        if coarser is not None:
            for is_clean, region in ((True, coarser.certain_clean), (False, coarser.certain_corrupted)):
                pixels = representative_pixels(region, coarser.confidence, self.max_representatives)
                keys.append(gather_pixels(embeddings[stage + 1].detach().float(), pixels))
                key_clean.append(torch.full_like(pixels.used, is_clean))
                key_used.append(pixels.used)
        return circle_contrastive_loss(
            queries,
            query_clean,
            torch.cat(keys, dim=1),
            torch.cat(key_clean, dim=1),
            query_used=choice.used,
            key_used=torch.cat(key_used, dim=1),
            temperature=self.temperature,
        ).mean()
