from __future__ import annotations

import math
from typing import Optional

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from hcl_arch.archs.hcl.mask_hierarchy import StageMasks, detect_masks
from hcl_arch.losses import HCLContrastiveLoss
from hcl_arch.losses.hcl_contrastive_loss import circle_contrastive_loss, whole_patches


def naive_loss(queries: Tensor, query_clean: Tensor, keys: Tensor, key_clean: Tensor, temperature: float) -> float:
    """Eq. 2 averaged over the queries of one image, key by key in double precision; 0 without queries."""
    total = 0.0
    for query, is_clean in zip(queries.double(), query_clean):
        own = other = 0.0
        for key, key_is_clean in zip(keys.double(), key_clean):
            cosine = float(query @ key)
            if key_is_clean == is_clean:
                own += math.exp(-cosine / temperature)
            else:
                other += math.exp(cosine / temperature)
        total += math.log(1 + other * own)
    return total / max(len(queries), 1)


def loss_of(
    queries: Tensor,
    query_clean: Tensor,
    keys: Optional[Tensor] = None,
    key_clean: Optional[Tensor] = None,
    *,
    query_used: Optional[Tensor] = None,
    key_used: Optional[Tensor] = None,
    temperature: float = 0.1,
) -> Tensor:
    """The loss; the queries are the keys, and all are used, unless given otherwise."""
    if keys is None or key_clean is None:
        keys, key_clean = queries, query_clean
    all_queries = torch.ones_like(query_clean) if query_used is None else query_used
    all_keys = torch.ones_like(key_clean) if key_used is None else key_used
    return circle_contrastive_loss(queries, query_clean, keys, key_clean, query_used=all_queries, key_used=all_keys,
                                   temperature=temperature)  # fmt: skip


