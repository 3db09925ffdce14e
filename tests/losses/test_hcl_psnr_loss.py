"""HCLPSNRLoss: by hand, every image alike, and where there is no error."""

from __future__ import annotations

import pytest
import torch
from basicsr.utils.registry import LOSS_REGISTRY

from hcl_arch.losses import HCLPSNRLoss


@pytest.mark.parametrize(('norm', 'decibels'), [('l2', -20 - 10 * 0.30103), ('l1', -20 - 20 * 0.30103)])
def test_by_hand(norm: str, decibels: float) -> None:
    target = torch.zeros(1, 3, 2, 2)
    pred = target.clone()
    pred[..., 0, :] = 0.1  # half of the pixels
    loss = LOSS_REGISTRY.get('HCLPSNRLoss')(loss_weight=2.0, norm=norm)
    assert float(loss(pred, target)) == pytest.approx(2 * decibels, rel=1e-3)


def test_an_image_with_a_small_hole_counts_as_one_with_a_large_hole() -> None:
    """The same error in dB better by the same step, so the gradients of a common scale are equal."""
    target = torch.zeros(2, 3, 8, 8)
    error = torch.zeros(2, 3, 8, 8)
    error[0, :, 0, 0] = error[1] = 0.3
    scale = torch.ones(2, 1, 1, 1, requires_grad=True)
    HCLPSNRLoss()(scale * error, target).backward()
    assert scale.grad is not None
    assert float(scale.grad[0]) == pytest.approx(float(scale.grad[1]), rel=1e-4)


@pytest.mark.parametrize('norm', ['l1', 'l2'])
def test_no_error_has_a_finite_loss_and_gradient(norm: str) -> None:
    pred = torch.rand(1, 3, 4, 4, requires_grad=True)
    loss = HCLPSNRLoss(norm=norm)(pred, pred.detach().clone())
    loss.backward()
    assert torch.isfinite(loss)
    assert pred.grad is not None
    assert torch.equal(pred.grad, torch.zeros_like(pred))


def test_no_norm() -> None:
    with pytest.raises(ValueError, match="norm must be one of .* got 'l3'"):
        HCLPSNRLoss(norm='l3')  # type: ignore[arg-type]
