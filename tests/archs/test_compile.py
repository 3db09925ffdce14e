"""`torch.compile` takes the networks as one graph; a graph break would be an error (`fullgraph=True`)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Optional

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hcl_arch.archs import HCLNet, HCLOutput, HCLRefineNet
from hcl_arch.archs.layers.activations import gated_gelu

# Two stages, the finer with displaced windows, and a refiner: tracing, not computing, takes the time.
TINY = {
    'dim': 4,
    'dim_mults': (1, 2),
    'num_heads': (1, 2),
    'encoder_depths': (2, 1),
    'decoder_depths': (1, 1),
    'conf_thresholds': (1.0, 0.95),
    'window_size': 4,
    'bottleneck_depth': 1,
    'bottleneck_window_size': 4,
    'proj_dim': 8,
    'kmeans_iters': 1,
}


@pytest.fixture(autouse=True)
def _without_earlier_graphs() -> Iterator[None]:
    torch.compiler.reset()
    yield
    torch.compiler.reset()


def tiny_net() -> HCLNet:
    return HCLNet(**TINY, refiner=HCLRefineNet(dim=2, dim_mults=(1,)))


def gradients(net: nn.Module) -> dict[str, Tensor]:
    """The parameters' gradients, which are taken away."""
    grads = {name: parameter.grad for name, parameter in net.named_parameters() if parameter.grad is not None}
    net.zero_grad(set_to_none=True)
    return grads


@torch.no_grad()
def test_evaluation() -> None:
    net = tiny_net().eval()
    compiled = torch.compile(net, fullgraph=True, backend='eager')
    lq = torch.rand(2, 3, 16, 24)
    before = lq.clone()
    torch.testing.assert_close(compiled(lq), net(lq))
    assert torch.equal(lq, before)


def test_training() -> None:
    net = tiny_net().train()
    compiled = torch.compile(net, fullgraph=True, backend='eager')
    lq, mask = torch.rand(2, 3, 16, 24), (torch.rand(2, 1, 16, 24) > 0.5).float()
    outputs, grads = [], []
    for function in (compiled, net):
        torch.manual_seed(1)  # of the k-means' starts
        output = function(lq, return_all=True, true_mask=mask)
        assert isinstance(output, HCLOutput)
        trained = [output.restored, output.coarse, output.center_logits, output.pixel_logits, *output.embeddings]
        sum(x.square().sum() for x in trained).backward()
        outputs.append(output)
        grads.append(gradients(net))
    torch.testing.assert_close(outputs[0], outputs[1])
    assert set(grads[1]) == {name for name, _ in net.named_parameters()}
    torch.testing.assert_close(grads[0], grads[1], atol=1e-5, rtol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize('window', [None, 64])
def test_training_in_looks(window: Optional[int]) -> None:
    """As the packaged model is trained; where the window lies depends on the mask, which breaks the graph."""
    net = HCLNet(
        dim=4, dim_mults=[1, 2, 4], encoder='timm', backbone='tf_efficientnet_lite0', n_conv_stages=1, looks=2,
        look_window=window, mask_from='pixels', decoder_depths=[1, 1, 1], window_size=4, bottleneck_window_size=4,
        conf_thresholds=[1.0, 0.95, 0.95],
    ).train()  # fmt: skip
    compiled = torch.compile(net, fullgraph=window is None, backend='eager')
    lq, mask = torch.rand(2, 3, 128, 128), (torch.rand(2, 1, 128, 128) > 0.5).float()
    outputs, grads = [], []
    for function in (compiled, net):
        torch.manual_seed(1)
        output = function(lq, return_all=True, true_mask=mask, restore=False)
        sum(x.square().sum() for x in output.mask_logits).backward()
        outputs.append(output.mask_logits)
        grads.append(gradients(net))
    torch.testing.assert_close(outputs[0], outputs[1])
    torch.testing.assert_close(grads[0], grads[1], atol=1e-5, rtol=1e-4)


def test_gated_gelu_has_its_gradients() -> None:
    # Dynamo gives zeros, and no error, where the forward pass of an autograd function returns what an operation in
    # place has written.
    compiled = torch.compile(gated_gelu, fullgraph=True, backend='eager')
    features, gate = torch.randn(5, requires_grad=True), torch.randn(5, requires_grad=True)
    grads = torch.autograd.grad(compiled(features, gate).sum(), (features, gate))
    expected = torch.autograd.grad((F.gelu(features) * torch.sigmoid(gate)).sum(), (features, gate))
    torch.testing.assert_close(grads, expected)
