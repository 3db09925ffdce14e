from __future__ import annotations

from typing import Any, Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from hcl_arch.archs import HCLNet, HCLRefineNet

SmallNet = Callable[..., HCLNet]


@pytest.mark.parametrize('options', [{}, {'n_conv_stages': 1}, {'single_stage': 0}, {'bottleneck_window_size': 8}])
@pytest.mark.parametrize('reverse', [False, True])
@torch.no_grad()
def test_as_forward_where_the_mask_follows_the_coarsest_cells(
    small_net: SmallNet, options: dict[str, Any], reverse: bool
) -> None:
    net = small_net(refiner=HCLRefineNet(dim=2), **options).eval()
    cells = (torch.rand(2, 1, 7, 9) > 0.4).float()
    mask = F.interpolate(cells, scale_factor=8, mode='nearest')
    lq = torch.rand(2, 3, 56, 72)
    expected = net(lq, true_mask=mask, guidance='true', reverse=reverse)
    torch.testing.assert_close(net.repair(lq, mask, reverse=reverse), expected)


@pytest.mark.parametrize('n_conv_stages', [0, 1])
@pytest.mark.parametrize('reverse', [False, True])
@torch.no_grad()
def test_a_cell_that_is_corrupted_in_part_is_corrupted(small_net: SmallNet, n_conv_stages: int, reverse: bool) -> None:
    net = small_net(n_conv_stages=n_conv_stages).eval()
    seen: list[list[Tensor]] = []
    net.decoder.register_forward_pre_hook(lambda _, args: seen.append(list(args[2])))
    mask = torch.ones(1, 1, 37, 50)
    mask[..., 5, 6] = 0
    mask[..., 36, 49] = 0
    net.repair(torch.rand(1, 3, 37, 50), 1 - mask if reverse else mask, reverse=reverse)
    (masks,) = seen
    for stage, found in enumerate(masks):
        cell = 2 ** (stage + n_conv_stages)
        assert found[0, 0, 5 // cell, 6 // cell] == 0
        assert found[0, 0, 36 // cell, 49 // cell] == 0
        whole = found.repeat_interleave(cell, 2).repeat_interleave(cell, 3)[..., :37, :50]
        assert not (whole > mask).any()


@torch.no_grad()
def test_the_decoder_paints_the_same_whatever_the_clusters(small_net: SmallNet) -> None:
    net = small_net().eval()
    lq, mask = torch.rand(1, 3, 32, 32), (torch.rand(1, 1, 32, 32) > 0.3).float()
    before = net.repair(lq, mask)
    for parameter in net.detector.projection_heads.parameters():
        parameter.data.normal_()
    assert torch.equal(net.repair(lq, mask), before)


def test_wrong_shapes_are_named(small_net: SmallNet) -> None:
    net = small_net().eval()
    with pytest.raises(ValueError, match='Expected true_mask of shape'):
        net.repair(torch.rand(1, 3, 32, 32), torch.ones(1, 1, 16, 32))
    with pytest.raises(ValueError, match='Expected images of shape'):
        net.repair(torch.rand(1, 3, 8, 32), torch.ones(1, 1, 8, 32))