def unit_vectors(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return F.normalize(torch.randn(*shape, dtype=dtype), dim=-1)


class TestCircleLoss:
    def test_by_hand(self) -> None:
        pixels = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]])
        clean = torch.tensor([[True, False]])
        # For both pixels log(1 + exp(0 / t) * exp(-1 / t)).
        assert loss_of(pixels, clean, temperature=0.5).item() == pytest.approx(math.log(1 + math.exp(-2)))
        # With a second corrupted pixel (1, 0) the first has two negatives, 1 + e^2, and the others two positives each.
        pixels = torch.tensor([[[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]])
        clean = torch.tensor([[True, False, False]])
        e = math.exp
        terms = [(1 + e(2)) * e(-2), e(0) * (e(-2) + 1), e(2) * (e(-2) + 1)]
        expected = sum(math.log(1 + term) for term in terms) / 3
        assert loss_of(pixels, clean, temperature=0.5).item() == pytest.approx(expected)

    @pytest.mark.parametrize('temperature', [0.03, 0.1, 1.0])
    def test_equals_naive_double_loop(self, temperature: float) -> None:
        queries, keys = unit_vectors(3, 7, 4), unit_vectors(3, 11, 4)
        query_clean, key_clean, query_used, key_used = (torch.rand(3, n) < 0.6 for n in (7, 11, 7, 11))
        losses = loss_of(queries, query_clean, keys, key_clean, query_used=query_used, key_used=key_used,
                         temperature=temperature)  # fmt: skip
        assert losses.shape == (3,)
        for image in range(3):
            q, k = query_used[image], key_used[image]
            own = queries[image][q], query_clean[image][q], keys[image][k], key_clean[image][k]
            expected = naive_loss(*own, temperature)
            assert losses[image].item() == pytest.approx(expected, rel=1e-4)

    def test_gradcheck(self) -> None:
        query_clean = torch.tensor([[True, False, True], [False, False, True]])
        key_clean = torch.tensor([[True, False, True, False], [False, True, True, False]])
        used = torch.tensor([[True, True, True, False], [True, True, False, True]])

        def loss(queries: Tensor, keys: Tensor) -> Tensor:
            which = {'query_used': used[:, :3], 'key_used': used}
            return loss_of(queries, query_clean, keys, key_clean, **which, temperature=0.5)

        queries, keys = unit_vectors(2, 3, 4, dtype=torch.float64), unit_vectors(2, 4, 4, dtype=torch.float64)
        assert torch.autograd.gradcheck(loss, (queries.requires_grad_(), keys.requires_grad_()))

    def test_is_smaller_for_separated_regions(self) -> None:
        clean = torch.tensor([[True, True, False, False]])
        a, b = torch.tensor([1.0, 0.0]), torch.tensor([-1.0, 0.0])
        separated, mixed = torch.stack([a, a, b, b])[None], torch.stack([a, b, a, b])[None]
        assert loss_of(separated, clean).item() < 1e-6
        assert loss_of(mixed, clean).item() > 10

    @pytest.mark.parametrize('case', ['no queries', 'no keys', 'one region', 'nothing'])
    def test_edges_are_zero_with_a_graph(self, case: str) -> None:
        queries, keys = unit_vectors(2, 5, 4).requires_grad_(), unit_vectors(2, 6, 4).requires_grad_()
        clean = torch.ones(2, 6, dtype=torch.bool)
        if case != 'one region':
            clean[:, ::2] = False
        query_used = torch.full((2, 5), case not in ('no queries', 'nothing'))
        key_used = torch.full((2, 6), case not in ('no keys', 'nothing'))
        losses = loss_of(queries, clean[:, :5], keys, clean, query_used=query_used, key_used=key_used)
        assert losses.tolist() == [0.0, 0.0]
        losses.sum().backward()
        assert (queries.grad == 0).all()
        assert (keys.grad == 0).all()

    def test_no_places_at_all(self) -> None:
        empty = torch.zeros(2, 0, 4, requires_grad=True)
        losses = loss_of(empty, torch.zeros(2, 0, dtype=torch.bool))
        assert losses.tolist() == [0.0, 0.0]
        assert losses.requires_grad

    def test_worst_case_at_the_lowest_temperature_is_finite(self) -> None:
        # 10,000 keys, half of them positives as far as can be, half negatives at the query itself.
        keys = torch.tensor([[1.0, 0.0], [-1.0, 0.0]]).repeat(5000, 1)[None].requires_grad_()
        key_clean = torch.tensor([False, True]).repeat(5000)[None]
        query = torch.tensor([[[1.0, 0.0]]], requires_grad=True)
        loss = loss_of(query, torch.tensor([[True]]), keys, key_clean, temperature=0.03)
        assert loss.item() == pytest.approx(2 * (math.log(5000) + 1 / 0.03), rel=1e-5)
        loss.sum().backward()
        assert query.grad.isfinite().all()
        assert keys.grad.isfinite().all()


def test_whole_patches_by_hand() -> None:
    mask = torch.tensor([[1, 1, 1, 0], [1, 1, 1, 1], [0, 0, 0, 0], [0, 0, 1, 0.0]]).view(1, 1, 4, 4)
    clean, corrupted = whole_patches(mask, 2, 2)
    assert clean[0, 0].tolist() == [[True, False], [False, False]]
    assert corrupted[0, 0].tolist() == [[False, False], [True, False]]
    clean, corrupted = whole_patches(mask, 4, 4)
    assert torch.equal(clean, mask > 0.5)
    assert torch.equal(corrupted, mask < 0.5)
    # Patches need not be square.
    assert whole_patches(mask, 2, 4)[0][0, 0].tolist() == [[True, True, True, False], [False] * 4]


def embeddings_stages_mask(batch: int = 2) -> tuple[list[Tensor], list[StageMasks], Tensor]:
    blobs = torch.randn(batch, 1, 4, 4)
    mask = (F.interpolate(blobs, size=(32, 32), mode='bilinear', align_corners=False) > 0).float()
    embeddings = []
    for stage in range(3):
        target = F.interpolate(mask, size=(16 >> stage, 16 >> stage), mode='nearest')
        values = torch.cat([target, 1 - target, torch.zeros(batch, 4, *target.shape[-2:])], dim=1)
        embeddings.append(F.normalize(values + 0.4 * torch.randn_like(values), dim=1).requires_grad_())
    return embeddings, hierarchy(embeddings, mask), mask


def hierarchy(embeddings: list[Tensor], mask: Tensor) -> list[StageMasks]:
    shares = (1.0, 0.95, 0.95)
    return detect_masks(embeddings, conf_thresholds=shares, temperature=0.1, kmeans_iters=3, true_mask=mask)


def stage_oracle(
    embeddings: list[Tensor], stages: list[StageMasks], mask: Tensor, stage: int, temperature: float
) -> float:
    """A stage's loss without limits, image by image and pixel by pixel."""
    losses = []
    size = embeddings[stage].shape[-1]
    mask = F.interpolate(mask, size=embeddings[0].shape[-2:], mode='nearest')
    patch = mask.shape[-1] // size
    for image in range(mask.shape[0]):
        queries, query_clean = [], []
        for row in range(size):
            for column in range(size):
                truth = mask[image, 0, row * patch : (row + 1) * patch, column * patch : (column + 1) * patch]
                coarser = stages[stage + 1] if stage < 2 else None
                above = (image, 0, row // 2, column // 2)
                known = coarser is not None and coarser.known_clean[above] + coarser.known_corrupted[above] > 0
                if not known and truth.min() == truth.max():
                    queries.append(embeddings[stage][image, :, row, column])
                    query_clean.append(bool(truth.min()))
        keys, key_clean = list(queries), list(query_clean)
        if stage < 2:
            for name in ('certain_clean', 'certain_corrupted'):
                for row, column in getattr(stages[stage + 1], name)[image, 0].nonzero().tolist():
                    keys.append(embeddings[stage + 1][image, :, row, column])
                    key_clean.append(name == 'certain_clean')
        losses.append(naive_loss(torch.stack(queries), torch.tensor(query_clean), torch.stack(keys),
                                 torch.tensor(key_clean), temperature))  # fmt: skip
    return sum(losses) / len(losses)


class TestHierarchicalLoss:
    @pytest.mark.parametrize('temperature', [0.1, 0.5])
    @torch.no_grad()
    def test_without_limits_equals_slow_oracle(self, temperature: float) -> None:
        embeddings, stages, mask = embeddings_stages_mask()
        loss = HCLContrastiveLoss(temperature=temperature, max_pixels=None, max_representatives=None)
        expected = [stage_oracle(embeddings, stages, mask, stage, temperature) for stage in range(3)]
        assert loss(embeddings, stages, mask).tolist() == pytest.approx(expected, rel=1e-4)

    def test_limits_that_nothing_reaches_change_nothing(self) -> None:
        embeddings, stages, mask = embeddings_stages_mask()
        unlimited = HCLContrastiveLoss(max_pixels=None, max_representatives=None)(embeddings, stages, mask)
        limited = HCLContrastiveLoss(max_pixels=255, max_representatives=1024)(embeddings, stages, mask)
        torch.testing.assert_close(limited, unlimited)

    def test_limits_matter_and_a_generator_decides(self) -> None:
        embeddings, stages, mask = embeddings_stages_mask()
        loss = HCLContrastiveLoss(max_pixels=10, max_representatives=8)
        first, again, other = (
            loss(embeddings, stages, mask, torch.Generator().manual_seed(seed)).tolist() for seed in (1, 1, 2)
        )
        assert first == again
        assert first != other

    def test_loss_weight(self) -> None:
        embeddings, stages, mask = embeddings_stages_mask()
        one = HCLContrastiveLoss(loss_weight=1.0, max_pixels=None)(embeddings, stages, mask)
        torch.testing.assert_close(
            HCLContrastiveLoss(loss_weight=0.3, max_pixels=None)(embeddings, stages, mask), 0.3 * one
        )

    def test_lowest_temperature(self) -> None:
        HCLContrastiveLoss(temperature=0.03)
        with pytest.raises(ValueError, match=r'temperature must be at least 0.03, got 0.02'):
            HCLContrastiveLoss(temperature=0.02)

    def test_coarser_stages_pixels_are_detached(self) -> None:
        embeddings, stages, mask = embeddings_stages_mask()
        HCLContrastiveLoss()(embeddings, stages, mask)[0].backward()
        assert (embeddings[0].grad != 0).any()
        for coarser in embeddings[1:]:
            assert coarser.grad is None or (coarser.grad == 0).all()

    def test_only_pixels_left_uncertain_in_whole_patches_learn(self) -> None:
        embeddings, stages, mask = embeddings_stages_mask()
        HCLContrastiveLoss(max_pixels=None)(embeddings, stages, mask)[1].backward()
        clean, corrupted = whole_patches(mask[..., ::2, ::2], 8, 8)
        known = stages[2].upsampled('known_clean') + stages[2].upsampled('known_corrupted')
        expected = (clean | corrupted) & (known == 0)
        assert torch.equal((embeddings[1].grad != 0).any(dim=1, keepdim=True), expected)
        assert 0 < expected.float().mean() < 1

    @pytest.mark.parametrize('truth', [0.0, 1.0])
    def test_image_of_one_region_is_zero_with_finite_gradients(self, truth: float) -> None:
        embeddings, stages, mask = embeddings_stages_mask()
        mask[0] = truth
        stages = hierarchy(embeddings, mask)
        losses = HCLContrastiveLoss()(embeddings, stages, mask)
        losses.sum().backward()
        assert losses.isfinite().all()
        assert (embeddings[2].grad[0] == 0).all()
        assert (embeddings[2].grad[1] != 0).any()
        assert all(embedding.grad.isfinite().all() for embedding in embeddings)

    def test_labels_are_those_of_the_finest_stages_grid(self) -> None:
        embeddings, stages, mask = embeddings_stages_mask()
        loss = HCLContrastiveLoss(max_pixels=None, max_representatives=None)
        expected = loss(embeddings, stages, mask[..., ::2, ::2])
        # What lies between the grid's points counts for nothing.
        mask[..., 1::2, :] = mask[..., 1::2] = 0.5
        assert torch.equal(loss(embeddings, stages, mask), expected)
        assert torch.equal(loss(embeddings, stages, mask, finest_cell=2), expected)

    def test_a_coarser_stage_alone_judges_patches_of_the_finest_grid(self) -> None:
        embeddings, stages, mask = embeddings_stages_mask()
        loss = HCLContrastiveLoss(max_pixels=None)
        all_stages = loss(embeddings, stages, mask)
        alone = loss(embeddings[2:], stages[2:], mask, finest_cell=2)
        torch.testing.assert_close(alone, all_stages[2:])
        assert not torch.allclose(loss(embeddings[2:], stages[2:], mask), alone)

    def test_nothing_eligible_is_zero_with_a_graph(self) -> None:
        embeddings, stages, _ = embeddings_stages_mask()
        checkerboard = (torch.arange(32)[:, None] // 2 + torch.arange(32)[None] // 2) % 2
        mask = checkerboard.float().expand(2, 1, 32, 32)
        losses = HCLContrastiveLoss()(embeddings[1:], stages[1:], mask, finest_cell=2)
        assert losses.tolist() == [0.0, 0.0]
        losses.sum().backward()
        assert all((embedding.grad == 0).all() for embedding in embeddings[1:])

    def test_is_computed_in_float32_under_autocast(self) -> None:
        embeddings, stages, mask = embeddings_stages_mask()
        loss = HCLContrastiveLoss(max_pixels=None)
        expected = loss(embeddings, stages, mask)
        with torch.autocast('cpu', dtype=torch.bfloat16):
            torch.testing.assert_close(loss(embeddings, stages, mask), expected)
