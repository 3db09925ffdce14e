from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from hcl_arch.archs import HCLPatchDiscriminator


@pytest.mark.parametrize(('size', 'expected'), [((64, 64), (2, 2)), ((32, 96), (1, 3)), ((33, 16), (2, 1))])
def test_shape(size: tuple[int, int], expected: tuple[int, int]) -> None:
    assert HCLPatchDiscriminator(dim=4)(torch.rand(2, 3, *size)).shape == (2, 32, *expected)
    assert HCLPatchDiscriminator(dim=4, dim_mults=(1, 2))(torch.rand(1, 3, 8, 8)).shape == (1, 8, 2, 2)


def test_weights_have_spectral_norm_one() -> None:
    discriminator = HCLPatchDiscriminator(dim=4).train()
    for conv in discriminator.convs:
        conv.parametrizations.weight.original.data.mul_(50)
    for _ in range(50):
        discriminator(torch.rand(1, 3, 32, 32))
    discriminator.eval()
    for conv in discriminator.convs:
        # The power iteration comes from below, so that the norm may be a little above one.
        norm = torch.linalg.matrix_norm(conv.weight.flatten(1), 2).item()
        assert norm == pytest.approx(1, abs=0.02)


@torch.no_grad()
def test_equals_plain_convolutions() -> None:
    discriminator = HCLPatchDiscriminator(dim=4).eval()
    image = torch.rand(2, 3, 32, 32)
    x = image * 2 - 1
    for conv in discriminator.convs:
        x = F.conv2d(x, conv.weight, conv.bias, stride=2, padding=2)
        x = torch.where(x > 0, x, 0.2 * x)
    torch.testing.assert_close(discriminator(image), x)


def test_every_parameter_learns() -> None:
    discriminator = HCLPatchDiscriminator(dim=4)
    discriminator(torch.rand(1, 3, 32, 32)).sum().backward()
    assert all((p.grad != 0).any() for p in discriminator.parameters())
