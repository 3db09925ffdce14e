"""The soft IoU and the Lovasz hinge of a mask's corrupted region."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from hcl_arch.losses.mask_losses import lovasz_hinge_loss, soft_iou_loss


def naive_loss(logits: Tensor, mask: Tensor) -> float:
    """Pixel by pixel in double precision."""
    losses = []
    for image_logits, image_mask in zip(logits.double(), mask.double()):
        both = either = most = 0.0
        for logit, clean in zip(image_logits.flatten().tolist(), image_mask.flatten().tolist()):
            found, true = 1 / (1 + math.exp(logit)), 1 - clean
            both += found * true
            either += found + true - found * true
            most = max(most, true)
        if most > 0:
            losses.append(1 - both / either)
    return sum(losses) / len(losses)


def with_region(height: int, width: int) -> Tensor:
    """(1, 1, 32, 32) mask with a corrupted rectangle."""
    mask = torch.ones(1, 1, 32, 32)
    mask[..., :height, :width] = 0
    return mask


def test_by_hand() -> None:
    # Half sure of both pixels, of which one is corrupted: 0.5 in common of 1 + 0.5.
    mask = torch.tensor([0.0, 1.0]).view(1, 1, 1, 2)
    assert soft_iou_loss(torch.zeros(1, 1, 1, 2), mask).item() == pytest.approx(1 - 0.5 / 1.5)
    certain = torch.tensor([-30.0, 30.0]).view(1, 1, 1, 2)
    assert soft_iou_loss(certain, mask).item() == pytest.approx(0, abs=1e-6)
    assert soft_iou_loss(-certain, mask).item() == pytest.approx(1)


def test_equals_a_naive_loop() -> None:
    logits, mask = 3 * torch.randn(4, 1, 5, 7), (torch.rand(4, 1, 5, 7) * 1.5).clamp(max=1)
    mask[2] = 1  # this image does not count
    assert soft_iou_loss(logits, mask).item() == pytest.approx(naive_loss(logits, mask), rel=1e-5)


def test_gradcheck() -> None:
    logits = torch.randn(3, 1, 2, 3, dtype=torch.float64, requires_grad=True)
    mask = torch.rand(3, 1, 2, 3, dtype=torch.float64)
    mask[1] = 1
    # The loss computes in float32.
    assert torch.autograd.gradcheck(lambda x: soft_iou_loss(x, mask), logits, eps=1e-2, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize('confidence', [-100.0, 0.0, 100.0])
def test_without_a_corrupted_pixel_it_is_zero_with_a_graph(confidence: float) -> None:
    logits = torch.full((2, 1, 4, 4), confidence, requires_grad=True)
    loss = soft_iou_loss(logits, torch.ones(2, 1, 4, 4))
    assert loss.item() == 0
    loss.backward()
    assert logits.grad is not None
    assert torch.equal(logits.grad, torch.zeros_like(logits))


def test_an_image_without_a_corrupted_pixel_changes_nothing_for_the_others() -> None:
    logits, mask = torch.randn(1, 1, 32, 32), with_region(4, 6)
    expected = soft_iou_loss(logits, mask)
    both = soft_iou_loss(torch.cat([logits, torch.randn_like(logits)]), torch.cat([mask, torch.ones_like(mask)]))
    assert both.item() == pytest.approx(expected.item())


def test_a_small_region_weighs_as_much_as_a_large_one() -> None:
    """Half of a region missed is the same loss, whatever the region's size; its cross-entropy is 64 times smaller."""
    losses = []
    for side in (2, 16):
        logits = 20 * (2 * with_region(side, side // 2) - 1)
        losses.append(soft_iou_loss(logits, with_region(side, side)).item())
    assert losses == pytest.approx([0.5, 0.5], abs=1e-4)


def test_half_precision_counts_in_float32() -> None:
    # 65536 pixels: their sum is beyond float16.
    logits = torch.full((1, 1, 256, 256), -4.0, dtype=torch.float16)
    loss = soft_iou_loss(logits, torch.zeros(1, 1, 256, 256))
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(1 - torch.sigmoid(torch.tensor(4.0)).item(), abs=1e-4)


def lost_iou(wrong: set[int], corrupted: set[int]) -> float:
    """1 - IoU of the corrupted region if these pixels are wrong."""
    return len(wrong) / len(wrong | corrupted) if wrong else 0.0


def naive_lovasz(logits: Tensor, mask: Tensor) -> float:
    """From the definition, by sets of pixels, in double precision."""
    losses = []
    for image_logits, image_mask in zip(logits.double(), mask):
        clean = [value >= 0.5 for value in image_mask.flatten().tolist()]
        values = image_logits.flatten().tolist()
        errors = [1 - (logit if is_clean else -logit) for logit, is_clean in zip(values, clean)]
        corrupted = {pixel for pixel, is_clean in enumerate(clean) if not is_clean}
        wrong, loss = set[int](), 0.0
        for pixel in sorted(range(len(errors)), key=lambda each: -errors[each]):
            gain = lost_iou(wrong | {pixel}, corrupted) - lost_iou(wrong, corrupted)
            wrong.add(pixel)
            loss += max(errors[pixel], 0) * gain
        losses.append(loss)
    return sum(losses) / len(losses)


class TestLovaszHinge:
    def test_equals_its_definition(self) -> None:
        logits, mask = 3 * torch.randn(4, 1, 5, 7), torch.rand(4, 1, 5, 7)
        mask[2] = 1
        assert lovasz_hinge_loss(logits, mask).item() == pytest.approx(naive_lovasz(logits, mask), rel=1e-5)

    def test_of_whole_decisions_it_is_twice_the_lost_iou(self) -> None:
        found, mask = 2 * with_region(8, 6) - 1, with_region(8, 8)
        assert lovasz_hinge_loss(found, mask).item() == pytest.approx(2 * (1 - 6 / 8))
        assert lovasz_hinge_loss(2 * mask - 1, mask).item() == 0

    def test_what_is_surely_wrong_has_as_large_a_gradient(self) -> None:
        gradients = []
        for certainty in (0.1, 30.0):
            logits = torch.full((1, 1, 32, 32), certainty, requires_grad=True)
            lovasz_hinge_loss(logits, with_region(4, 4)).backward()
            assert logits.grad is not None
            gradients.append(logits.grad[..., :4, :4].sum().item())
        assert gradients[1] > 0.99 * gradients[0] > 0

    def test_in_a_clean_image_the_worst_pixel_counts(self) -> None:
        logits = torch.full((1, 1, 4, 4), 5.0)
        logits[0, 0, 1, 2] = -2
        logits.requires_grad_()
        loss = lovasz_hinge_loss(logits, torch.ones(1, 1, 4, 4))
        assert loss.item() == 3
        loss.backward()
        assert logits.grad is not None
        assert logits.grad.nonzero().tolist() == [[0, 0, 1, 2]]
