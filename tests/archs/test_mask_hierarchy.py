from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from hcl_arch.archs.hcl.mask_hierarchy import (
    StageMasks,
    certain_pixels,
    detect_masks,
    erode,
    swap_by_coarser_centers,
    swap_by_mask,
    swap_by_score,
)

OPTIONS: dict[str, Any] = {'conf_thresholds': (1.0, 0.95, 0.9), 'temperature': 0.1, 'kmeans_iters': 30}
BINARY_MAPS = ('certain_clean', 'certain_corrupted', 'known_clean', 'known_corrupted', 'mask')

# ---------------------------------------------------------------- the oracle: METHOD.md's five steps, pixel by pixel


def oracle_weights(point: NDArray, centers: list[NDArray], temperature: float) -> NDArray:
    exponentials = np.array([math.exp(-(1 - point @ center) / temperature) for center in centers])
    return exponentials / exponentials.sum()


def oracle_two_means(points: list[NDArray], rng: np.random.Generator, temperature: float) -> list[NDArray]:
    first = points[rng.integers(len(points))]
    centers = [first, min(points, key=lambda point: point @ first)]
    for _ in range(30):
        weights = [oracle_weights(point, centers, temperature) for point in points]
        sums = [sum(weight[k] * point for weight, point in zip(weights, points)) for k in range(2)]
        centers = [total / np.linalg.norm(total) for total in sums]
    return centers


def oracle_certain(confidence: NDArray, share: float) -> tuple[NDArray, NDArray]:
    """Surest share of each cluster's pixels, without the inner border of the two sets."""
    height, width = confidence.shape
    regions = []
    for is_member, sign in ((confidence >= 0.5, -1), (confidence < 0.5, 1)):
        members = sorted(zip(*np.nonzero(is_member)), key=lambda position: sign * confidence[position])
        chosen = set(members[: math.floor(share * len(members))])
        region = np.zeros((height, width))
        for row, column in chosen:
            near = [(row + i, column + j) for i in (-1, 0, 1) for j in (-1, 0, 1)]
            inside_picture = [(y, x) for y, x in near if 0 <= y < height and 0 <= x < width]
            region[row, column] = all(position in chosen for position in inside_picture)
        regions.append(region)
    return regions[0], regions[1]


def oracle_hierarchy(
    embeddings: list[NDArray], true_mask: NDArray, rng: np.random.Generator
) -> list[dict[str, NDArray]]:
    """The stages of one image, fine to coarse, from embeddings (P, h, w) and the true mask (H, W)."""
    stages: list[dict[str, NDArray]] = []
    for index in reversed(range(len(embeddings))):
        embedding = embeddings[index].astype(np.float64)
        height, width = embedding.shape[1:]
        inherited = {name: np.kron(stages[0][name], np.ones((2, 2))) for name in ('known_clean', 'known_corrupted',
                     'soft_mask')} if stages else {}  # fmt: skip
        decided = inherited['known_clean'] + inherited['known_corrupted'] if stages else np.zeros((height, width))
        points = [embedding[:, y, x] for y, x in np.ndindex(height, width) if not decided[y, x]]
        centers = oracle_two_means(points, rng, OPTIONS['temperature'])
        if stages:
            # Each of the coarser stage's centres falls to one of these.
            straight = sum(a @ b for a, b in zip(stages[0]['centers'], centers))
            crosswise = sum(a @ b for a, b in zip(stages[0]['centers'], centers[::-1]))
            centers = centers if straight >= crosswise else centers[::-1]
        confidence = np.empty((height, width))
        for y, x in np.ndindex(height, width):
            confidence[y, x] = oracle_weights(embedding[:, y, x], centers, OPTIONS['temperature'])[0]
        if not stages:
            step = true_mask.shape[0] // height
            target = true_mask[::step, ::step]
            if np.abs(1 - confidence - target).mean() < np.abs(confidence - target).mean():
                centers, confidence = centers[::-1], 1 - confidence
        clean, corrupted = (region * (1 - decided) for region in oracle_certain(
            confidence, OPTIONS['conf_thresholds'][index]))  # fmt: skip
        stages.insert(0, {
            'centers': np.stack(centers),
            'confidence': confidence,
            'certain_clean': clean,
            'certain_corrupted': corrupted,
            'known_clean': clean + inherited.get('known_clean', 0),
            'known_corrupted': corrupted + inherited.get('known_corrupted', 0),
            'mask': np.where(decided, inherited.get('known_clean', 0), confidence >= 0.5).astype(float),
            'soft_mask': np.where(decided, inherited.get('soft_mask', 0), confidence),
        })  # fmt: skip
    return stages


