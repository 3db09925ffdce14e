from __future__ import annotations

from pathlib import Path

import pytest
import torch
from basicsr.archs import build_network
from tensorflow_case import case_folder, fill, read_case, value_by_rule
from torch import Tensor

from hcl_arch.archs.baselines import DHAN
from hcl_arch.archs.baselines.dhan_aggregation import window_means
from hcl_arch.archs.blind_restoration import BlindOutput
from hcl_arch.model_files.tensorflow_names import dhan_names


def small_net() -> DHAN:
    return build_network({'type': 'DHAN', 'dim': 8, 'vgg_weights': 'random', 'vgg_dims': [2, 3, 4, 5, 6]})


@torch.no_grad()
def shaken(net: DHAN) -> DHAN:
    """The network some way from its first state, in which most convolutions are the identity of some channels."""
    for parameter in net.parameters():
        if parameter.requires_grad:
            parameter.add_(0.1 * torch.randn(parameter.shape))
    return net


def test_number_of_parameters() -> None:
    with torch.device('meta'):
        net = DHAN()
    assert sum(parameter.numel() for parameter in net.parameters() if parameter.requires_grad) == 1_724_282
    assert sum(parameter.numel() for parameter in net.vgg.parameters()) == 15_304_768


def test_names_of_the_state() -> None:
    assert sorted(small_net().state_dict()) == sorted(dhan_names())
    assert sum(parameter.requires_grad for parameter in small_net().parameters()) == 144


@torch.no_grad()
def test_golden_full_network(shared_dir: Path) -> None:
    _, tensors = read_case(case_folder(shared_dir, 'dhan_full'))
    net = DHAN().eval()
    fill(net, dhan_names(), value_by_rule)
    image = tensors['image_nhwc']
    torch.testing.assert_close(net._paint(image).image, tensors['image_out'], atol=5e-5, rtol=0)
    output = net(image, return_all=True)
    torch.testing.assert_close(output.restored, tensors['image_out'].clamp(0, 1), atol=5e-5, rtol=0)
    # The method's mask is 1 where the image is corrupted.
    torch.testing.assert_close(-output.mask_logits[0], tensors['mask_logits'], atol=5e-5, rtol=0)


@pytest.mark.parametrize('size', [(16, 16), (50, 70), (33, 17)])
@torch.no_grad()
def test_any_size(size: tuple[int, int]) -> None:
    net, lq = shaken(small_net()).eval(), torch.rand(2, 3, *size)
    output = net(lq, return_all=True)
    assert isinstance(output, BlindOutput)
    assert output.coarse is output.restored
    assert output.restored.shape == lq.shape
    assert 0 <= output.restored.min() <= output.restored.max() <= 1
    assert [logits.shape for logits in output.mask_logits] == [output.mask.shape] == [(2, 1, *size)]
    assert torch.equal(output.soft_mask, torch.sigmoid(output.mask_logits[0]))
    assert torch.equal(output.mask, output.stage_masks[0])
    torch.testing.assert_close(net(lq[:1]), output.restored[:1], atol=1e-5, rtol=1e-4)


def test_every_parameter_gets_a_gradient_but_the_frozen_ones() -> None:
    net = shaken(small_net())
    output = net(torch.rand(2, 3, 64, 64), return_all=True, true_mask=torch.ones(2, 1, 64, 64), guidance='true')
    loss: Tensor = output.restored.square().mean() + output.mask_logits[0].square().mean()
    loss.backward()
    for name, parameter in net.named_parameters():
        assert (parameter.grad is None) == name.startswith('vgg.'), name
        # A gate's narrow hidden layer may be switched off by its ReLU.
        if parameter.grad is not None and '.gate.' not in name:
            assert (parameter.grad != 0).any(), name


def test_the_mask_weighs_the_image() -> None:
    net = small_net()
    painted = net._paint(torch.rand(1, 3, 32, 32)).image
    painted.sum().backward()
    assert net.mask_pyramid.fusion.conv.weight.grad is not None


class TestWindowMeans:
    @pytest.mark.parametrize(('size', 'window'), [((8, 8), 4), ((10, 7), 4), ((5, 3), 8)])
    def test_against_a_loop_over_windows(self, size: tuple[int, int], window: int) -> None:
        features = torch.randn(2, 3, *size)
        means = window_means(features, window)
        rows, columns = (-(-side // window) for side in size)
        assert means.shape == (2, 3, rows, columns)
        top, left = ((-side % window) // 2 for side in size)
        for row in range(rows):
            for column in range(columns):
                y, x = row * window - top, column * window - left
                inside = features[..., max(y, 0) : y + window, max(x, 0) : x + window]
                torch.testing.assert_close(means[..., row, column], inside.mean(dim=(2, 3)))

    def test_a_constant_stays(self) -> None:
        torch.testing.assert_close(window_means(torch.full((1, 1, 9, 13), 3.0), 4), torch.full((1, 1, 3, 4), 3.0))


@pytest.mark.parametrize(('options', 'message'), [({'dim': 0}, 'dim'), ({'vgg_dims': [4, 4]}, 'vgg_dims')])
def test_bad_options(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=f'^{message}: '):
        build_network({'type': 'DHAN', **options})
