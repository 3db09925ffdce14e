"""Weight gradients from either layout: the same numbers, the same training, and where they do not apply."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from hcl_arch.archs.layers.upsample_conv import nearest_upsample_conv
from hcl_arch.training import weight_gradients
from hcl_arch.training.weight_gradients import WeightGradients, chosen_layout

CL = torch.channels_last


def gradients_of(network: nn.Module, x: Tensor) -> list[Tensor]:
    network.zero_grad()
    x = x.clone().requires_grad_()
    network(x).square().sum().backward()
    assert x.grad is not None
    return [x.grad, *(parameter.grad for parameter in network.parameters() if parameter.grad is not None)]


def calls(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Of the own backward function: whether it was given contiguous tensors."""
    seen: list[bool] = []
    original = weight_gradients._backward

    def spy(ctx: Any, gradient: Tensor, x: Tensor, weight: Tensor, wanted: list[bool]) -> Any:
        if wanted[1]:
            seen.append(x.is_contiguous() and gradient.is_contiguous())
        return original(ctx, gradient, x, weight, wanted)

    monkeypatch.setattr(weight_gradients, '_backward', spy)
    return seen


@pytest.mark.parametrize('bias', [True, False])
@pytest.mark.parametrize('options', [{'padding': 1}, {'stride': 2, 'padding': (1, 0)}, {'dilation': 2}])
def test_the_same_gradients(bias: bool, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    seen = calls(monkeypatch)
    plain = nn.Conv2d(5, 7, 3, bias=bias, **options).to(memory_format=CL)  # type: ignore[call-overload]
    changed = copy.deepcopy(plain)
    WeightGradients('contiguous').attach(changed)
    x = torch.randn(2, 5, 12, 14).contiguous(memory_format=CL)
    for expected, got in zip(gradients_of(plain, x), gradients_of(changed, x), strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-4)
    assert seen == [True]
    assert torch.equal(changed(x), plain(x))
    first, second = gradients_of(changed, x), gradients_of(changed, x)
    assert all(torch.equal(one, other) for one, other in zip(first, second))


def test_upsampled_maps_too(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = calls(monkeypatch)
    conv = nn.Conv2d(4, 6, 3, padding=1).to(memory_format=CL)  # type: ignore[call-overload]
    x = torch.randn(1, 4, 8, 8).contiguous(memory_format=CL)
    nearest_upsample_conv(x, conv).square().sum().backward()
    expected, conv.weight.grad = conv.weight.grad, None
    WeightGradients('contiguous').attach(conv)
    nearest_upsample_conv(x, conv).square().sum().backward()
    assert expected is not None
    assert conv.weight.grad is not None
    torch.testing.assert_close(conv.weight.grad, expected, rtol=1e-4, atol=1e-4)
    assert seen == [True]


def test_gradients_of_gradients() -> None:
    """As of a discriminator's penalty."""
    plain = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.Tanh(), nn.Conv2d(4, 1, 3)).to(memory_format=CL)  # type: ignore[call-overload]
    changed = copy.deepcopy(plain)
    WeightGradients('contiguous').attach(changed)
    found = []
    for network in (plain, changed):
        x = torch.ones(1, 3, 8, 8).contiguous(memory_format=CL).requires_grad_()
        (slope,) = torch.autograd.grad(network(x).sum(), x, create_graph=True)
        (slope.norm() - 1).square().backward()
        found.append([parameter.grad for parameter in network.parameters() if parameter.grad is not None])
    for expected, got in zip(*found, strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize('conv', [
    nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 3, groups=2), nn.Conv2d(4, 4, 3, padding='same'),
    nn.Conv2d(4, 4, 3, padding=1, padding_mode='reflect'),
])  # fmt: skip
def test_other_convolutions_stay_as_they_are(conv: nn.Conv2d, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = calls(monkeypatch)
    WeightGradients('contiguous').attach(conv)
    gradients_of(conv, torch.randn(1, 4, 8, 8).contiguous(memory_format=CL))
    assert seen == []


def test_neither_without_gradients_nor_in_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = calls(monkeypatch)
    conv = nn.Conv2d(4, 4, 3)
    WeightGradients('contiguous').attach(conv)
    x = torch.randn(1, 4, 8, 8).contiguous(memory_format=CL)
    with torch.autocast('cpu', torch.bfloat16):
        assert conv(x).dtype == torch.bfloat16
        conv(x).float().sum().backward()
    conv.requires_grad_(False)
    conv(x.requires_grad_()).sum().backward()
    assert seen == []


@pytest.mark.parametrize(('capability', 'limit', 'layout'), [
    ('AVX512', '', 'channels_last'), ('AVX2', '', 'contiguous'), ('AVX512', 'AVX2', 'contiguous'),
    ('AVX512', 'avx512_core', 'channels_last'), ('DEFAULT', '', 'channels_last'),
])  # fmt: skip
def test_by_the_processor(capability: str, limit: str, layout: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.cpu, 'get_cpu_capability', lambda: capability)
    monkeypatch.setenv('ONEDNN_MAX_CPU_ISA', limit)
    assert chosen_layout('auto') == layout
    assert chosen_layout('contiguous') == 'contiguous'
    assert chosen_layout('channels_last') == 'channels_last'