# ---------------------------------------------------------------- synthetic embeddings


def two_cluster_embeddings(seed: int, batch: int, *, noise: float = 0.35) -> tuple[list[Tensor], Tensor]:
    """Embeddings of three stages with two noisy clusters laid out by a mask, and the mask (B, 1, 32, 32)."""
    size = 32
    generator = torch.Generator().manual_seed(seed)
    blobs = torch.randn(batch, 1, 4, 4, generator=generator)
    mask = (F.interpolate(blobs, size=(size, size), mode='bilinear', align_corners=False) > 0).float()
    ends = torch.linalg.qr(torch.randn(batch, 6, 2, generator=generator)).Q.transpose(1, 2)
    embeddings = []
    for stage in range(3):
        small = F.interpolate(mask, size=(size >> stage, size >> stage), mode='nearest')
        clean, corrupted = (ends[:, k].view(batch, 6, 1, 1) for k in range(2))
        values = torch.where(small > 0, clean, corrupted)
        values = values + noise * torch.randn(values.shape, generator=generator)
        embeddings.append(F.normalize(values, dim=1))
    return embeddings, mask


def assert_all_finite(stages: list[StageMasks]) -> None:
    for stage in stages:
        for name, values in stage._asdict().items():
            assert values.isfinite().all(), name


# ---------------------------------------------------------------- the whole hierarchy


@pytest.mark.parametrize(('seed', 'batch'), [(0, 1), (1, 1), (2, 3), (3, 2), (4, 1)])
def test_equals_slow_oracle(seed: int, batch: int) -> None:
    embeddings, mask = two_cluster_embeddings(seed, batch)
    stages = detect_masks(embeddings, true_mask=mask, kmeans_repeats=3, seed=seed, **OPTIONS)
    rng = np.random.default_rng(seed)
    for image in range(batch):
        expected = oracle_hierarchy([e[image].numpy() for e in embeddings], mask[image, 0].numpy(), rng)
        for stage in (2, 1, 0):
            for name in BINARY_MAPS:
                actual = getattr(stages[stage], name)[image, 0].numpy()
                np.testing.assert_array_equal(actual, expected[stage][name], err_msg=f'{name} of stage {stage}')
            for name in ('confidence', 'soft_mask'):
                actual = getattr(stages[stage], name)[image, 0].numpy()
                np.testing.assert_allclose(actual, expected[stage][name], atol=1e-4, err_msg=f'{name} of stage {stage}')
            np.testing.assert_allclose(stages[stage].centers[image].numpy(), expected[stage]['centers'], atol=1e-4)


def test_synthetic_data_leave_every_stage_something_to_decide() -> None:
    embeddings, mask = two_cluster_embeddings(2, 3)
    stages = detect_masks(embeddings, true_mask=mask, **OPTIONS)
    for stage in stages:
        known = (stage.known_clean + stage.known_corrupted).mean(dim=(1, 2, 3))
        assert ((known > 0.05) & (known < 0.98)).all()


@pytest.mark.parametrize('seed', [0, torch.tensor([5, 6, 7, 8])])
@pytest.mark.parametrize('oriented_by', ['mask', 'scorer'])
def test_image_does_not_depend_on_its_batch(seed: Any, oriented_by: str) -> None:
    embeddings, mask = two_cluster_embeddings(11, 4)

    def find(images: slice) -> list[StageMasks]:
        how = {'true_mask': mask[images]} if oriented_by == 'mask' else {'center_scorer': lambda c: c[..., 0]}
        own_seed = seed if isinstance(seed, int) else seed[images]
        return detect_masks([e[images] for e in embeddings], seed=own_seed, **how, **{**OPTIONS, 'kmeans_iters': 3})

    together = find(slice(None))
    for image in range(4):
        alone = find(slice(image, image + 1))
        for stage in range(3):
            for name, values in alone[stage]._asdict().items():
                torch.testing.assert_close(getattr(together[stage], name)[image], values[0], atol=1e-5, rtol=1e-5)


