"""The mask hierarchy: from embeddings of three stages to masks, coarse to fine (Section 3.2).

Pure functions on a whole batch, without loops over images or pixels, without device synchronisation, and without
gradients.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Optional, Union

import torch
import torch.nn.functional as F
from torch import Tensor

from hcl_arch.archs.hcl.spherical_kmeans import cluster_weights, spherical_two_means, weighted_centers
from hcl_arch.archs.image_form import binary_mask
from hcl_arch.archs.layers.exporting import exact, exact_dtype, twice_as_large, without_autocast

# Logits that a centre is the uncorrupted one: (B, 2, P) -> (B, 2).
CenterScorer = Callable[[Tensor], Tensor]


class StageMasks(NamedTuple):
    """Result of one stage; maps are (B, 1, h, w), and binary maps have 1 = true."""

    centers: Tensor
    """(B, 2, P), unit length; 0: of the uncorrupted cluster, 1: of the corrupted one."""
    confidence: Tensor
    """Weight of every pixel for the uncorrupted cluster of this stage, in [0, 1]."""
    certain_clean: Tensor
    """Pixels that this stage is certain are uncorrupted."""
    certain_corrupted: Tensor
    """Pixels that this stage is certain are corrupted."""
    known_clean: Tensor
    """Pixels that this or a coarser stage is certain are uncorrupted."""
    known_corrupted: Tensor
    """Pixels that this or a coarser stage is certain are corrupted."""
    mask: Tensor
    """The mask, 1 = uncorrupted, 0 = corrupted."""
    soft_mask: Tensor
    """Confidence of the stage that decided the pixel, in [0, 1]."""

    def upsampled(self, name: str) -> Tensor:
        """The named map at the next finer stage's size (nearest, as in a quadtree)."""
        return twice_as_large(getattr(self, name), 'nearest')


@torch.no_grad()
def detect_masks(
    embeddings: Sequence[Tensor],
    *,
    conf_thresholds: Sequence[float],
    temperature: float,
    kmeans_iters: int,
    kmeans_repeats: int = 1,
    true_mask: Optional[Tensor] = None,
    center_scorer: Optional[CenterScorer] = None,
    seed: Union[int, Tensor] = 0,
) -> list[StageMasks]:
    """Find the mask of every stage.

    Args:
        embeddings: Of the stages, fine to coarse: (B, P, h, w), unit length along P, each half the size of the one
            before.
        conf_thresholds: Of the stages, fine to coarse: the share of each cluster's pixels that a stage is certain of.
        temperature: Softness of the clusters.
        kmeans_iters: Rounds of the k-means.
        kmeans_repeats: Starts of the k-means.
        true_mask: (B, 1, H, W), 1 = uncorrupted; tells at the coarsest stage which cluster is the uncorrupted one.
        center_scorer: Tells the same where there is no true mask.
        seed: Chooses the starts of the k-means: one number for all images or one for each, (B,) int64.

    Returns:
        The stages, fine to coarse.

    Raises:
        ValueError: If neither ``true_mask`` nor ``center_scorer`` is given, or the thresholds do not fit the stages.
    """
    if true_mask is None and center_scorer is None:
        raise ValueError('detect_masks needs either true_mask or center_scorer to tell which cluster is uncorrupted.')
    if len(conf_thresholds) != len(embeddings):
        raise ValueError(f'conf_thresholds must name a share for each of {len(embeddings)} stages: {conf_thresholds}.')
    stages: list[StageMasks] = []
    # In float32 under autocast too: rankings of confidences need it.
    with without_autocast(embeddings[0]):
        for stage in reversed(range(len(embeddings))):
            coarser = stages[0] if stages else None
            points = exact(embeddings[stage].detach()).flatten(2).transpose(1, 2)
            undecided = _undecided(embeddings[stage], coarser)
            centers = spherical_two_means(
                points,
                undecided.flatten(1),
                temperature=temperature,
                iterations=kmeans_iters,
                repeats=kmeans_repeats,
                seed=seed,
            )
            centers, confidence = _oriented(points, centers, undecided, coarser, temperature, true_mask, center_scorer)
            stages.insert(0, _decide(centers, confidence, undecided, conf_thresholds[stage], coarser))
    return stages


@torch.no_grad()
def masks_of_logits(embeddings: Sequence[Tensor], logits: Sequence[Tensor]) -> list[StageMasks]:
    """Stages whose masks come from classified pixels: no stage is certain of any, each decides all of them.

    Args:
        embeddings: Of the stages: (B, P, h, w), unit length along P.
        logits: Of the same stages: (B, 1, h, w), that a pixel is uncorrupted.

    Returns:
        The stages, in the same order; ``centers`` are the pixels' normalised sums weighted by the confidences.
    """
    stages = []
    for embedding, stage_logits in zip(embeddings, logits):
        confidence = exact(stage_logits.detach()).sigmoid()
        weights = confidence.flatten(2).transpose(1, 2)
        points = exact(embedding.detach()).flatten(2).transpose(1, 2)
        zero = torch.zeros_like(confidence)
        stages.append(
            StageMasks(
                centers=weighted_centers(points, torch.cat([weights, 1 - weights], dim=2)),
                confidence=confidence,
                certain_clean=zero,
                certain_corrupted=zero,
                known_clean=zero,
                known_corrupted=zero,
                mask=binary_mask(confidence),
                soft_mask=confidence,
            )
        )
    return stages


def _undecided(embedding: Tensor, coarser: Optional[StageMasks]) -> Tensor:
    """(B, 1, h, w): 1 where no coarser stage was certain."""
    if coarser is None:
        return embedding.new_ones(embedding.shape[0], 1, *embedding.shape[-2:], dtype=exact_dtype(embedding))
    return 1 - coarser.upsampled('known_clean') - coarser.upsampled('known_corrupted')


