from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from basicsr.losses import build_loss
from skimage.metrics import structural_similarity
from torch import Tensor

from hcl_arch.archs.baselines import BVMR, SplitThenRefine
from hcl_arch.archs.baselines.watermark_remover import WatermarkOutput
from hcl_arch.losses.baselines import BVMRLoss, SplitThenRefineLoss
from hcl_arch.losses.baselines.ssim import ssim_map
from hcl_arch.losses.baselines.watermark_terms import area_l1

SIDE = 12
HOLE_AREA = 3 * 4


def made_output(pictures: list[float], *, watermark: float | None = None, confidence: float = 0.8) -> WatermarkOutput:
    """Uniform pictures of these values, and a uniform soft mask."""

    def filled(value: float, channels: int = 3) -> Tensor:
        return torch.full((2, channels, SIDE, SIDE), value)

    soft_mask = filled(confidence, 1)
    padded_logits = torch.full((2, 1, 16, 16), math.log(confidence / (1 - confidence)))
    padded_logits[..., SIDE:] = -100  # the padding must not count
    painted = [filled(value) for value in pictures]
    return WatermarkOutput(
        restored=painted[0],
        coarse=painted[-1],
        mask=torch.ones_like(soft_mask),
        soft_mask=soft_mask,
        mask_logits=[padded_logits],
        painted=painted,
        watermark=None if watermark is None else filled(watermark),
    )


@pytest.fixture
def mask() -> Tensor:
    mask = torch.ones(2, 1, SIDE, SIDE)
    mask[..., 2:5, 4:8] = 0
    return mask


def filled(value: float) -> Tensor:
    return torch.full((2, 3, SIDE, SIDE), value)


def cross_entropy(confidence: float) -> float:
    share = HOLE_AREA / SIDE**2
    return -share * math.log(1 - confidence) - (1 - share) * math.log(confidence)


class TestAreaL1:
    def test_against_a_loop_over_images(self) -> None:
        image, truth, hole = torch.rand(3, 3, 4, 5), torch.rand(3, 3, 4, 5), torch.rand(3, 1, 4, 5)
        expected = [
            sum(
                hole[b, 0, y, x].item() * abs(image[b, c, y, x].item() - truth[b, c, y, x].item())
                for c in range(3)
                for y in range(4)
                for x in range(5)
            )
            / hole[b].sum().item()
            for b in range(3)
        ]
        assert area_l1(image, truth, hole).item() == pytest.approx(sum(expected) / 3, rel=1e-5)

    def test_image_without_a_hole_counts_as_nothing(self) -> None:
        image = torch.rand(2, 3, 4, 4, requires_grad=True)
        hole = torch.zeros(2, 1, 4, 4)
        hole[0, :, 1, 1] = 1
        loss = area_l1(image, torch.zeros(2, 3, 4, 4), hole)
        assert loss.item() == pytest.approx(image[0, :, 1, 1].sum().item() / 2)
        loss.backward()
        assert image.grad is not None
        assert image.grad.isfinite().all()
        assert not image.grad[1].any()


class TestSSIM:
    def test_against_skimage_away_from_the_border(self) -> None:
        first, second = torch.rand(1, 3, 32, 30), torch.rand(1, 3, 32, 30)
        second = 0.6 * first + 0.4 * second
        arrays = [each[0].permute(1, 2, 0).double().numpy() for each in (first, second)]
        _, expected = structural_similarity(
            *arrays,
            data_range=1,
            channel_axis=2,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            full=True,
        )
        found = ssim_map(first.double(), second.double())[0].permute(1, 2, 0).numpy()
        np.testing.assert_allclose(found[5:-5, 5:-5], expected[5:-5, 5:-5], atol=1e-6)

    def test_of_an_image_with_itself(self) -> None:
        image = torch.rand(2, 3, 16, 16)
        torch.testing.assert_close(ssim_map(image, image), torch.ones_like(image))

    def test_gradient(self) -> None:
        image = torch.rand(1, 1, 3, 4, dtype=torch.double, requires_grad=True)
        assert torch.autograd.gradcheck(ssim_map, (image, torch.rand(1, 1, 3, 4, dtype=torch.double)))


