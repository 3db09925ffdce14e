from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from hcl_arch.archs.layers.activations import OverwritingGELU, gated_gelu, gelu_


def gelu(x: float) -> float:
    """x times the normal distribution's share below x."""
    return x * 0.5 * (1 + math.erf(x / math.sqrt(2)))


def saved_by(features: Tensor, gate: Tensor) -> list[Tensor]:
    """What the gated GELU keeps for the backward pass."""
    saved: list[Tensor] = []
    with torch.autograd.graph.saved_tensors_hooks(lambda x: saved.append(x) or x, lambda x: x):
        gated_gelu(features, gate)
    return saved


class TestGatedGelu:
    @pytest.mark.parametrize('grad', [True, False])
    def test_by_hand(self, grad: bool) -> None:
        # GELU(1) = 0.841345, GELU(-1) = -0.158655; sigmoid(0) = 0.5, sigmoid(log 3) = 0.75.
        features, gate = torch.tensor([1.0, -1.0, 0.0]), torch.tensor([0.0, math.log(3), 7.0])
        with torch.set_grad_enabled(grad):
            out = gated_gelu(features, gate)
        assert out.tolist() == pytest.approx([0.420672, -0.118992, 0.0], abs=1e-6)

    @pytest.mark.parametrize('grad', [True, False])
    def test_equals_pytorchs_functions(self, grad: bool) -> None:
        features, gate = 3 * torch.randn(2, 3, 4, 5), 3 * torch.randn(2, 3, 4, 5)
        expected = F.gelu(features) * torch.sigmoid(gate)
        with torch.set_grad_enabled(grad):
            torch.testing.assert_close(gated_gelu(features, gate), expected)

    def test_gradients_equal_those_of_pytorchs_functions(self) -> None:
        features, gate = (3 * torch.randn(2, 3, 4, 5, dtype=torch.float64) for _ in range(2))
        features.requires_grad_()
        gate.requires_grad_()
        weights = torch.randn(2, 3, 4, 5, dtype=torch.float64)
        grads = torch.autograd.grad((weights * gated_gelu(features, gate)).sum(), (features, gate))
        expected = torch.autograd.grad((weights * F.gelu(features) * torch.sigmoid(gate)).sum(), (features, gate))
        torch.testing.assert_close(grads, expected)

    def test_gradcheck(self) -> None:
        features, gate = (2 * torch.randn(3, 5, dtype=torch.float64) for _ in range(2))
        assert torch.autograd.gradcheck(gated_gelu, (features.requires_grad_(), gate.requires_grad_()))

    def test_large_values_have_finite_gradients(self) -> None:
        features = torch.tensor([60.0, -60.0, 60.0, -60.0], requires_grad=True)
        gate = torch.tensor([200.0, 200.0, -200.0, -200.0], requires_grad=True)
        out = gated_gelu(features, gate)
        out.sum().backward()
        assert out.tolist() == [60, 0, 0, 0]
        assert features.grad.tolist() == [1, 0, 0, 0]
        assert gate.grad.tolist() == [0, 0, 0, 0]

    def test_keeps_its_two_inputs_for_the_backward_pass(self) -> None:
        features, gate = (torch.randn(2, 3, 4, 4, requires_grad=True) for _ in range(2))
        saved = saved_by(features, gate)
        assert [tensor.data_ptr() for tensor in saved] == [features.data_ptr(), gate.data_ptr()]

    def test_leaves_its_inputs_where_they_have_a_gradient(self) -> None:
        features, gate = torch.randn(4), torch.randn(4)
        before = features.clone(), gate.clone()
        gated_gelu(features, gate)
        assert torch.equal(features, before[0])
        assert torch.equal(gate, before[1])

    @torch.no_grad()
    def test_overwrites_both_inputs_without_gradients(self) -> None:
        features, gate = torch.randn(4), torch.randn(4)
        expected, share = F.gelu(features) * torch.sigmoid(gate), torch.sigmoid(gate)
        out = gated_gelu(features, gate)
        assert out.data_ptr() == features.data_ptr()
        torch.testing.assert_close(features, expected)
        torch.testing.assert_close(gate, share)

    @pytest.mark.parametrize('grad', [True, False])
    def test_keeps_memory_format_and_precision(self, grad: bool) -> None:
        features, gate = (
            torch.randn(2, 3, 4, 5).to(torch.bfloat16, memory_format=torch.channels_last) for _ in range(2)
        )
        with torch.set_grad_enabled(grad):
            out = gated_gelu(features, gate)
        assert out.dtype == torch.bfloat16
        assert out.is_contiguous(memory_format=torch.channels_last)


class TestOverwritingGELU:
    def test_with_gradients_it_leaves_its_input(self) -> None:
        x = torch.randn(3, 5, dtype=torch.float64, requires_grad=True)
        before = x.detach().clone()
        assert torch.equal(OverwritingGELU()(x), F.gelu(before))
        assert torch.equal(x, before)
        assert torch.autograd.gradcheck(OverwritingGELU(), (x,))

    @torch.no_grad()
    def test_without_gradients_it_overwrites_its_input(self) -> None:
        x = torch.randn(3, 5)
        expected = F.gelu(x)
        out = OverwritingGELU()(x)
        assert out.data_ptr() == x.data_ptr()
        torch.testing.assert_close(x, expected)

    @torch.no_grad()
    def test_gelu_by_hand(self) -> None:
        values = [-2.0, -0.5, 0.0, 0.5, 2.0]
        x = torch.tensor(values)
        assert gelu_(x).tolist() == pytest.approx([gelu(value) for value in values], abs=1e-6)  # 1 + erf(x) cancels
        assert x.tolist() == pytest.approx([gelu(value) for value in values], abs=1e-6)  # 1 + erf(x) cancels
