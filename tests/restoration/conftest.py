"""Networks and pictures that the tests of the restoration share."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, Callable, Optional

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from hcl_arch.archs import HCLNet, HCLRefineNet
from hcl_arch.restoration import Restorer, painting
from tests.contrast import with_contrast


class DarkIsCorrupted(nn.Module):
    """Answers HCLNet's calls: a pixel's confidence is its brightness; it paints the known pixels' mean colour."""

    size_multiple = 8

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[tuple[int, int]] = []

    def forward(
        self,
        lq: Tensor,
        *,
        return_all: bool = False,
        true_mask: Optional[Tensor] = None,
        guidance: str = 'predicted',
        reverse: bool = False,
        restore: bool = True,
    ) -> Any:
        self.sizes.append((lq.shape[-2], lq.shape[-1]))
        if return_all:
            return SimpleNamespace(soft_mask=lq.mean(dim=1, keepdim=True))
        assert true_mask is not None
        known = true_mask.sum(dim=(2, 3), keepdim=True)
        colour = (lq * true_mask).sum(dim=(2, 3), keepdim=True) / known.clamp(min=1)
        return colour.expand_as(lq).clone()


@pytest.fixture
def fake_restorer() -> Restorer:
    """A restorer whose network's answers are known beforehand."""
    return Restorer(DarkIsCorrupted(), device='cpu', memory=256)


@pytest.fixture
def hcl_restorer(small_options: dict[str, Any]) -> Callable[..., Restorer]:
    """Function that builds a restorer around a small, random HCLNet, the same every time."""

    def build(network: Optional[dict[str, Any]] = None, **options: Any) -> Restorer:
        torch.manual_seed(1)
        net = HCLNet(**small_options, refiner=HCLRefineNet(dim=2, dim_mults=(1, 2)), **(network or {}))
        return Restorer(with_contrast(net), device='cpu', **{'memory': 256, 'detect_side': 64, **options})

    return build


@pytest.fixture
def photograph() -> np.ndarray:
    """(120, 144, 3) uint8 RGB: a part of a real photograph."""
    data = pytest.importorskip('skimage.data')
    return np.ascontiguousarray(data.astronaut()[50:170, 160:304])


@pytest.fixture
def small_tiles(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Function that has pictures repaired in tiles of at most a side."""

    def set_side(side: int) -> None:
        monkeypatch.setattr(painting, '_ALWAYS_FITS', 0)
        monkeypatch.setattr(painting, 'tile_side', lambda *_: side)
        monkeypatch.setattr('hcl_arch.restoration.network_calls.NetworkCalls.repair_bytes', lambda _: 1e9)

    return set_side
