from __future__ import annotations

import copy
import re
import warnings
from typing import Any, Callable, get_args

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hcl_arch.archs import HCLNet, HCLOutput, HCLRefineNet
from hcl_arch.archs.hcl.center_classifier import CenterClassifier
from hcl_arch.archs.layers.partial_conv import PartialConv2d
from hcl_arch.archs.layers.window_attention import WindowAttention
from hcl_arch.utils.precision import Precision, autocast, check_precision, lower_weights

DTYPES = {'bf16': torch.bfloat16, 'fp16': torch.float16}
# Differences from float32 that are allowed in an image of [0, 1] and in an embedding of unit length, and the share of
# the mask's pixels that has to agree.
BOUNDS = {'bf16': (0.03, 0.1, 0.95), 'fp16': (0.005, 0.015, 0.99)}


def computes_on_cpu(precision: str) -> bool:
    """Whether autocast computes in a precision on this PyTorch's CPU (float16 is newer than bfloat16)."""
    try:
        with warnings.catch_warnings(), torch.autocast('cpu', dtype=DTYPES[precision]):
            warnings.simplefilter('ignore')
            return F.conv2d(torch.ones(1, 1, 3, 3), torch.ones(1, 1, 3, 3)).dtype == DTYPES[precision]
    except RuntimeError:
        return False


LOW = [
    pytest.param(name, marks=pytest.mark.skipif(not computes_on_cpu(name), reason=f'no {name} on this CPU'))
    for name in DTYPES
]


SmallNet = Callable[..., HCLNet]


@pytest.fixture
def clear_net(small_options: dict[str, Any]) -> SmallNet:
    """Function that makes a small network, with refiner, whose embeddings differ clearly from region to region."""

    def make(**options: Any) -> HCLNet:
        net = HCLNet(**small_options, refiner=HCLRefineNet(dim=2, dim_mults=(1, 2)), **options).eval()
        for name, parameter in net.detector.named_parameters():
            if name.endswith('bias'):
                parameter.data.zero_()
            elif any(part in name for part in ('first_conv', 'downsamples', 'heads')):
                parameter.data.mul_(3)
        return net

    return make


def two_halves() -> tuple[Tensor, Tensor]:
    """Images of two colours with some noise, and which pixels have the first."""
    mask = torch.zeros(2, 1, 32, 32)
    mask[..., 12:] = 1
    colours = torch.tensor([[0.9, 0.8, 0.2], [0.1, 0.2, 0.7]]).view(2, 3, 1, 1)
    return torch.where(mask > 0, colours[:1], colours[1:]) + 0.05 * torch.randn(2, 3, 32, 32), mask


def detect_and_restore(net: HCLNet, lq: Tensor, mask: Tensor, precision: Precision) -> HCLOutput:
    """Everything that a network finds in a precision, restored by the true mask."""
    with autocast(precision, 'cpu'):
        return net(lq, return_all=True, true_mask=mask, guidance='true')


def largest_difference(a: Tensor, b: Tensor) -> float:
    return (a - b).abs().max().item()


class TestCheckPrecision:
    @pytest.mark.parametrize('precision', ['half', 'bfloat16', 'FP32', '', 16, None])
    def test_error(self, precision: Any) -> None:
        expected = f"Option precision must be one of ('fp32', 'bf16', 'fp16'), got {precision!r}."
        with pytest.raises(ValueError, match=re.escape(expected)):
            check_precision(precision)

    @pytest.mark.parametrize('precision', get_args(Precision))
    def test_every_choice_is_known(self, precision: Precision) -> None:
        check_precision(precision)
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')  # a PyTorch without float16 on CPUs says so
            autocast(precision, 'cpu')
        lower_weights(nn.Linear(2, 2), precision)


class TestAutocast:
    @pytest.mark.parametrize('device', ['cpu', torch.device('cpu')])
    def test_device_by_name_or_itself(self, device: Any) -> None:
        with autocast('bf16', device):
            assert nn.Linear(2, 2)(torch.ones(1, 2)).dtype == torch.bfloat16
        assert nn.Linear(2, 2)(torch.ones(1, 2)).dtype == torch.float32

    @pytest.mark.filterwarnings('error')
    def test_fp32_switches_an_outer_autocast_off(self) -> None:
        with torch.autocast('cpu', dtype=torch.bfloat16), autocast('fp32', 'cpu'):
            assert nn.Linear(2, 2)(torch.ones(1, 2)).dtype == torch.float32


