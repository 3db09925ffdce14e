from __future__ import annotations

import pytest
import torch
from torch import nn

from hcl_arch.losses.gradient_ratio import gradient_ratio


def test_by_hand() -> None:
    image = torch.rand(2, 3, 4, 4, requires_grad=True) * 1
    loss, reference = 6 * image[0, 0, 0, 0] + 8 * image[1, 0, 0, 0], 2 * image[0, 1, 0, 0]
    assert gradient_ratio(loss, reference, image).item() == pytest.approx(5)
    assert gradient_ratio(reference, loss, image).item() == pytest.approx(0.2)


def test_leaves_no_gradients_and_keeps_the_graph() -> None:
    network = nn.Conv2d(3, 3, 1)
    image = network(torch.rand(1, 3, 4, 4))
    loss, reference = image.square().mean(), image.abs().mean()
    ratio = gradient_ratio(loss, reference, image)
    assert not ratio.requires_grad
    assert network.weight.grad is None
    (loss + reference).backward()
    assert (network.weight.grad != 0).any()


def test_without_slopes() -> None:
    image = torch.rand(1, 3, 4, 4, requires_grad=True)
    assert gradient_ratio(0 * image.sum(), 0 * image.mean(), image).item() == 0
    assert gradient_ratio(image.sum(), 0 * image.mean(), image).item() > 1e30


def test_small_slopes_of_a_float16_image() -> None:
    image = torch.rand(4, 3, 128, 128, dtype=torch.float16, requires_grad=True)
    wide = image.float()
    assert gradient_ratio(0.3 * wide.abs().mean(), 0.1 * wide.abs().mean(), image).item() == pytest.approx(3, rel=1e-2)