class TestSplitThenRefineLoss:
    def test_terms_by_hand(self, mask: Tensor) -> None:
        output = made_output([0.5, 0.75], watermark=0.25)
        losses = SplitThenRefineLoss(perceptual_weight=0)(output, filled(0.25), mask, filled(0.75))
        share = HOLE_AREA / SIDE**2

        def weighted(value: float, truth: float) -> float:
            """Mean of abs(value p - truth m), with p = 0.2 everywhere."""
            return share * abs(0.2 * value - truth) + (1 - share) * 0.2 * value

        pixel = sum(3 * (value - 0.25) + weighted(value, 0.25) + share * (value - 0.25) for value in (0.5, 0.75))
        assert losses['l_pixel'].item() == pytest.approx(2 * pixel, rel=1e-5)
        assert losses['l_mask'].item() == pytest.approx(cross_entropy(0.8), rel=1e-5)
        assert losses['l_watermark'].item() == pytest.approx(3 * 0.5 + weighted(0.25, 0.75), rel=1e-5)
        repainted = [torch.where(mask == 1, filled(0.25), filled(value)) for value in (0.5, 0.75)]
        ssim = sum(1 - ssim_map(picture, filled(0.25)).mean().item() for picture in repainted)
        assert losses['l_ssim'].item() == pytest.approx(0.15 * ssim, rel=1e-4)
        assert set(losses) == {'l_pixel', 'l_mask', 'l_watermark', 'l_ssim'}

    def test_perfect_output_costs_nothing(self, mask: Tensor) -> None:
        truth = torch.rand(2, 3, SIDE, SIDE)
        output = made_output([0.0, 0.0], watermark=0.0)._replace(painted=[truth, truth], soft_mask=mask)
        losses = SplitThenRefineLoss(perceptual_weight=0)(output, truth, mask, torch.zeros_like(truth))
        for term in ('l_pixel', 'l_watermark', 'l_ssim'):
            assert losses[term].item() == pytest.approx(0, abs=1e-6)

    def test_weights(self, mask: Tensor) -> None:
        output, truth, names = (
            made_output([0.5, 0.75], watermark=0.25),
            filled(0.25),
            ('pixel', 'mask', 'watermark', 'ssim'),
        )
        ones = {f'{name}_weight': 1.0 for name in names}
        plain = SplitThenRefineLoss(perceptual_weight=0, **ones)(output, truth, mask, truth + 0.1)
        weights = {f'{name}_weight': float(index + 2) for index, name in enumerate(names)}
        loss = SplitThenRefineLoss(loss_weight=0.5, perceptual_weight=0, **weights)
        for term, value in loss(output, truth, mask, truth + 0.1).items():
            factor = 0.5 * weights[f'{term.replace("l_", "")}_weight']
            assert value.item() == pytest.approx(factor * plain[term].item(), rel=1e-5)

    def test_perception_looks_at_the_hole_only(self, mask: Tensor) -> None:
        options = {'type': 'SplitThenRefineLoss', 'vgg_weights': 'random'}
        loss, truth = build_loss(options), torch.rand(2, 3, 16, 16)
        mask = F.pad(mask, (0, 4, 0, 4), value=1.0)
        good, other = truth.clone(), truth + (1 - mask) * 0.3
        good[mask.expand_as(good) == 1] = 0  # outside the hole nothing counts
        output = made_output([0.0])._replace(soft_mask=mask, watermark=None)
        near, far = (loss(output._replace(painted=[each]), truth, mask)['l_percep'].item() for each in (good, other))
        assert near == pytest.approx(0, abs=1e-6)
        assert far > 1e-4

    @pytest.mark.parametrize('truth_is_known', [True, False])
    def test_watermark_that_is_not_known_is_left_out(self, mask: Tensor, truth_is_known: bool) -> None:
        output = made_output([0.5, 0.5], watermark=None if truth_is_known else 0.5)
        losses = SplitThenRefineLoss(perceptual_weight=0)(
            output, filled(0.25), mask, filled(0) if truth_is_known else None
        )
        assert 'l_watermark' not in losses

    def test_trains_every_parameter_of_the_network(self) -> None:
        net, mask = SplitThenRefine(dim=2, n_units=1), torch.ones(2, 1, 40, 32)
        mask[0, :, 3:20, 4:30] = 0  # the other image has no hole
        output = net(torch.rand(2, 3, 40, 32), return_all=True)
        losses = SplitThenRefineLoss(perceptual_weight=0)(
            output, torch.rand(2, 3, 40, 32), mask, torch.rand(2, 3, 40, 32)
        )
        torch.stack(list(losses.values())).sum().backward()
        for name, parameter in net.named_parameters():
            assert parameter.grad is not None, name
            assert parameter.grad.isfinite().all(), name


class TestBVMRLoss:
    def test_terms_by_hand(self, mask: Tensor) -> None:
        losses = BVMRLoss()(made_output([0.5], watermark=0.25), filled(0.25), mask, filled(0.75))
        # Differences in [-1, 1] are twice those in [0, 1].
        assert losses['l_pixel'].item() == pytest.approx(2 * 3 * 2 * 0.25, rel=1e-5)
        assert losses['l_watermark'].item() == pytest.approx(3 * 2 * 0.5, rel=1e-5)
        assert losses['l_mask'].item() == pytest.approx(cross_entropy(0.8), rel=1e-5)

    def test_weights(self, mask: Tensor) -> None:
        loss = build_loss(
            {'type': 'BVMRLoss', 'loss_weight': 0.5, 'pixel_weight': 1.0, 'motif_weight': 3.0, 'mask_weight': 4.0}
        )
        losses = loss(made_output([0.5], watermark=0.25), filled(0.25), mask, filled(0.75))
        assert losses['l_pixel'].item() == pytest.approx(0.5 * 3 * 2 * 0.25, rel=1e-5)
        assert losses['l_watermark'].item() == pytest.approx(0.5 * 3 * 3 * 2 * 0.5, rel=1e-5)
        assert losses['l_mask'].item() == pytest.approx(0.5 * 4 * cross_entropy(0.8), rel=1e-5)

    def test_trains_every_parameter_of_the_network(self) -> None:
        net, mask = BVMR(dim=2, n_units=1), torch.ones(2, 1, 40, 32)
        mask[0, :, 3:20, 4:30] = 0
        output = net(torch.rand(2, 3, 40, 32), return_all=True)
        losses = BVMRLoss()(output, torch.rand(2, 3, 40, 32), mask, torch.rand(2, 3, 40, 32))
        torch.stack(list(losses.values())).sum().backward()
        assert [name for name, parameter in net.named_parameters() if parameter.grad is None] == []

    def test_motif_that_is_not_known_is_left_out(self, mask: Tensor) -> None:
        assert set(BVMRLoss()(made_output([0.5], watermark=0.2), filled(0), mask)) == {'l_pixel', 'l_mask'}