def share_found(stages: list[StageMasks], mask: Tensor) -> float:
    """Share of pixels at which the finest mask is right; a coarse stage sees a pixel of four, so not quite all are."""
    return float((stages[0].mask == mask).float().mean())


def test_finds_the_mask_of_clear_clusters() -> None:
    embeddings, mask = two_cluster_embeddings(3, 4, noise=0.05)
    for truth in (mask, 1 - mask):
        stages = detect_masks(embeddings, true_mask=truth, **{**OPTIONS, 'kmeans_iters': 3})
        assert share_found(stages, truth) > 0.97
        assert torch.equal(stages[2].mask, truth[..., ::4, ::4])


def test_scorer_decides_where_there_is_no_true_mask() -> None:
    embeddings, mask = two_cluster_embeddings(3, 4, noise=0.05)
    clean_center = detect_masks(embeddings, true_mask=mask, **OPTIONS)[-1].centers[:, :1]

    def scorer(centers: Tensor) -> Tensor:
        return (centers * clean_center).sum(dim=-1)

    assert share_found(detect_masks(embeddings, center_scorer=scorer, **OPTIONS), mask) > 0.97
    assert share_found(detect_masks(embeddings, center_scorer=lambda c: -scorer(c), **OPTIONS), 1 - mask) > 0.97
    # Where both are given, the mask decides.
    both = detect_masks(embeddings, center_scorer=lambda c: -scorer(c), true_mask=mask, **OPTIONS)
    assert share_found(both, mask) > 0.97


def test_has_no_gradient() -> None:
    embeddings, mask = two_cluster_embeddings(0, 1)
    stages = detect_masks([e.requires_grad_() for e in embeddings], true_mask=mask, **OPTIONS)
    assert not any(values.requires_grad for stage in stages for values in stage)


def test_errors() -> None:
    embeddings, mask = two_cluster_embeddings(0, 1)
    with pytest.raises(ValueError, match='either true_mask or center_scorer'):
        detect_masks(embeddings, **OPTIONS)
    with pytest.raises(ValueError, match='a share for each of 3 stages'):
        detect_masks(embeddings, true_mask=mask, conf_thresholds=(1.0, 0.9), temperature=0.1, kmeans_iters=1)


# ---------------------------------------------------------------- edges


@pytest.mark.parametrize('kmeans_repeats', [1, 3])
@pytest.mark.parametrize('share', [0.0, 0.5, 1.0])
def test_equal_embeddings_are_one_region(share: float, kmeans_repeats: int) -> None:
    # Of length 1 without rounding, so that every confidence is exactly one half.
    embeddings = [F.one_hot(torch.full((2, size, size), 3)).permute(0, 3, 1, 2).float() for size in (16, 8, 4)]
    stages = detect_masks(embeddings, true_mask=torch.zeros(2, 1, 16, 16), conf_thresholds=(share,) * 3,
                          temperature=0.1, kmeans_iters=3, kmeans_repeats=kmeans_repeats)  # fmt: skip
    for stage in stages:
        assert (stage.mask == 1).all()
        assert (stage.soft_mask == 0.5).all()
        assert (stage.known_clean == (1 if share > 0 else 0)).all()
        assert torch.equal(stage.centers, F.one_hot(torch.full((2, 2), 3)).float())


def test_nearly_equal_embeddings_are_finite() -> None:
    embeddings = [F.normalize(1 + 1e-7 * torch.randn(2, 6, size, size), dim=1) for size in (16, 8, 4)]
    assert_all_finite(detect_masks(embeddings, true_mask=torch.zeros(2, 1, 16, 16), **OPTIONS))


