"""Without gradients the networks compute in place: the same numbers, and nothing of the caller's is overwritten."""

from __future__ import annotations

from typing import Any, Callable, Optional

import pytest
import torch
from torch import Tensor, nn

from hcl_arch.archs import HCLDetector, HCLNet, HCLRefineNet
from hcl_arch.archs.layers import portions, transformer_layer
from hcl_arch.archs.layers.partial_conv import PartialConv2d
from hcl_arch.archs.layers.transformer_layer import TransformerLayer

SmallNet = Callable[..., HCLNet]
FORMATS = [torch.contiguous_format, torch.channels_last]


@pytest.fixture(autouse=True)
def _small_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Portions of three windows of 4 x 4 tokens without gradients; all windows at once with them, as on a GPU."""
    monkeypatch.setattr(portions, '_PORTION_TOKENS', {'cpu': 3 * 16})
    monkeypatch.setattr(transformer_layer, 'recomputed_in_portions', lambda block, *arguments: block(*arguments))


def randomized(module: nn.Module) -> nn.Module:
    """The module with random parameters large enough for every term to matter."""
    for parameter in module.parameters():
        nn.init.normal_(parameter, std=0.3)
    return module


def portions_of(layer: TransformerLayer, x: Tensor, mask: Optional[Tensor]) -> list[list[int]]:
    """How many windows each call of each block's attention got."""
    counts: list[list[int]] = [[] for _ in layer.blocks]
    hooks = [
        block.attn.register_forward_pre_hook(lambda _, inputs, index=index: counts[index].append(len(inputs[0])))
        for index, block in enumerate(layer.blocks)
    ]
    layer(x, mask)
    for hook in hooks:
        hook.remove()
    return counts


class TestTransformerLayer:
    @pytest.mark.parametrize('memory_format', FORMATS)
    @pytest.mark.parametrize('with_mask', [False, True])
    @pytest.mark.parametrize('size', [(8, 8), (4, 20)])
    def test_equals_the_path_with_gradients(
        self, size: tuple[int, int], with_mask: bool, memory_format: torch.memory_format
    ) -> None:
        layer = randomized(TransformerLayer(4, depth=3, num_heads=2, window_size=4, mask_guided=with_mask))
        x = torch.randn(2, 4, *size).contiguous(memory_format=memory_format)
        mask = (torch.rand(2, 1, *size) < 0.1).float() if with_mask else None
        expected = layer(x, mask)
        for context in (torch.no_grad, torch.inference_mode):
            with context():
                out = layer(x, mask)
            assert not out.requires_grad
            torch.testing.assert_close(out, expected, atol=1e-5, rtol=1e-5)

    @pytest.mark.parametrize('with_mask', [False, True])
    def test_mask_grows_in_the_same_way(self, with_mask: bool) -> None:
        layer = randomized(TransformerLayer(4, depth=2, num_heads=2, window_size=4, mask_guided=with_mask))
        x, mask = torch.randn(2, 4, 12, 16), torch.zeros(2, 1, 12, 16)
        mask[0, 0, 1, 5] = mask[1, 0, 10, 3] = 1
        features, grown = layer._attend(x, mask)
        with torch.no_grad():
            out, out_mask = layer._attend(x, mask)
        torch.testing.assert_close(out, features, atol=1e-5, rtol=1e-5)
        assert torch.equal(out_mask, grown)

    @torch.no_grad()
    def test_goes_through_uneven_portions(self) -> None:
        layer = TransformerLayer(4, depth=2, num_heads=2, window_size=4, mask_guided=True)
        x, mask = torch.randn(2, 4, 8, 8), torch.ones(2, 1, 8, 8)
        # Two maps of four windows, in place and displaced.
        assert portions_of(layer, x, mask) == [[3, 3, 2], [3, 3, 2]]
        with torch.enable_grad():
            assert portions_of(layer, x, mask) == [[8], [8]]

    @pytest.mark.parametrize('memory_format', FORMATS)
    @pytest.mark.parametrize('with_mask', [False, True])
    @torch.no_grad()
    def test_leaves_map_and_mask(self, with_mask: bool, memory_format: torch.memory_format) -> None:
        # A map of a single window is already in window order.
        for size in ((8, 8), (4, 4)):
            layer = randomized(TransformerLayer(4, depth=2, num_heads=2, window_size=4, mask_guided=with_mask))
            x = torch.randn(1, 4, *size).contiguous(memory_format=memory_format)
            mask = (torch.rand(1, 1, *size) < 0.2).float() if with_mask else None
            x_before, mask_before = x.clone(), None if mask is None else mask.clone()
            layer(x, mask)
            assert torch.equal(x, x_before)
            assert mask is None or torch.equal(mask, mask_before)


