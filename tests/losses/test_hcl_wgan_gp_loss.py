from __future__ import annotations

import pytest
import torch
from basicsr.losses.gan_loss import gradient_penalty_loss
from torch import Tensor, nn

from hcl_arch.archs import HCLPatchDiscriminator
from hcl_arch.losses import HCLWGANGPLoss
from hcl_arch.losses.hcl_wgan_gp_loss import PenaltyOf, gradient_penalty


class Linear(nn.Module):
    """Two scores of an image in [0, 1]: its inner products with `weight` and with 3 * `weight`."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight)

    def forward(self, image: Tensor) -> Tensor:
        score = (image * self.weight).sum(dim=(1, 2, 3))
        return torch.stack([score, 3 * score], dim=1)


@pytest.mark.parametrize(
    ('target_is_real', 'is_disc', 'expected'),
    [(True, False, -0.5), (False, False, 0.5), (True, True, -2.0), (False, True, 2.0)],
)
def test_signs_and_weight(target_is_real: bool, is_disc: bool, expected: float) -> None:
    scores = torch.tensor([[[1.0, 2.0], [3.0, 2.0]]])
    assert HCLWGANGPLoss(loss_weight=0.25)(scores, target_is_real, is_disc=is_disc).item() == pytest.approx(expected)


def test_penalty_of_a_linear_discriminator_by_hand() -> None:
    weight = torch.zeros(3, 2, 2)
    weight[0, 0, 0], weight[2, 1, 1] = 3.0, 4.0
    real, fake = torch.rand(5, 3, 2, 2), torch.rand(5, 3, 2, 2)
    # The sum of its scores has the slope 4 * weight, of length 20 in [0, 1] and of 10 in [-1, 1]; the mean half of it.
    assert gradient_penalty(Linear(weight), real, fake).item() == pytest.approx(81)
    assert gradient_penalty(Linear(weight), real, fake, penalty_of='mean').item() == pytest.approx(16)
    assert HCLWGANGPLoss().penalty(Linear(weight), real, fake).item() == pytest.approx(810)
    assert HCLWGANGPLoss(loss_weight=0.1, penalty_weight=2.0).penalty(
        Linear(weight), real, fake
    ).item() == pytest.approx(162)
    assert HCLWGANGPLoss(penalty_of='mean').penalty(Linear(weight), real, fake).item() == pytest.approx(160)


def test_slope_of_length_one_has_no_penalty() -> None:
    weight = torch.randn(3, 4, 4)
    discriminator = Linear(weight / weight.norm() / 2)
    assert gradient_penalty(discriminator, torch.rand(2, 3, 4, 4), torch.rand(2, 3, 4, 4)) < 1e-10


def test_one_score_an_image_has_the_same_penalty_either_way() -> None:
    class OneScore(nn.Module):
        def forward(self, image: Tensor) -> Tensor:
            return image.square().sum(dim=(1, 2, 3))

    real, fake = torch.rand(2, 3, 4, 4), torch.rand(2, 3, 4, 4)

    def penalty(penalty_of: PenaltyOf) -> float:
        generator = torch.Generator().manual_seed(0)
        return gradient_penalty(OneScore(), real, fake, generator, penalty_of=penalty_of).item()

    assert penalty('sum') == penalty('mean') > 0


def test_choice_of_the_penalty() -> None:
    with pytest.raises(ValueError, match=r"penalty_of must be one of \('sum', 'mean'\), got 'max'"):
        HCLWGANGPLoss(penalty_of='max')  # type: ignore[arg-type]


def test_differs_from_basicsrs_penalty() -> None:
    # A slope of length 1 for a whole sample: BasicSR takes the length at each of the 16 pixels, a quarter.
    discriminator = Linear(torch.full((3, 4, 4), 48**-0.5))
    real, fake = torch.rand(2, 3, 4, 4), torch.rand(2, 3, 4, 4)
    ours = gradient_penalty(discriminator, real, fake, penalty_of='mean').item()
    theirs = gradient_penalty_loss(lambda x: discriminator(x).mean(dim=1), real, fake).item()
    assert ours == pytest.approx(0, abs=1e-6)
    assert theirs == pytest.approx((0.5 - 1) ** 2)


def test_penalty_is_taken_at_random_points_between_real_and_fake() -> None:
    seen: list[Tensor] = []

    class Recorder(nn.Module):
        def forward(self, image: Tensor) -> Tensor:
            seen.append(image.detach())
            return image.square().sum(dim=(1, 2, 3))

    real, fake = torch.zeros(200, 3, 2, 2), torch.ones(200, 3, 2, 2)
    for seed in (1, 1, 2):
        gradient_penalty(Recorder(), real, fake, torch.Generator().manual_seed(seed))
    shares = seen[0].flatten(1)
    # One number for each sample, spread over [0, 1].
    torch.testing.assert_close(shares, shares[:, :1].expand_as(shares))
    assert 0 <= shares.min() < 0.05
    assert 0.95 < shares.max() <= 1
    assert shares[:, 0].mean().item() == pytest.approx(0.5, abs=0.08)
    assert torch.equal(seen[0], seen[1])
    assert not torch.equal(seen[0], seen[2])


def test_penalty_reaches_the_parameters() -> None:
    discriminator = HCLPatchDiscriminator(dim=4)
    real = torch.rand(2, 3, 32, 32, requires_grad=True)
    penalty = gradient_penalty(discriminator, real, torch.rand(2, 3, 32, 32))
    penalty.backward()
    weights = [conv.parametrizations.weight.original for conv in discriminator.convs]
    assert all((weight.grad != 0).any() and weight.grad.isfinite().all() for weight in weights)
    assert real.grad is None


def test_penaltys_gradient_by_finite_differences() -> None:
    # Quadratic scores x^T A x: the slope depends on x and A, so that the double backward pass matters.
    real, fake = torch.rand(2, 3, 1, 1, dtype=torch.float64), torch.rand(2, 3, 1, 1, dtype=torch.float64)

    class Quadratic(nn.Module):
        def __init__(self, matrix: Tensor) -> None:
            super().__init__()
            self.matrix = matrix

        def forward(self, image: Tensor) -> Tensor:
            x = image.flatten(1)
            return ((x @ self.matrix) * x).sum(dim=1, keepdim=True)

    def penalty(matrix: Tensor) -> Tensor:
        return gradient_penalty(Quadratic(matrix), real, fake, torch.Generator().manual_seed(0))

    assert torch.autograd.gradcheck(penalty, torch.randn(3, 3, dtype=torch.float64, requires_grad=True))