def _oriented(
    points: Tensor,
    centers: Tensor,
    undecided: Tensor,
    coarser: Optional[StageMasks],
    temperature: float,
    true_mask: Optional[Tensor],
    center_scorer: Optional[CenterScorer],
) -> tuple[Tensor, Tensor]:
    """The centres with the uncorrupted one first, and every pixel's confidence, (B, 1, h, w)."""
    confidence = cluster_weights(points, centers, temperature=temperature)[..., 0].view_as(undecided)
    if coarser is not None:
        # A stage with nothing left to decide found no centres: it hands on the coarser stage's.
        found = undecided.flatten(1).any(dim=1).view(-1, 1, 1)
        swap = swap_by_coarser_centers(centers, coarser.centers)
        centers = torch.where(found, centers, coarser.centers)
    elif true_mask is not None:
        swap = swap_by_mask(confidence, true_mask)
    else:
        assert center_scorer is not None
        swap = swap_by_score(centers, center_scorer)
    centers = torch.where(swap.view(-1, 1, 1), centers.flip(1), centers)
    return centers, torch.where(swap.view(-1, 1, 1, 1), 1 - confidence, confidence)


def swap_by_mask(confidence: Tensor, true_mask: Tensor) -> Tensor:
    """Whether the second cluster fits the true mask better in L1 than the first.

    Args:
        confidence: (B, 1, h, w), weight for the first cluster.
        true_mask: (B, 1, H, W), resized by nearest neighbour.

    Returns:
        (B,) bool.
    """
    target = F.interpolate(true_mask.to(confidence.dtype), size=confidence.shape[-2:], mode='nearest')
    return (confidence - target).abs().mean(dim=(1, 2, 3)) > 0.5


def swap_by_score(centers: Tensor, center_scorer: CenterScorer) -> Tensor:
    """Whether the second centre (B, 2, P) has the larger logit: (B,) bool."""
    logits = center_scorer(centers)
    return logits[:, 1] > logits[:, 0]


def swap_by_coarser_centers(centers: Tensor, coarser_centers: Tensor) -> Tensor:
    """Whether the coarser stage's oriented centres fall to these centres crosswise.

    Args:
        centers: (B, 2, P), in any order.
        coarser_centers: (B, 2, P), the uncorrupted one first.

    Returns:
        (B,) bool: the sum of cosines is larger crosswise than straight.
    """
    cosine = coarser_centers @ centers.transpose(-1, -2)
    return cosine[:, 0, 1] + cosine[:, 1, 0] > cosine[:, 0, 0] + cosine[:, 1, 1]


def certain_pixels(confidence: Tensor, share: float) -> tuple[Tensor, Tensor]:
    """The surest share of each cluster's pixels, without the inner border of the two regions that they form.

    Of the pixels with confidence >= 0.5 the ``share`` (rounded down to whole pixels) with the highest, of the others
    the same share with the lowest; pixels that tie with the last one count as well. The picture's edge is no border.

    Args:
        confidence: (B, 1, h, w) in [0, 1].
        share: In [0, 1].

    Returns:
        Certainly uncorrupted and certainly corrupted pixels, two float maps of 0 and 1 of the same shape.
    """
    clean = confidence >= 0.5
    values, _ = confidence.flatten(1).sort(dim=1)
    total = values.shape[1]
    n_clean = clean.flatten(1).sum(dim=1, keepdim=True)
    # Apple's GPUs have no float64; whole numbers of pixels up to 2**24 are exact without.
    exact = torch.float32 if n_clean.device.type == 'mps' else torch.float64
    keep_clean = (n_clean.to(exact) * share).floor().long()
    keep_corrupted = ((total - n_clean).to(exact) * share).floor().long()
    lowest_clean = values.gather(1, (total - keep_clean).clamp(0, total - 1)).view(-1, 1, 1, 1)
    highest_corrupted = values.gather(1, (keep_corrupted - 1).clamp(0, total - 1)).view(-1, 1, 1, 1)
    certain_clean = clean & (confidence >= lowest_clean) & (keep_clean > 0).view(-1, 1, 1, 1)
    certain_corrupted = ~clean & (confidence <= highest_corrupted) & (keep_corrupted > 0).view(-1, 1, 1, 1)
    return erode(certain_clean.to(confidence.dtype)), erode(certain_corrupted.to(confidence.dtype))


def erode(region: Tensor) -> Tensor:
    """Take a region's inner border away: 3x3 minimum of (B, 1, h, w), pixels outside the picture not counting."""
    return -F.max_pool2d(-region, 3, stride=1, padding=1)


def _decide(
    centers: Tensor, confidence: Tensor, undecided: Tensor, share: float, coarser: Optional[StageMasks]
) -> StageMasks:
    certain_clean, certain_corrupted = (region * undecided for region in certain_pixels(confidence, share))
    if coarser is None:
        zero = torch.zeros_like(confidence)
        known_clean, known_corrupted, coarser_soft_mask = zero, zero, zero
    else:
        known_clean, known_corrupted = coarser.upsampled('known_clean'), coarser.upsampled('known_corrupted')
        coarser_soft_mask = coarser.upsampled('soft_mask')
    return StageMasks(
        centers=centers,
        confidence=confidence,
        certain_clean=certain_clean,
        certain_corrupted=certain_corrupted,
        known_clean=known_clean + certain_clean,
        known_corrupted=known_corrupted + certain_corrupted,
        mask=known_clean + undecided * binary_mask(confidence),
        soft_mask=torch.where(undecided > 0, confidence, coarser_soft_mask),
    )
