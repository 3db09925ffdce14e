"""Folded normalisation computes the same."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from hcl_arch.archs.hcl.conv_encoder import ConvResBlock
from hcl_arch.archs.hcl.efficientnet_lite import EfficientNetLite0
from hcl_arch.archs.layers.norm_folding import fold_norms


class NormFirst(nn.Module):
    """Registers a normalisation behind a convolution and computes it before."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(self.norm(x))


def with_statistics(module: nn.Module) -> nn.Module:
    """In evaluation mode, with statistics and weights as a training leaves them."""
    for norm in module.modules():
        if isinstance(norm, nn.BatchNorm2d):
            nn.init.normal_(norm.running_mean)  # type: ignore[arg-type]
            nn.init.uniform_(norm.running_var, 0.5, 2)  # type: ignore[arg-type]
            nn.init.uniform_(norm.weight, 0.5, 2)
            nn.init.normal_(norm.bias)
    return module.eval()


def n_norms(module: nn.Module) -> int:
    return sum(isinstance(each, nn.BatchNorm2d) for each in module.modules())


@pytest.mark.parametrize(
    ('module', 'channels', 'left'),
    [
        (nn.Sequential(nn.Conv2d(4, 6, 3, padding=1, bias=False), nn.BatchNorm2d(6), nn.ReLU(inplace=True)), 4, 0),
        (nn.Sequential(nn.BatchNorm2d(4), nn.Conv2d(4, 6, 3), nn.ReLU(), nn.BatchNorm2d(6)), 4, 2),
        (ConvResBlock(4, 8), 4, 0),
        (EfficientNetLite0(), 3, 0),
        (NormFirst(), 4, 1),
    ],
    ids=['sequential', 'norm first, activation between', 'block', 'backbone', 'another order'],
)
@torch.no_grad()
def test_the_same_result(module: nn.Module, channels: int, left: int) -> None:
    folded = copy.deepcopy(with_statistics(module.double()))
    fold_norms(folded)
    assert n_norms(folded) == left
    x = torch.rand(2, channels, 64, 64, dtype=torch.float64)
    for before, after in zip(flat(module(x)), flat(folded(x))):
        torch.testing.assert_close(after, before, rtol=1e-9, atol=1e-9)


def flat(result: Tensor | list[Tensor]) -> list[Tensor]:
    return result if isinstance(result, list) else [result]