def test_stage_with_nothing_to_decide_hands_the_decisions_on() -> None:
    # Equal embeddings: the coarsest stage is certain of all (ties count), so the finer ones, random, decide nothing.
    generator = torch.Generator().manual_seed(0)
    fine = [F.normalize(torch.randn(1, 6, size, size, generator=generator), dim=1) for size in (16, 8)]
    coarsest = torch.zeros(1, 6, 4, 4)
    coarsest[:, 0] = 1
    stages = detect_masks([*fine, coarsest], true_mask=torch.ones(1, 1, 16, 16), **OPTIONS)
    assert_all_finite(stages)
    assert (stages[2].known_clean == 1).all()
    for stage in stages[:2]:
        assert torch.equal(stage.centers, stages[2].centers)
        assert (stage.mask == 1).all()
        assert (stage.certain_clean == 0).all()
        assert (stage.certain_corrupted == 0).all()
        assert (stage.soft_mask == stages[2].soft_mask[0, 0, 0, 0]).all()


def test_image_with_nothing_to_decide_beside_one_with_much() -> None:
    embeddings, mask = two_cluster_embeddings(1, 2)
    for embedding in embeddings:
        embedding[0] = embedding[0, :, :1, :1]
    alone = detect_masks([e[1:] for e in embeddings], true_mask=mask[1:], **OPTIONS)
    stages = detect_masks(embeddings, true_mask=mask, **OPTIONS)
    assert_all_finite(stages)
    for stage, expected in zip(stages, alone):
        for name in BINARY_MAPS:
            assert torch.equal(getattr(stage, name)[1:], getattr(expected, name))


def test_one_pixel_at_the_coarsest_stage() -> None:
    generator = torch.Generator().manual_seed(0)
    embeddings = [F.normalize(torch.randn(2, 6, size, size, generator=generator), dim=1) for size in (4, 2, 1)]
    for share in (0.0, 1.0):
        for truth in (0.0, 1.0):
            stages = detect_masks(embeddings, true_mask=torch.full((2, 1, 4, 4), truth), conf_thresholds=(1, 1, share),
                                  temperature=0.1, kmeans_iters=3)  # fmt: skip
            assert_all_finite(stages)
            torch.testing.assert_close(stages[2].confidence, torch.full((2, 1, 1, 1), 0.5))
            assert (stages[2].known_clean == share).all()


def test_nothing_is_nan_where_the_true_mask_has_one_region() -> None:
    embeddings, _ = two_cluster_embeddings(4, 2)
    for truth in (0.0, 1.0):
        assert_all_finite(detect_masks(embeddings, true_mask=torch.full((2, 1, 32, 32), truth), **OPTIONS))


@pytest.mark.parametrize('temperature', [0.01, 0.1, 10.0])
def test_maps_are_consistent(temperature: float) -> None:
    embeddings, mask = two_cluster_embeddings(8, 3)
    stages = detect_masks(embeddings, true_mask=mask, **{**OPTIONS, 'temperature': temperature})
    assert_all_finite(stages)
    for index, stage in enumerate(stages):
        assert (stage.known_clean + stage.known_corrupted <= 1).all()
        assert (stage.mask >= stage.known_clean).all()
        assert (stage.mask <= 1 - stage.known_corrupted).all()
        # The mask is the soft mask at one half.
        assert torch.equal(stage.mask, (stage.soft_mask >= 0.5).float())
        if index < 2:
            for name in ('known_clean', 'known_corrupted'):
                assert (getattr(stage, name) >= stages[index + 1].upsampled(name)).all()


# ---------------------------------------------------------------- parts


@pytest.mark.parametrize(
    ('share', 'clean', 'corrupted'),
    [
        (1.0, [1, 1, 1, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 1, 1, 1]),
        (0.75, [1, 1, 0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 1, 1]),
        (0.74, [1, 0, 0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0, 1]),  # 2.96 pixels are 2
        (0.25, [0, 0, 0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0, 0]),  # one pixel is all border
        (0.0, [0, 0, 0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0, 0]),
    ],
)
def test_certain_pixels_by_hand(share: float, clean: list[int], corrupted: list[int]) -> None:
    confidence = torch.tensor([0.95, 0.9, 0.8, 0.5, 0.4, 0.3, 0.2, 0.1]).view(1, 1, 1, 8)
    certain_clean, certain_corrupted = certain_pixels(confidence, share)
    assert certain_clean.flatten().tolist() == clean
    assert certain_corrupted.flatten().tolist() == corrupted


