from __future__ import annotations

import pytest
import torch
from torch import nn

from hcl_arch.archs.layers.partial_conv import PartialConv2d
from hcl_arch.archs.layers.transformer_layer import TransformerLayer


def test_by_hand() -> None:
    # A 3x3 kernel of ones over 1x5 pixels: their sum times 9 / (valid ones), plus the bias 10.
    conv = PartialConv2d(1, 1, 3)
    nn.init.ones_(conv.conv.weight)
    nn.init.constant_(conv.bias, 10.0)
    x = torch.tensor([[[[2.0, 3.0, 5.0, 7.0, 11.0]]]])
    mask = torch.tensor([[[[1.0, 1.0, 0.0, 0.0, 0.0]]]])
    # Windows: {2, 3}, {2, 3}, {3}, none, none; without a valid pixel not even the bias remains.
    assert conv(x, mask).flatten().tolist() == pytest.approx([32.5, 32.5, 37.0, 0.0, 0.0])


@pytest.mark.parametrize('share', [0.0, 0.2, 0.7, 1.0])
def test_equals_slow_loop(share: float) -> None:
    conv = PartialConv2d(3, 4, 3)
    nn.init.normal_(conv.bias)
    x, mask = torch.randn(2, 3, 6, 7), (torch.rand(2, 1, 6, 7) < share).float()
    out = conv(x, mask)
    for b in range(2):
        for row in range(6):
            for column in range(7):
                total, seen = torch.zeros(4), 0
                for i in (-1, 0, 1):
                    for j in (-1, 0, 1):
                        y, z = row + i, column + j
                        if 0 <= y < 6 and 0 <= z < 7 and mask[b, 0, y, z] > 0:
                            total = total + conv.conv.weight[:, :, i + 1, j + 1] @ x[b, :, y, z]
                            seen += 1
                expected = total * 9 / seen + conv.bias if seen else torch.zeros(4)
                torch.testing.assert_close(out[b, :, row, column], expected, atol=1e-5, rtol=1e-5)


def test_invalid_pixels_do_not_matter_and_get_no_gradient() -> None:
    conv = PartialConv2d(2, 2, 3)
    x, mask = torch.randn(1, 2, 8, 8, requires_grad=True), (torch.rand(1, 1, 8, 8) < 0.5).float()
    conv(x, mask).square().sum().backward()
    invalid = (mask == 0).expand_as(x)
    assert (x.grad[invalid] == 0).all()
    assert (x.grad[~invalid] != 0).any()


def test_gradient_is_finite_without_any_valid_pixel() -> None:
    conv = PartialConv2d(2, 2, 3)
    x = torch.randn(1, 2, 4, 4, requires_grad=True)
    conv(x, torch.zeros(1, 1, 4, 4)).sum().backward()
    assert all((tensor.grad == 0).all() for tensor in (x, conv.bias, conv.conv.weight))


def test_mask_guided_layer_hands_the_grown_mask_to_its_convolution() -> None:
    layer = TransformerLayer(4, depth=1, num_heads=1, window_size=4, mask_guided=True)
    nn.init.ones_(layer.conv.bias)
    mask = torch.zeros(1, 1, 8, 8)
    mask[0, 0, 1, 1] = 1
    x = torch.randn(1, 4, 8, 8)
    change = layer(x, mask) - x
    # The first window has become valid; the convolution reaches one pixel further.
    assert (change[..., :5, :5] != 0).all()
    assert (change[..., 5:, :] == 0).all()
    assert (change[..., :, 5:] == 0).all()
