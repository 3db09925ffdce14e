"""Depthwise convolutions: the same values and gradients as PyTorch's, for any layout and in mixed precision."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from hcl_arch.archs.layers.depthwise_conv import prepare_convolutions

timm = pytest.importorskip('timm')


@pytest.mark.parametrize('kernel', [3, 5])
@pytest.mark.parametrize('stride', [1, 2])
def test_padding_by_size_becomes_constant(kernel, stride):
    from timm.layers import Conv2dSame

    net = nn.Sequential(Conv2dSame(3, 4, kernel, stride=stride))
    image = torch.rand(2, 3, 16, 24)
    expected = net(image)
    prepare_convolutions(net)
    assert type(net[0]) is not Conv2dSame
    torch.testing.assert_close(net(image), expected)


def gradients(net, image, *, mixed):
    net.zero_grad()
    image = image.clone().requires_grad_()
    with torch.autocast('cpu', torch.bfloat16, enabled=mixed):
        result = net(image)
    result.float().square().sum().backward()
    return result, image.grad, [parameter.grad.clone() for parameter in net.parameters()]


@pytest.mark.parametrize(
    ('kernel', 'padding', 'dilation'), [(3, 1, 1), (5, 2, 1), (5, 0, 1), (5, (2, 1), 1), (5, 4, 2), (3, 3, 1)]
)
@pytest.mark.parametrize('bias', [False, True])
@pytest.mark.parametrize('stride', [1, 2])
def test_mixed_precision_has_the_gradients_of_float32(kernel, padding, dilation, stride, bias):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(8, 8, kernel, stride, padding, dilation, groups=8, bias=bias))
    image = torch.randn(2, 8, 12, 12)
    expected = gradients(net, image, mixed=False)
    prepare_convolutions(net)
    net.train()
    found = gradients(net, image, mixed=True)
    assert found[0].dtype == torch.bfloat16
    assert found[2][0].dtype == torch.float32
    torch.testing.assert_close(found[0].float(), expected[0], rtol=2e-2, atol=2e-2)
    for one, other in zip([found[1], *found[2]], [expected[1], *expected[2]]):
        assert one.dtype == torch.float32
        assert (one - other).norm() < 0.02 * other.norm()


def test_groups_that_pad_by_size_in_mixed_precision():
    from timm.layers import Conv2dSame

    torch.manual_seed(0)
    net = nn.Sequential(Conv2dSame(8, 8, 3, stride=2, groups=2))
    image = torch.randn(1, 8, 12, 12)
    expected = gradients(net, image, mixed=False)
    prepare_convolutions(net)
    net.train()
    found = gradients(net, image, mixed=True)
    torch.testing.assert_close(found[0].float(), expected[0], rtol=2e-2, atol=2e-2)


def test_a_convolution_with_weights_of_its_own_making_stays():
    from timm.layers import ScaledStdConv2d

    torch.manual_seed(0)
    net = nn.Sequential(ScaledStdConv2d(8, 8, 3, groups=8))
    image = torch.randn(1, 8, 12, 12)
    expected = net(image)
    prepare_convolutions(net)
    assert torch.equal(net(image), expected)


def test_names_and_parameters_stay():
    net = timm.create_model('tf_efficientnet_lite0')
    before = dict(net.named_parameters())
    prepare_convolutions(net)
    after = dict(net.named_parameters())
    assert list(before) == list(after)
    assert all(value is after[name] for name, value in before.items())