def test_certain_pixels_with_ties() -> None:
    confidence = torch.tensor([0.9, 0.9, 0.9, 0.9, 0.1, 0.1, 0.1, 0.2]).view(1, 1, 1, 8)
    clean, corrupted = certain_pixels(confidence, 0.5)
    # All four of 0.9 and all three of 0.1 tie with the second.
    assert clean.flatten().tolist() == [1, 1, 1, 0, 0, 0, 0, 0]
    assert corrupted.flatten().tolist() == [0, 0, 0, 0, 0, 1, 0, 0]


@pytest.mark.parametrize(('low', 'high'), [(0.5, 1.0), (0.0, 0.49)])
def test_certain_pixels_of_a_single_cluster(low: float, high: float) -> None:
    confidence = low + (high - low) * torch.rand(2, 1, 5, 5)
    own, other = certain_pixels(confidence, 1.0) if low else certain_pixels(confidence, 1.0)[::-1]
    assert (own == 1).all()
    assert (other == 0).all()
    assert all((region == 0).all() for region in certain_pixels(confidence, 0.0))
    # Not even where all tie.
    assert all((region == 0).all() for region in certain_pixels(torch.full((1, 1, 3, 3), low), 0.0))


@pytest.mark.parametrize('share', [0.0, 0.1, 0.5, 0.95, 1.0])
def test_certain_pixels_equal_slow_oracle(share: float) -> None:
    confidence = F.interpolate(torch.rand(4, 1, 4, 5), scale_factor=4, mode='bicubic').clamp(0.01, 0.99)
    confidence = confidence + 0.001 * torch.rand_like(confidence)
    clean, corrupted = certain_pixels(confidence, share)
    for image in range(4):
        expected = oracle_certain(confidence[image, 0].numpy(), share)
        np.testing.assert_array_equal(clean[image, 0].numpy(), expected[0])
        np.testing.assert_array_equal(corrupted[image, 0].numpy(), expected[1])


def test_pictures_edge_is_no_border() -> None:
    assert torch.equal(erode(torch.ones(1, 1, 3, 4)), torch.ones(1, 1, 3, 4))
    region = torch.tensor([[1, 1, 1, 0], [1, 1, 1, 0], [1, 1, 1, 0], [1, 1, 1, 1.0]]).view(1, 1, 4, 4)
    assert erode(region)[0, 0].tolist() == [[1, 1, 0, 0], [1, 1, 0, 0], [1, 1, 0, 0], [1, 1, 0, 0]]


def test_swap_by_mask_by_hand() -> None:
    confidence = torch.tensor([[0.9, 0.8], [0.1, 0.6]]).view(2, 1, 1, 2)
    mask = torch.tensor([[1.0, 1.0], [1.0, 0.0]]).view(2, 1, 1, 2)
    # Distances 0.15 against 0.85, and 0.75 against 0.25.
    assert swap_by_mask(confidence, mask).tolist() == [False, True]
    assert swap_by_mask(confidence, 1 - mask).tolist() == [True, False]


def test_swap_by_mask_resizes_by_nearest_neighbour() -> None:
    mask = torch.zeros(1, 1, 4, 4)
    mask[..., ::2, ::2] = 1
    assert swap_by_mask(torch.full((1, 1, 2, 2), 0.9), mask).tolist() == [False]


def test_swap_by_score() -> None:
    centers = torch.tensor([[[1.0], [2.0]], [[2.0], [1.0]], [[1.0], [1.0]]])
    assert swap_by_score(centers, lambda c: c[..., 0]).tolist() == [True, False, False]


def test_swap_by_coarser_centers() -> None:
    coarser = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]])
    near = F.normalize(torch.tensor([[[1.0, 0.3], [0.8, 1.0]]]), dim=-1)
    assert swap_by_coarser_centers(near, coarser).tolist() == [False]
    assert swap_by_coarser_centers(near.flip(1), coarser).tolist() == [True]
    assert swap_by_coarser_centers(torch.zeros(1, 2, 2), coarser).tolist() == [False]
