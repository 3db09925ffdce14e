from __future__ import annotations

from typing import Optional

import pytest
import torch
from torch import Tensor, nn

from hcl_arch.archs.layers import portions
from hcl_arch.archs.layers.portions import overwrite_in_portions, recomputed_in_portions
from hcl_arch.archs.layers.transformer_layer import SwinBlock

N = 4  # tokens of a window


@pytest.fixture(autouse=True)
def _small_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Portions of three windows."""
    monkeypatch.setattr(portions, '_PORTION_TOKENS', {'cpu': 3 * N})


class Recorder(nn.Module):
    """Twice the windows plus their number; remembers how many windows and which numbers each call got."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[int, Optional[list[float]]]] = []

    def forward(self, windows: Tensor, number: Tensor, other: Optional[Tensor] = None) -> Tensor:
        self.calls.append((len(windows), None if other is None else other.tolist()))
        return 2 * windows + number[:, None, None]


def swin_block(width: int = 4) -> SwinBlock:
    """A block whose every parameter matters."""
    block = SwinBlock(width, num_heads=2, window_size=2)
    for parameter in block.parameters():
        nn.init.normal_(parameter, std=0.5)
    return block


def windows_and_masks(count: int = 8, width: int = 4) -> tuple[Tensor, Tensor, Tensor]:
    """Windows, their regions and which tokens are valid."""
    regions = torch.randint(3, (count, N), dtype=torch.int8)
    return torch.randn(count, N, width), regions, (torch.rand(count, N) < 0.7).float()


def gradients(out: Tensor, inputs: list[Tensor]) -> tuple[Tensor, ...]:
    """Of a sum of the output weighted by numbers that are the same at every call."""
    weights = torch.randn(out.shape, generator=torch.Generator().manual_seed(1))
    return torch.autograd.grad((weights * out.float()).sum(), inputs)


class TestOverwriteInPortions:
    @torch.no_grad()
    def test_by_hand(self) -> None:
        recorder, windows = Recorder(), torch.ones(8, N, 1)
        overwrite_in_portions(recorder, windows, torch.arange(8.0), torch.arange(10.0, 18.0))
        assert windows[:, 0, 0].tolist() == [2, 3, 4, 5, 6, 7, 8, 9]
        assert recorder.calls == [(3, [10, 11, 12]), (3, [13, 14, 15]), (2, [16, 17])]

    @pytest.mark.parametrize(('tokens', 'count'), [(1, 8), (N, 8), (2 * N - 1, 8), (2 * N, 4), (1000, 1)])
    @torch.no_grad()
    def test_number_of_portions(self, monkeypatch: pytest.MonkeyPatch, tokens: int, count: int) -> None:
        # A portion holds whole windows, at least one.
        monkeypatch.setattr(portions, '_PORTION_TOKENS', {'cpu': tokens})
        recorder = Recorder()
        overwrite_in_portions(recorder, torch.ones(8, N, 1), torch.arange(8.0), None)
        assert len(recorder.calls) == count
        assert sum(windows for windows, _ in recorder.calls) == 8

    @torch.no_grad()
    def test_equals_the_block(self) -> None:
        block, (windows, regions, valid) = swin_block(), windows_and_masks()
        for per_window in ((regions, valid), (regions, None), (None, valid), (None, None)):
            out = windows.clone()
            overwrite_in_portions(block, out, *per_window)
            torch.testing.assert_close(out, block(windows, *per_window), atol=1e-5, rtol=1e-5)


