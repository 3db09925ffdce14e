from __future__ import annotations

from pathlib import Path

import pytest
import torch
from basicsr.archs import build_network
from tensorflow_case import case_folder, fill, from_file, read_case, value_by_rule

from hcl_arch.archs.baselines import SIRF
from hcl_arch.archs.blind_restoration import BlindOutput
from hcl_arch.model_files.tensorflow_names import sirf_names


def small_net() -> SIRF:
    return build_network({'type': 'SIRF', 'dim': 4, 'vgg_weights': 'random', 'vgg_dims': [2, 3, 4, 5, 6]})


def test_number_of_parameters() -> None:
    with torch.device('meta'):
        net = SIRF()
    assert sum(parameter.numel() for parameter in net.parameters() if parameter.requires_grad) == 390_296
    assert sum(parameter.numel() for parameter in net.vgg.parameters()) == 15_304_768
    assert sum(parameter.numel() for parameter in net.first_conv.parameters()) == 94_466


def test_names_of_the_state() -> None:
    assert sorted(small_net().state_dict()) == sorted(sirf_names())
    assert sum(parameter.requires_grad for parameter in small_net().parameters()) == 38


@torch.no_grad()
def test_golden_small_network(shared_dir: Path) -> None:
    folder = case_folder(shared_dir, 'sirf_small')
    case, tensors = read_case(folder)
    net = SIRF(dim=case['constructor']['channel'], vgg_dims=case['constructor']['vgg_widths'])
    fill(net, sirf_names(), from_file(folder))
    below, above = net.layers(tensors['image_nhwc'])
    torch.testing.assert_close(below, tensors['transmission'], atol=2e-5, rtol=0)
    torch.testing.assert_close(above, tensors['reflection'], atol=2e-5, rtol=0)
    restored = net.eval()(tensors['image_nhwc'])
    torch.testing.assert_close(restored, tensors['transmission'].clamp(0, 1), atol=2e-5, rtol=0)


@torch.no_grad()
def test_golden_full_network(shared_dir: Path) -> None:
    _, tensors = read_case(case_folder(shared_dir, 'sirf_full'))
    net = SIRF()
    fill(net, sirf_names(), value_by_rule)
    below, above = net.layers(tensors['image_nhwc'])
    torch.testing.assert_close(below, tensors['transmission'], atol=5e-5, rtol=0)
    torch.testing.assert_close(above, tensors['reflection'], atol=5e-5, rtol=0)


@pytest.mark.parametrize('size', [(16, 16), (50, 70), (33, 17)])
@torch.no_grad()
def test_any_size(size: tuple[int, int]) -> None:
    net, lq = small_net().eval(), torch.rand(2, 3, *size)
    output = net(lq, return_all=True)
    assert isinstance(output, BlindOutput)
    assert output.coarse is output.restored
    assert output.restored.shape == lq.shape
    assert 0 <= output.restored.min() <= output.restored.max() <= 1
    assert output.mask.shape == output.soft_mask.shape == (2, 1, *size)
    assert output.mask_logits == output.stage_masks == output.stage_soft_masks == []
    assert torch.equal(net(lq), output.restored)


@torch.no_grad()
def test_an_image_does_not_depend_on_its_batch() -> None:
    net, lq = small_net(), torch.rand(2, 3, 24, 24)
    for conv in net.convs:
        torch.nn.init.ones_(conv.norm.norm_weight)
    torch.testing.assert_close(net(lq)[:1], net(lq[:1]), atol=1e-4, rtol=1e-4)


def test_every_parameter_gets_a_gradient_but_the_frozen_ones() -> None:
    net = small_net()
    below, above = net.layers(torch.rand(2, 3, 32, 32))
    (below.square().mean() + above.square().mean()).backward()
    for name, parameter in net.named_parameters():
        assert (parameter.grad is None) == name.startswith('vgg.'), name
        # The norm's weight is 0 at first, and hides the shift behind it.
        if parameter.grad is not None and not name.endswith('norm.shift'):
            assert (parameter.grad != 0).any(), name


def test_a_checkpoint_is_whole_without_the_file() -> None:
    net, lq = small_net().eval(), torch.rand(1, 3, 16, 16)
    other = SIRF(dim=4, vgg_dims=[2, 3, 4, 5, 6]).eval()
    other.load_state_dict(net.state_dict())
    assert torch.equal(other(lq), net(lq))


@pytest.mark.parametrize(
    ('options', 'message'),
    [({'dim': 0}, 'dim'), ({'vgg_dims': [4, 4]}, 'vgg_dims'), ({'vgg_dims': [4, 4, 0, 4, 4]}, 'vgg_dims')],
)
def test_bad_options(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=f'^{message}: '):
        build_network({'type': 'SIRF', **options})
