"""`use_checkpoint` computes intermediate results again: the same numbers and gradients, with less kept between.

On a CPU transformer blocks do that in any case. The runs without the option keep everything, as on a GPU.
"""

from __future__ import annotations

from typing import Any, Callable, NamedTuple

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

from hcl_arch.archs import HCLDetector, HCLNet, HCLOutput, HCLRefineNet
from hcl_arch.archs.layers import transformer_layer
from hcl_arch.archs.layers.portions import checkpointed
from hcl_arch.archs.layers.transformer_layer import TransformerLayer
from hcl_arch.utils.precision import Precision, autocast

SmallNet = Callable[..., HCLNet]


class Run(NamedTuple):
    """What a forward and a backward pass gave and kept."""

    outputs: list[Tensor]
    grads: dict[str, Tensor]
    saved_count: int
    """Tensors that the forward pass handed to autograd for the backward pass."""
    saved_bytes: int
    """Their memory, each storage once, without the parameters."""


def run(net: nn.Module, forward: Callable[[], list[Tensor]], *, keep: bool) -> Run:
    """Run a network forwards and, from a weighted sum of its outputs, backwards.

    Args:
        net: The network.
        forward: Runs it.
        keep: Whether transformer blocks keep everything, as on a GPU without `use_checkpoint`.
    """
    parameters = {parameter.untyped_storage().data_ptr() for parameter in net.parameters()}
    saved: list[Tensor] = []
    hooks = torch.autograd.graph.saved_tensors_hooks(lambda x: saved.append(x) or x, lambda x: x)
    with pytest.MonkeyPatch.context() as patch, hooks:
        if keep:
            patch.setattr(transformer_layer, 'recomputed_in_portions', lambda block, *arguments: block(*arguments))
        outputs = forward()
    storages = {x.untyped_storage().data_ptr(): x.untyped_storage().nbytes() for x in saved}
    saved_bytes = sum(size for pointer, size in storages.items() if pointer not in parameters)
    generator = torch.Generator().manual_seed(3)
    net.zero_grad()
    sum((torch.rand(x.shape, generator=generator) * x.float()).sum() for x in outputs).backward()
    grads = {name: p.grad.clone() for name, p in net.named_parameters() if p.grad is not None}
    return Run([x.detach() for x in outputs], grads, len(saved), saved_bytes)


def assert_same(recomputed: Run, kept: Run) -> None:
    """Assert equal outputs and gradients."""
    assert len(kept.grads) > 0
    torch.testing.assert_close(recomputed.outputs, kept.outputs, atol=0, rtol=0)
    torch.testing.assert_close(recomputed.grads, kept.grads, atol=1e-6, rtol=1e-5)


def trained_parts(output: HCLOutput) -> list[Tensor]:
    """The outputs of a network that losses are made of."""
    return [output.restored, output.coarse, output.center_logits, output.pixel_logits, *output.embeddings]


class TestCheckpointed:
    def test_calls_again_in_the_backward_pass(self) -> None:
        calls: list[Any] = []

        def square(x: Tensor, option: Any) -> Tensor:
            calls.append(option)
            return x * x

        x = torch.tensor([3.0], requires_grad=True)
        y = checkpointed(square, x, None, enabled=True)
        assert y.tolist() == [9]
        assert len(calls) == 1
        y.backward()
        assert calls == [None, None]
        assert x.grad.tolist() == [6]

    @pytest.mark.parametrize(('enabled', 'grad'), [(False, True), (True, False)])
    def test_calls_once(self, enabled: bool, grad: bool) -> None:
        calls: list[Tensor] = []

        def square(x: Tensor) -> Tensor:
            calls.append(x)
            return x * x

        x = torch.tensor([3.0], requires_grad=True)
        with torch.set_grad_enabled(grad):
            y = checkpointed(square, x, enabled=enabled)
        if grad:
            y.backward()
        assert y.tolist() == [9]
        assert len(calls) == 1


@pytest.mark.parametrize('with_mask', [False, True])
def test_layer(with_mask: bool) -> None:
    x = torch.randn(2, 8, 16, 16, requires_grad=True)
    mask = (torch.rand(2, 1, 16, 16) < 0.1).float() if with_mask else None
    runs, input_grads = [], []
    for use_checkpoint in (True, False):
        torch.manual_seed(0)
        layer = TransformerLayer(
            8, depth=2, num_heads=2, window_size=4, mask_guided=with_mask, use_checkpoint=use_checkpoint
        )
        x.grad = None
        runs.append(run(layer, lambda layer=layer: [layer(x, mask)], keep=not use_checkpoint))
        input_grads.append(x.grad)
    assert_same(*runs)
    torch.testing.assert_close(*input_grads)
    assert runs[0].saved_bytes < runs[1].saved_bytes / 4