class TestRecomputedInPortions:
    @pytest.mark.parametrize('count', [1, 3, 8])
    @pytest.mark.parametrize('masked', [False, True])
    def test_equals_the_block(self, masked: bool, count: int) -> None:
        block, (windows, regions, valid) = swin_block(), windows_and_masks(count)
        per_window = (regions, valid) if masked else (None, None)
        before = windows.clone()
        inputs = [windows.requires_grad_(), *block.parameters()]
        out, expected = recomputed_in_portions(block, windows, *per_window), block(windows, *per_window)
        torch.testing.assert_close(out, expected, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(gradients(out, inputs), gradients(expected, inputs), atol=1e-4, rtol=1e-4)
        assert torch.equal(windows, before)

    def test_gradcheck(self) -> None:
        block = swin_block(2).double()
        windows, regions, valid = windows_and_masks(4, width=2)
        windows = windows.double().requires_grad_()
        names = ['norm1.weight', 'attn.relative_position_bias_table', 'mlp.0.bias']
        parameters = [block.get_parameter(name) for name in names]

        def function(windows: Tensor, *parameters: Tensor) -> Tensor:
            # The parameters are the block's own, which the check changes in place.
            return recomputed_in_portions(block, windows, regions, valid.double())

        assert torch.autograd.gradcheck(function, (windows, *parameters))

    def test_windows_without_gradient(self) -> None:
        block, (windows, regions, valid) = swin_block(), windows_and_masks()
        out = recomputed_in_portions(block, windows, regions, valid)
        parameters = list(block.parameters())
        expected = gradients(block(windows, regions, valid), parameters)
        torch.testing.assert_close(gradients(out, parameters), expected, atol=1e-4, rtol=1e-4)

    @pytest.mark.parametrize('frozen', ['some', 'all'])
    def test_frozen_parameters_get_no_gradient(self, frozen: str) -> None:
        block, (windows, regions, valid) = swin_block(), windows_and_masks()
        for index, parameter in enumerate(block.parameters()):
            parameter.requires_grad_(frozen == 'some' and index % 2 == 0)
        inputs = [windows.requires_grad_(), *(p for p in block.parameters() if p.requires_grad)]
        out, expected = recomputed_in_portions(block, windows, regions, valid), block(windows, regions, valid)
        torch.testing.assert_close(gradients(out, inputs), gradients(expected, inputs), atol=1e-4, rtol=1e-4)
        recomputed_in_portions(block, windows, regions, valid).sum().backward()
        assert all((parameter.grad is not None) == parameter.requires_grad for parameter in block.parameters())

    @pytest.mark.parametrize('windows_dtype', [torch.float32, torch.bfloat16])
    def test_backward_pass_computes_in_the_precision_of_the_forward_pass(self, windows_dtype: torch.dtype) -> None:
        block, (windows, regions, valid) = swin_block(), windows_and_masks(3)  # one portion: the same sums
        windows = windows.to(windows_dtype)
        inputs = [windows.requires_grad_(), *block.parameters()]
        with torch.autocast('cpu', dtype=torch.bfloat16):
            out, expected = recomputed_in_portions(block, windows, regions, valid), block(windows, regions, valid)
        assert out.dtype == expected.dtype == windows_dtype
        # Outside of autocast.
        grads, expected_grads = gradients(out, inputs), gradients(expected, inputs)
        assert [grad.dtype for grad in grads] == [windows_dtype] + [torch.float32] * (len(inputs) - 1)
        torch.testing.assert_close(out, expected, atol=0, rtol=0)
        torch.testing.assert_close(grads, expected_grads, atol=1e-6, rtol=1e-6)

    def test_keeps_nothing_but_its_arguments(self) -> None:
        block, (windows, regions, valid) = swin_block(), windows_and_masks()
        saved: list[Tensor] = []
        with torch.autograd.graph.saved_tensors_hooks(lambda x: saved.append(x) or x, lambda x: x):
            recomputed_in_portions(block, windows, regions, valid)
        pointers = {tensor.data_ptr() for tensor in saved}
        allowed = {tensor.data_ptr() for tensor in (windows, regions, valid, *block.parameters())}
        assert windows.data_ptr() in pointers
        assert pointers <= allowed

    def test_goes_through_the_portions_twice(self) -> None:
        block, (windows, regions, valid) = swin_block(), windows_and_masks()
        counts: list[int] = []
        block.attn.register_forward_pre_hook(lambda _, inputs: counts.append(len(inputs[0])))
        out = recomputed_in_portions(block, windows, regions, valid)
        assert counts == [3, 3, 2]
        out.sum().backward()
        assert sorted(counts) == [2, 2, 3, 3, 3, 3]

    def test_has_no_graph_without_gradients(self) -> None:
        block, (windows, regions, valid) = swin_block(), windows_and_masks()
        before = windows.clone()
        with torch.no_grad():
            out = recomputed_in_portions(block, windows, regions, valid)
            torch.testing.assert_close(out, block(windows, regions, valid), atol=1e-5, rtol=1e-5)
        assert not out.requires_grad
        assert torch.equal(windows, before)