class TestLowerWeights:
    @pytest.mark.parametrize('precision', ['bf16', 'fp16'])
    def test_converts_convolutions_and_linear_layers_only(self, clear_net: SmallNet, precision: Precision) -> None:
        net = clear_net(mask_from='pixels')
        buffers = {name: buffer.dtype for name, buffer in net.named_buffers()}
        lower_weights(net, precision)
        kept = {
            id(parameter)
            for module in net.modules()
            if isinstance(module, CenterClassifier)
            for parameter in module.parameters()
        }
        assert len(kept) == 3 * 4  # three classifiers of two linear layers
        seen = set()
        for module in net.modules():
            for parameter in module.parameters(recurse=False):
                lowered = isinstance(module, (nn.Conv2d, nn.Linear)) and id(parameter) not in kept
                assert parameter.dtype == (DTYPES[precision] if lowered else torch.float32)
                seen.add((type(module), lowered))
        # All that there is of each kind.
        for kind, lowered in [(nn.Conv2d, True), (nn.Linear, True), (nn.Linear, False), (WindowAttention, False),
                              (PartialConv2d, False)]:  # fmt: skip
            assert (kind, lowered) in seen
        assert any(issubclass(kind, nn.LayerNorm) for kind, _ in seen)
        assert {name: buffer.dtype for name, buffer in net.named_buffers()} == buffers

    def test_values_are_rounded_to_the_nearest(self) -> None:
        layer = nn.Linear(1, 2, bias=False)
        layer.weight.data = torch.tensor([[1 + 2**-7 + 2**-10], [-3.0]])
        lower_weights(layer, 'bf16')
        assert layer.weight.flatten().tolist() == [1 + 2**-7, -3.0]

    def test_fp32_changes_nothing(self, clear_net: SmallNet) -> None:
        net = clear_net()
        before = copy.deepcopy(net.state_dict())
        lower_weights(net, 'fp32')
        torch.testing.assert_close(net.state_dict(), before, atol=0, rtol=0)

    def test_a_module_that_keeps_float32_keeps_all_of_it(self) -> None:
        inner, outer = nn.Sequential(nn.Linear(2, 2)), nn.Linear(2, 2)
        inner.keep_float32 = True
        lower_weights(nn.Sequential(inner, outer), 'bf16')
        assert inner[0].weight.dtype == torch.float32
        assert outer.weight.dtype == torch.bfloat16
        lower_weights(inner, 'bf16')
        assert inner[0].weight.dtype == torch.float32


class TestNetwork:
    @pytest.mark.parametrize('precision', LOW)
    @torch.no_grad()
    def test_outputs_are_float32_and_close_to_those_in_float32(self, clear_net: SmallNet, precision: Precision) -> None:
        net, (lq, mask) = clear_net(), two_halves()
        full, low = (detect_and_restore(net, lq, mask, name) for name in ('fp32', precision))
        of_image, of_embedding, of_mask = BOUNDS[precision]
        for name in ('restored', 'coarse', 'mask', 'soft_mask', 'center_logits', 'pixel_logits'):
            assert getattr(low, name).dtype == torch.float32
        for name in ('restored', 'coarse'):
            assert 0 < largest_difference(getattr(low, name), getattr(full, name)) < of_image
        for embedding, expected in zip(low.embeddings, full.embeddings):
            assert embedding.dtype == torch.float32
            assert largest_difference(embedding, expected) < of_embedding
            torch.testing.assert_close(embedding.norm(dim=1), torch.ones(2, *embedding.shape[2:]), atol=1e-6, rtol=0)
        assert torch.equal(low.mask, (low.soft_mask >= 0.5).float())
        assert set(low.mask.unique().tolist()) == {0.0, 1.0}
        assert (low.mask == full.mask).float().mean() > of_mask

    @pytest.mark.parametrize('precision', LOW)
    @torch.no_grad()
    def test_layers_compute_in_16_bit_and_the_classifier_does_not(
        self, clear_net: SmallNet, precision: Precision
    ) -> None:
        net, (lq, mask) = clear_net(), two_halves()
        dtypes: dict[str, torch.dtype] = {}
        for name, module in net.named_modules():
            module.register_forward_hook(
                lambda _, inputs, out, name=name: dtypes.update({name: out.dtype}) if isinstance(out, Tensor) else None
            )
        detect_and_restore(net, lq, mask, precision)
        for name in ('detector.encoder.first_conv', 'detector.encoder.layers.0.blocks.1.norm1', 'bottleneck',
                     'detector.encoder.layers.0.blocks.1.attn', 'detector.encoder.layers.2', 'decoder.layers.0',
                     'decoder.last_conv', 'refiner.up_blocks.0', 'detector.projection_heads.heads.0'):  # fmt: skip
            assert dtypes[name] == DTYPES[precision], name
        assert dtypes['detector.classifier.layers.0'] == dtypes['detector.classifier'] == torch.float32
        assert dtypes['decoder'] == dtypes['refiner'] == torch.float32

    @pytest.mark.parametrize('precision', LOW)
    @torch.no_grad()
    def test_lowered_weights_change_nothing_beyond_rounding(self, clear_net: SmallNet, precision: Precision) -> None:
        net, (lq, mask) = clear_net(), two_halves()
        lowered = copy.deepcopy(net)
        lower_weights(lowered, precision)
        expected, output = (detect_and_restore(each, lq, mask, precision) for each in (net, lowered))
        # Autocast rounds the weights in the same way. Only the kernels of upsampling convolutions are sums, which are
        # now rounded before the sum as well as after it.
        for embedding, expected_embedding in zip(output.embeddings, expected.embeddings):
            assert torch.equal(embedding, expected_embedding)
        assert torch.equal(output.mask, expected.mask)
        assert largest_difference(output.coarse, expected.coarse) < BOUNDS[precision][0] / 2
        assert largest_difference(output.restored, expected.restored) < BOUNDS[precision][0] / 2

    @pytest.mark.parametrize('precision', LOW)
    def test_path_with_gradients_gives_the_same(self, clear_net: SmallNet, precision: Precision) -> None:
        net, (lq, mask) = clear_net(), two_halves()
        output = detect_and_restore(net, lq, mask, precision)
        with torch.no_grad():
            without = detect_and_restore(net, lq, mask, precision)
        for name in ('restored', 'coarse'):
            assert largest_difference(getattr(without, name), getattr(output, name)) < BOUNDS[precision][0] / 2
        loss = output.restored.mean() + output.coarse.mean() + sum(x.square().mean() for x in output.embeddings)
        loss.backward()
        grads = [parameter.grad for parameter in net.parameters() if parameter.grad is not None]
        assert len(grads) > 100
        assert all(grad.dtype == torch.float32 and grad.isfinite().all() for grad in grads)
