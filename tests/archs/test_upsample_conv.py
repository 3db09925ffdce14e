from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hcl_arch.archs.layers.upsample_conv import nearest_upsample_conv

SIZES = [(1, 1), (1, 5), (3, 7), (5, 4)]


def upsampled_first(x: Tensor, conv: nn.Conv2d) -> Tensor:
    """The convolution of the upsampled map, as it is written."""
    return conv(F.interpolate(x, scale_factor=2, mode='nearest'))


def test_by_hand() -> None:
    # Row by row, 1 ... 9 as a kernel on one pixel of 2: [[2, 2], [2, 2]] with zeros around. The output at the top left
    # sees the pixel with the kernel's lower right part, 5 + 6 + 8 + 9 = 28.
    conv = nn.Conv2d(1, 1, 3, padding=1)
    conv.weight.data = torch.arange(1.0, 10.0).view(1, 1, 3, 3)
    conv.bias.data.fill_(0.5)
    out = nearest_upsample_conv(torch.full((1, 1, 1, 1), 2.0), conv)
    assert out[0, 0].tolist() == [[56.5, 48.5], [32.5, 24.5]]


@pytest.mark.parametrize('bias', [True, False])
@pytest.mark.parametrize('size', SIZES)
@pytest.mark.parametrize('batch', [1, 2])
def test_equals_the_convolution_after_upsampling(batch: int, size: tuple[int, int], bias: bool) -> None:
    conv = nn.Conv2d(3, 4, 3, padding=1, bias=bias)
    x = torch.randn(batch, 3, *size)
    out = nearest_upsample_conv(x, conv)
    assert out.shape == (batch, 4, 2 * size[0], 2 * size[1])
    torch.testing.assert_close(out, upsampled_first(x, conv), atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize('bias', [True, False])
@pytest.mark.parametrize('size', SIZES)
def test_gradients_equal_those_of_the_convolution_after_upsampling(size: tuple[int, int], bias: bool) -> None:
    conv = nn.Conv2d(3, 4, 3, padding=1, bias=bias).double()
    x = torch.randn(2, 3, *size, dtype=torch.float64, requires_grad=True)
    weights = torch.randn(2, 4, 2 * size[0], 2 * size[1], dtype=torch.float64)
    inputs = [x, *conv.parameters()]
    out, expected_out = nearest_upsample_conv(x, conv), upsampled_first(x, conv)
    grads = torch.autograd.grad((weights * out).sum(), inputs)
    expected = torch.autograd.grad((weights * expected_out).sum(), inputs)
    # The kernels are summed in float32 even here.
    torch.testing.assert_close(out, expected_out, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(grads, expected, atol=1e-5, rtol=1e-5)


def test_channels_last() -> None:
    conv = nn.Conv2d(3, 4, 3, padding=1).to(memory_format=torch.channels_last)
    x = torch.randn(2, 3, 5, 7).contiguous(memory_format=torch.channels_last)
    out = nearest_upsample_conv(x, conv)
    assert out.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(out, upsampled_first(x, conv), atol=1e-6, rtol=1e-5)


def test_kernels_are_summed_before_they_are_rounded() -> None:
    # bfloat16's step above 1 is 2/256: sums of two, 1 + 1/256 and again 1/256 more, would end at 1.
    conv = nn.Conv2d(1, 1, 3, padding=1, bias=False).bfloat16()
    conv.weight.data = torch.tensor([[0.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 2**-8, 2**-8]]).bfloat16()[None, None]
    out = nearest_upsample_conv(torch.ones(1, 1, 1, 1, dtype=torch.bfloat16), conv)
    assert out[0, 0, 0, 0].item() == 1 + 2**-7