def test_layer_on_a_cpu_computes_its_blocks_again_in_any_case() -> None:
    layer = TransformerLayer(8, depth=2, num_heads=2, window_size=4)
    x = torch.randn(2, 8, 16, 16, requires_grad=True)
    kept, recomputed = (run(layer, lambda: [layer(x)], keep=keep) for keep in (True, False))
    assert_same(recomputed, kept)
    assert recomputed.saved_bytes < kept.saved_bytes / 4


@pytest.mark.parametrize('use_checkpoint', [True, False])
@pytest.mark.parametrize('with_mask', [False, True])
@pytest.mark.filterwarnings('ignore:.*CUDA is not available')
def test_layer_on_a_gpu_computes_its_blocks_again_if_told_to(
    monkeypatch: pytest.MonkeyPatch, with_mask: bool, use_checkpoint: bool
) -> None:
    again: list[nn.Module] = []

    def record(block: nn.Module, *arguments: Any) -> Tensor:
        again.append(block)
        return block(*arguments)

    monkeypatch.setattr(transformer_layer, 'recomputed_in_portions', record)
    # Fake tensors have no data and need no GPU, but refuse to mix devices.
    with FakeTensorMode():
        with torch.device('cuda'):
            layer = TransformerLayer(
                8, depth=2, num_heads=2, window_size=4, mask_guided=with_mask, use_checkpoint=use_checkpoint
            )
            x, mask = torch.randn(2, 8, 16, 16), torch.ones(2, 1, 16, 16)
        out = layer(x, mask if with_mask else None)
    assert out.shape == x.shape
    assert out.requires_grad
    assert again == (list(layer.blocks) if use_checkpoint else [])


@pytest.mark.parametrize('precision', ['fp32', 'bf16'])
@pytest.mark.parametrize('options', [{}, {'n_conv_stages': 1, 'detach_classifier': False}])
def test_hclnet(small_net: SmallNet, options: dict[str, Any], precision: Precision) -> None:
    lq, mask = torch.rand(2, 3, 32, 48), (torch.rand(2, 1, 32, 48) > 0.5).float()
    runs = []
    for use_checkpoint in (True, False):
        torch.manual_seed(0)
        refiner = HCLRefineNet(dim=2, dim_mults=(1, 2), use_checkpoint=use_checkpoint)
        net = small_net(refiner=refiner, use_checkpoint=use_checkpoint, **options).train()

        def forward(net: HCLNet = net) -> list[Tensor]:
            with autocast(precision, 'cpu'):
                generator = torch.Generator().manual_seed(1)
                return trained_parts(net(lq, return_all=True, true_mask=mask, generator=generator))

        runs.append(run(net, forward, keep=not use_checkpoint))
    assert_same(*runs)
    assert set(runs[0].grads) == {name for name, _ in net.named_parameters()}
    assert runs[0].saved_count < runs[1].saved_count
    assert runs[0].saved_bytes < runs[1].saved_bytes / 2


def test_detector() -> None:
    image = torch.rand(2, 3, 32, 32) * 2 - 1
    mask = (torch.rand(2, 1, 32, 32) > 0.5).float()
    runs = []
    for use_checkpoint in (True, False):
        torch.manual_seed(0)
        net = HCLDetector(
            dim=4, encoder_depths=(2, 1, 1), window_size=4, proj_dim=8, use_checkpoint=use_checkpoint
        ).train()

        def forward(net: HCLDetector = net) -> list[Tensor]:
            generator = torch.Generator().manual_seed(1)
            return net.detect(image, true_mask=mask, generator=generator).embeddings

        runs.append(run(net, forward, keep=not use_checkpoint))
    assert_same(*runs)
    assert runs[0].saved_bytes < runs[1].saved_bytes / 2


@pytest.mark.parametrize('upsample_mode', ['bilinear', 'nearest'])
def test_refiner(upsample_mode: str) -> None:
    x = torch.rand(2, 4, 20, 24)
    runs = []
    for use_checkpoint in (True, False):
        torch.manual_seed(0)
        net = HCLRefineNet(dim=4, dim_mults=(1, 2, 2), upsample_mode=upsample_mode, use_checkpoint=use_checkpoint)
        runs.append(run(net, lambda net=net: [net(x)], keep=False))
    assert_same(*runs)
    assert runs[0].saved_count < runs[1].saved_count
    assert runs[0].saved_bytes < runs[1].saved_bytes / 2


def test_is_off_by_default_and_changes_nothing_without_gradients(small_net: SmallNet) -> None:
    with_option, without = small_net(use_checkpoint=True).eval(), small_net().eval()
    with_option.load_state_dict(without.state_dict())
    lq = torch.rand(1, 3, 32, 32)
    layers = [module for module in without.modules() if isinstance(module, TransformerLayer)]
    assert not any(layer.use_checkpoint for layer in layers)
    layers = [module for module in with_option.modules() if isinstance(module, TransformerLayer)]
    assert len(layers) == 3 + 1 + 3
    assert all(layer.use_checkpoint for layer in layers)
    with torch.no_grad():
        assert torch.equal(with_option(lq), without(lq))
