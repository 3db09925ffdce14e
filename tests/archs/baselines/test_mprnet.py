from __future__ import annotations

from pathlib import Path

import pytest
import torch
from basicsr.archs import build_network
from official_case import OfficialCase, fill_by_rule, n_parameters, names_digest
from torch import Tensor

from hcl_arch.archs.baselines import MPRNet
from hcl_arch.archs.baselines.mprnet_arch import MPRNetOutput


def small_net() -> MPRNet:
    return build_network({'type': 'MPRNet', 'dim': 8, 'dim_step': 4, 'last_dim_step': 4, 'n_blocks': 2})


def check(case: OfficialCase, net: MPRNet) -> None:
    for name, picture in zip(('stage3', 'stage2', 'stage1'), net(case.tensors['image'], return_all=True).pictures):
        case.assert_near(picture, name)


@torch.no_grad()
def test_golden_small(shared_dir: Path) -> None:
    case, net = OfficialCase(shared_dir, 'mprnet_small'), small_net()
    case.fill('MPRNet', net)
    check(case, net)


@torch.no_grad()
def test_golden_full(shared_dir: Path) -> None:
    case, net = OfficialCase(shared_dir, 'mprnet_deraining_full'), MPRNet()
    fill_by_rule('MPRNet', net)
    check(case, net)


@pytest.mark.parametrize(
    ('sizes', 'expected'),
    [((40, 20, 16), 3_637_249), ((80, 48, 32), 15_741_025), ((96, 48, 32), 20_127_073)],
)
def test_number_of_parameters(sizes: tuple[int, int, int], expected: int) -> None:
    with torch.device('meta'):
        assert n_parameters(MPRNet(dim=sizes[0], dim_step=sizes[1], last_dim_step=sizes[2])) == expected


def test_number_of_parameters_by_part() -> None:
    with torch.device('meta'):
        net = MPRNet()
    assert [n_parameters(part) for part in net.shallow] == [30_681] * 3
    assert [n_parameters(part) for part in net.encoders] == [436_401, 459_601]
    assert [n_parameters(part) for part in net.decoders] == [532_601, 532_601]
    assert [n_parameters(part) for part in net.attentions] == [1_840, 1_840]
    assert [n_parameters(part) for part in net.joins] == [28_800, 40_320]
    assert n_parameters(net.last_stage) == 1_509_697
    assert n_parameters(net.tail) == 1_512


def test_names_of_the_state() -> None:
    assert names_digest(small_net()) == '226 4457636a'


def test_all_blocks_share_one_slope() -> None:
    slopes = [parameter for parameter in small_net().parameters() if parameter.numel() == 1]
    assert [slope.item() for slope in slopes] == [0.25]


@pytest.mark.parametrize('size', [(16, 16), (50, 70), (33, 17), (24, 40)])
@torch.no_grad()
def test_any_size(size: tuple[int, int]) -> None:
    net, lq = small_net().eval(), torch.rand(2, 3, *size)
    output = net(lq, return_all=True)
    assert isinstance(output, MPRNetOutput)
    assert [picture.shape for picture in output.pictures] == [lq.shape] * 3
    assert torch.equal(output.restored, output.pictures[0].clamp(0, 1))
    assert torch.equal(output.coarse, output.pictures[1].clamp(0, 1))
    assert output.mask.shape == output.soft_mask.shape == (2, 1, *size)
    assert output.mask_logits == output.stage_masks == output.stage_soft_masks == []
    assert torch.equal(net(lq), output.restored)


def changed(net: MPRNet, lq: Tensor, other: Tensor, *, stage: int) -> Tensor:
    """(H, W) bool, where the stage's picture differs between two images."""
    pictures = [net(image, return_all=True).pictures[3 - stage] for image in (lq, other)]
    return ((pictures[0] - pictures[1]).abs() > 1e-12)[0].any(dim=0)


@torch.no_grad()
def test_parts_that_the_stages_see() -> None:
    """A pixel in the upper left corner changes the upper half in the first stage, the lower in the second."""
    net, lq = small_net().double(), torch.rand(1, 3, 32, 32, dtype=torch.double)
    other = lq.clone()
    other[..., 3, 3] += 0.5
    first = changed(net, lq, other, stage=1)
    assert first[:16].all()
    assert not first[16:].any()
    assert changed(net, lq, other, stage=2)[16:].any()


def test_gradient_flows_to_every_parameter() -> None:
    net = small_net().train()
    output = net(torch.rand(1, 3, 32, 32), return_all=True)
    torch.stack([picture.square().mean() for picture in output.pictures]).sum().backward()
    assert [name for name, parameter in net.named_parameters() if parameter.grad is None] == []


@torch.no_grad()
def test_without_restoring_the_input_comes_back() -> None:
    lq = torch.rand(1, 3, 16, 16)
    output = small_net()(lq, return_all=True, restore=False)
    assert output.restored is lq
    assert output.coarse is lq


def test_mask_cannot_be_reversed() -> None:
    with pytest.raises(ValueError, match='reverse: MPRNet is not guided by a mask'):
        small_net()(torch.rand(1, 3, 16, 16), reverse=True)


@pytest.mark.parametrize(('name', 'value'), [('dim', 3), ('n_blocks', 0), ('dim_step', -1), ('last_dim_step', -1)])
def test_number_that_is_too_small(name: str, value: int) -> None:
    with pytest.raises(ValueError, match=f'{name}: expects a whole number'):
        MPRNet(**{name: value})
