from __future__ import annotations

from pathlib import Path

import pytest
import torch
from basicsr.archs import build_network
from official_case import OfficialCase, fill_by_rule, n_parameters, names_digest

from hcl_arch.archs.baselines import BVMR
from hcl_arch.archs.image_form import to_image_range, to_network_range


def small_net(**options: object) -> BVMR:
    return build_network({'type': 'BVMR', 'dim': 4, 'n_units': 2, **options})


def check(case: OfficialCase, net: BVMR) -> None:
    output = net(to_image_range(case.tensors['image']), return_all=True)
    case.assert_near(to_network_range(output.painted[0]), 'image_out')
    case.assert_near(1 - output.soft_mask, 'mask')
    case.assert_near(to_network_range(output.watermark), 'motif')
    if 'final' in case.tensors:
        case.assert_near(to_network_range(output.restored), 'final')


@torch.no_grad()
def test_golden_small(shared_dir: Path) -> None:
    case, net = OfficialCase(shared_dir, 'bvmr_small'), small_net().eval()
    case.fill('BVMR', net)
    check(case, net)


@torch.no_grad()
def test_golden_full(shared_dir: Path) -> None:
    case, net = OfficialCase(shared_dir, 'bvmr_full'), BVMR().eval()
    fill_by_rule('BVMR', net)
    check(case, net)


def test_number_of_parameters() -> None:
    with torch.device('meta'):
        net, without_motif = BVMR(), BVMR(predict_motif=False)
    assert n_parameters(net) == 20_514_919
    assert n_parameters(without_motif) == 20_242_404
    assert n_parameters(net.encoder) == 11_005_472
    assert n_parameters(net.shared_decoder) == 4_345_984
    assert n_parameters(net.image_decoder) + n_parameters(net.image_head) == 272_515
    assert n_parameters(net.mask_decoder) + n_parameters(net.mask_head) == 4_618_433


def test_names_of_the_state() -> None:
    assert names_digest(small_net()) == '266 06f34084'


def test_without_motif_there_is_no_picture_of_it() -> None:
    output = small_net(predict_motif=False)(torch.rand(1, 3, 32, 32), return_all=True)
    assert output.watermark is None
    assert output.coarse is output.restored


@pytest.mark.parametrize('name', ['dim', 'n_units'])
def test_number_that_is_too_small(name: str) -> None:
    with pytest.raises(ValueError, match=f'{name}: expects a whole number of at least 1, got 0'):
        BVMR(**{name: 0})
