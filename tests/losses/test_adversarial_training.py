"""The adversarial loss beside the pixel loss, weighted as in the option files: a short training must not collapse."""

from __future__ import annotations

from typing import NamedTuple

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from hcl_arch.archs import HCLPatchDiscriminator, HCLRefineNet
from hcl_arch.losses import HCLWGANGPLoss
from hcl_arch.losses.gradient_ratio import gradient_ratio

SIZE, N_IMAGES, BATCH = 32, 16, 4


class Trained(NamedTuple):
    """What became of a training."""

    input_psnr: float
    psnr: float
    ratios: list[float]


def psnr(image: Tensor, truth: Tensor) -> float:
    return -10 * (image - truth).square().mean().log10().item()


def corrupted_images() -> tuple[Tensor, Tensor, Tensor]:
    """Smooth images, the same with a quarter painted over, and their masks."""
    truth = F.interpolate(torch.rand(N_IMAGES, 3, 4, 4), size=(SIZE, SIZE), mode='bicubic').clamp(0, 1)
    mask = torch.ones(N_IMAGES, 1, SIZE, SIZE)
    mask[..., SIZE // 4 : 3 * SIZE // 4, SIZE // 4 : 3 * SIZE // 4] = 0
    return truth, torch.where(mask > 0, truth, torch.rand(N_IMAGES, 3, 1, 1)), mask


def train(adversarial: HCLWGANGPLoss, n_iterations: int) -> Trained:
    """Train a small refiner against a small discriminator, as BlindRestorationModel does."""
    truth, lq, mask = corrupted_images()
    refiner, discriminator = HCLRefineNet(dim=8, dim_mults=(1, 2)), HCLPatchDiscriminator(dim=16)
    optim_g = torch.optim.Adam(refiner.parameters(), lr=3e-3)
    optim_d = torch.optim.Adam(discriminator.parameters(), lr=1e-4)
    ratios = []
    for _ in range(n_iterations):
        batch = torch.randperm(N_IMAGES)[:BATCH]
        restored = refiner(torch.cat([lq[batch], mask[batch]], dim=1))
        real, fake = truth[batch], restored.detach()
        loss_d = adversarial(discriminator(real), True, is_disc=True)
        loss_d = loss_d + adversarial(discriminator(fake), False, is_disc=True)
        optim_d.zero_grad()
        (loss_d + adversarial.penalty(discriminator, real, fake)).backward()
        optim_d.step()
        pixels = 2 * F.l1_loss(restored, real)
        loss_g = adversarial(discriminator(restored), True)
        ratios.append(gradient_ratio(loss_g, pixels, restored).item())
        optim_g.zero_grad()
        (pixels + loss_g).backward()
        optim_g.step()
    with torch.no_grad():
        restored = refiner(torch.cat([lq, mask], dim=1))
    return Trained(psnr(lq, truth), psnr(restored, truth), ratios)


def test_the_refined_image_does_not_collapse() -> None:
    trained = train(HCLWGANGPLoss(), 100)
    assert trained.psnr > trained.input_psnr
    assert max(trained.ratios) < 1


@pytest.mark.slow
def test_a_collapse_would_be_seen() -> None:
    """With the slope of the mean held near 1, a map of many scores pulls harder than the pixels do, and soon alone."""
    trained = train(HCLWGANGPLoss(penalty_of='mean'), 100)
    assert trained.psnr < trained.input_psnr
    assert max(trained.ratios) > 3