@torch.no_grad()
def test_partial_convolution_overwrites_only_when_told_to() -> None:
    conv = randomized(PartialConv2d(3, 4, 3))
    x, mask = torch.randn(2, 3, 6, 7), (torch.rand(2, 1, 6, 7) < 0.2).float()
    x_before, mask_before = x.clone(), mask.clone()
    with torch.enable_grad():
        expected = conv(x, mask)
    torch.testing.assert_close(conv(x, mask), expected)
    assert torch.equal(x, x_before)
    torch.testing.assert_close(conv.overwrite(x, mask), expected)
    assert torch.equal(x, x_before * mask)
    assert torch.equal(mask, mask_before)


class TestNetworks:
    @pytest.mark.parametrize('options', [
        {},
        {'n_conv_stages': 1, 'upsample_mode': 'nearest', 'conv_stage_order': 'gelu_conv'},
        {'mask_from': 'pixels'},
        {'single_stage': 1},
    ])  # fmt: skip
    @pytest.mark.parametrize('size', [(32, 32), (20, 35)])
    def test_hclnet_equals_the_path_with_gradients_and_leaves_its_inputs(
        self, small_net: SmallNet, size: tuple[int, int], options: dict[str, Any]
    ) -> None:
        net = small_net(refiner=HCLRefineNet(dim=2, dim_mults=(1, 2)), **options).eval()
        lq, true_mask = torch.rand(2, 3, *size), (torch.rand(2, 1, *size) > 0.5).float()
        before = lq.clone(), true_mask.clone()
        expected = net(lq, return_all=True, true_mask=true_mask, guidance='true')
        with torch.no_grad():
            output = net(lq, return_all=True, true_mask=true_mask, guidance='true')
            # Image by image on a CPU.
            torch.testing.assert_close(net(lq, true_mask=true_mask, guidance='true'), output.restored)
        assert expected.restored.requires_grad
        assert not output.restored.requires_grad
        assert torch.equal(lq, before[0])
        assert torch.equal(true_mask, before[1])
        for name in ('restored', 'coarse', 'center_logits', 'pixel_logits', 'embeddings', 'mask_logits'):
            torch.testing.assert_close(getattr(output, name), getattr(expected, name), atol=1e-5, rtol=1e-4)

    @torch.no_grad()
    def test_refiner_leaves_the_coarse_image_and_the_mask(self, small_net: SmallNet) -> None:
        net = small_net(refiner=HCLRefineNet(dim=2, dim_mults=(1, 2))).eval()
        lq = torch.rand(1, 3, 32, 32)
        refined = net(lq, return_all=True)
        net.refiner = None
        coarse_only = net(lq, return_all=True)
        assert torch.equal(refined.coarse, coarse_only.coarse)
        assert torch.equal(refined.mask, coarse_only.mask)
        assert not torch.equal(refined.restored, refined.coarse)

    @torch.no_grad()
    def test_decoder_leaves_features_and_masks_and_empties_the_list(self, small_net: SmallNet) -> None:
        net = small_net(n_conv_stages=1).eval()
        detection = net.detector.detect(torch.rand(1, 3, 32, 64) * 2 - 1)
        kept = [*detection.features, *detection.embeddings, *(stage.mask for stage in detection.stages)]
        before = [tensor.clone() for tensor in kept]
        features = list(detection.features)
        bottleneck = net.bottleneck(features[-1])
        net.decoder(bottleneck, features, [stage.mask for stage in detection.stages])
        assert features == []
        assert len(detection.features) == 3
        assert all(torch.equal(tensor, old) for tensor, old in zip(kept, before))

    @pytest.mark.parametrize('memory_format', FORMATS)
    @torch.no_grad()
    def test_detector_leaves_the_image(self, memory_format: torch.memory_format) -> None:
        detector = HCLDetector(dim=4, encoder_depths=(2, 1, 1), window_size=4, proj_dim=8).eval()
        image = torch.rand(2, 3, 32, 32).contiguous(memory_format=memory_format)
        before = image.clone()
        soft_mask = detector(image)
        assert torch.equal(image, before)
        with torch.enable_grad():
            torch.testing.assert_close(detector(image), soft_mask, atol=1e-4, rtol=1e-4)

    @pytest.mark.parametrize('upsample_mode', ['bilinear', 'nearest'])
    @pytest.mark.parametrize('size', [(16, 16), (9, 14)])
    def test_refiner_equals_the_path_with_gradients_and_leaves_its_input(
        self, size: tuple[int, int], upsample_mode: str
    ) -> None:
        net = randomized(HCLRefineNet(dim=2, dim_mults=(1, 2, 2), upsample_mode=upsample_mode))
        x = torch.rand(2, 4, *size).contiguous(memory_format=torch.channels_last)
        before = x.clone()
        expected = net(x)
        with torch.no_grad():
            torch.testing.assert_close(net(x), expected, atol=1e-5, rtol=1e-5)
        assert torch.equal(x, before)
