from __future__ import annotations

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from basicsr.archs import build_network
from torch import Tensor

from hcl_arch.archs import VCNet, VCNetInpainter, VCNetMaskPredictor
from hcl_arch.archs.baselines.vcnet_context_norm import (
    ProbabilisticContextNorm,
    published_mean_std,
    transfer_context_statistics,
    transfer_published_statistics,
    weighted_mean_std,
)
from hcl_arch.archs.baselines.vcnet_published_layers import PointwiseConv2d
from hcl_arch.archs.blind_restoration import BlindOutput
from hcl_arch.archs.image_form import pad_to_multiple

# Of VCNet's program: input and output channels, kernel, stride and dilation of the convolutions in the order of their
# use; in a block with a convolution on its shortcut that comes last.
MASK_LAYERS = [
    (3, 64, 5, 2, 1), (64, 64, 5, 1, 1), (3, 64, 1, 2, 1),
    (64, 128, 3, 2, 1), (128, 128, 3, 1, 1), (64, 128, 1, 2, 1),
    (128, 128, 3, 1, 2), (128, 128, 3, 1, 2),
    (128, 128, 3, 1, 4), (128, 128, 3, 1, 4),
    (128, 128, 3, 1, 1), (128, 128, 3, 1, 1),
    (128, 64, 3, 1, 1), (64, 64, 3, 1, 1), (128, 64, 1, 1, 1),
    (64, 32, 3, 1, 1), (32, 32, 3, 1, 1), (64, 32, 1, 1, 1),
    (32, 16, 3, 1, 1), (16, 1, 3, 1, 1),
]  # fmt: skip
INPAINTING_LAYERS = [
    (3, 32, 5, 1, 1), (32, 32, 5, 1, 1), (3, 32, 1, 1, 1),
    (32, 64, 3, 2, 1), (64, 64, 3, 1, 1), (32, 64, 1, 2, 1),
    (64, 64, 3, 1, 1), (64, 64, 3, 1, 1),
    (64, 128, 3, 2, 1), (128, 128, 3, 1, 1), (64, 128, 1, 2, 1),
    *((128, 128, 3, 1, dilation) for dilation in (1, 1, 2, 2, 2, 2, 4, 4, 4, 4, 1, 1)),
    (256, 64, 3, 1, 1), (64, 64, 3, 1, 1), (256, 64, 1, 1, 1),
    (64, 64, 3, 1, 1), (64, 64, 3, 1, 1),
    (64, 32, 3, 1, 1), (32, 32, 3, 1, 1), (64, 32, 1, 1, 1),
    (32, 32, 3, 1, 1), (32, 32, 3, 1, 1),
    (32, 3, 3, 1, 1),
]  # fmt: skip
both_layers = pytest.mark.parametrize('layers', ['published', 'compact'])


def small_vcnet(**options: object) -> VCNet:
    torch.manual_seed(0)
    return build_network({'type': 'VCNet', 'dim': 4, 'detector_blocks': 2, 'inpainter_blocks': 2, **options})


def patched_batch(size: int = 32) -> tuple[Tensor, Tensor]:
    """Four smooth images with a square of fine noise, and their masks."""
    generator = torch.Generator().manual_seed(0)
    smooth = F.interpolate(torch.rand(4, 3, 2, 2, generator=generator), size=size, mode='bilinear')
    mask = torch.ones(4, 1, size, size)
    for index in range(4):
        mask[index, :, 4 * index : 4 * index + 12, 8:24] = 0
    return mask * smooth + (1 - mask) * torch.rand(4, 3, size, size, generator=generator), mask


def has_gradient(module: torch.nn.Module) -> bool:
    return any(p.grad is not None and bool((p.grad != 0).any()) for p in module.parameters())


def with_open_gate(norm: ProbabilisticContextNorm) -> ProbabilisticContextNorm:
    """The norm with beta = 1."""
    torch.nn.init.constant_(norm.gate[-2].bias, 50.0)
    return norm


class TestContextNorm:
    def test_statistics_against_a_loop_over_pixels(self) -> None:
        features, weights = torch.randn(2, 3, 4, 5, dtype=torch.double), torch.rand(2, 1, 4, 5, dtype=torch.double)
        mean, std = weighted_mean_std(features, weights, eps=0.0)
        for b in range(2):
            pixels = [(y, x) for y in range(4) for x in range(5)]
            total = sum(weights[b, 0, y, x].item() for y, x in pixels)
            for c in range(3):
                slow_mean = sum(weights[b, 0, y, x].item() * features[b, c, y, x].item() for y, x in pixels) / total
                slow_variance = (
                    sum(weights[b, 0, y, x].item() * (features[b, c, y, x].item() - slow_mean) ** 2 for y, x in pixels)
                    / total
                )
                assert mean[b, c, 0, 0].item() == pytest.approx(slow_mean)
                assert std[b, c, 0, 0].item() == pytest.approx(math.sqrt(slow_variance))

    def test_corrupted_features_take_on_the_statistics_of_the_context(self) -> None:
        features = torch.randn(2, 8, 16, 16) * 3
        mask = torch.ones(2, 1, 16, 16)
        mask[..., 3:9, 5:12] = 0
        features = features + 10 * (1 - mask)
        normalised = with_open_gate(ProbabilisticContextNorm(8))(features, mask)
        context = weighted_mean_std(features, mask)
        for found, expected in zip(weighted_mean_std(normalised, 1 - mask), context):
            torch.testing.assert_close(found, expected, atol=1e-3, rtol=1e-3)
        assert torch.equal(normalised * mask, features * mask)

    def test_beta_blends_transferred_and_own_features(self) -> None:
        norm = ProbabilisticContextNorm(4)
        torch.nn.init.zeros_(norm.gate[-2].weight)
        torch.nn.init.zeros_(norm.gate[-2].bias)  # beta = 0.5
        features, mask = torch.randn(1, 4, 8, 8), torch.rand(1, 1, 8, 8)
        blend = 0.5 * transfer_context_statistics(features, mask) + 0.5 * features
        torch.testing.assert_close(norm(features, mask), (1 - mask) * blend + mask * features)

    def test_without_holes_features_pass_unchanged(self) -> None:
        features = torch.randn(2, 4, 8, 8)
        assert torch.equal(ProbabilisticContextNorm(4)(features, torch.ones(2, 1, 8, 8)), features)

    @pytest.mark.parametrize('known', [0.0, 1.0])
    def test_values_and_gradients_are_finite_where_there_is_no_context_or_no_hole(self, known: float) -> None:
        features = torch.randn(1, 4, 8, 8, requires_grad=True)
        mask = torch.full((1, 1, 8, 8), known, requires_grad=True)
        normalised = with_open_gate(ProbabilisticContextNorm(4))(features, mask)
        normalised.square().sum().backward()
        assert normalised.isfinite().all()
        assert features.grad is not None
        assert features.grad.isfinite().all()
        assert mask.grad is not None
        assert mask.grad.isfinite().all()

    def test_gradient(self) -> None:
        norm = ProbabilisticContextNorm(2)
        features = torch.randn(1, 2, 3, 3, requires_grad=True)
        mask = torch.rand(1, 1, 3, 3).mul(0.8).add(0.1).requires_grad_()
        transfer = torch.autograd.gradcheck(
            transfer_context_statistics, (features.double(), mask.double()), atol=1e-4, rtol=1e-3
        )
        assert transfer
        norm(features, mask).square().sum().backward()
        assert mask.grad is not None
        assert (mask.grad != 0).all()


class TestPublishedContextNorm:
    def test_statistics_against_a_loop_over_pixels(self) -> None:
        features, weights = torch.randn(2, 3, 4, 5, dtype=torch.double), torch.rand(2, 1, 4, 5, dtype=torch.double)
        mean, std = published_mean_std(features, weights, eps=0.1)
        for b in range(2):
            for c in range(3):
                pairs = [(weights[b, 0, y, x].item(), features[b, c, y, x].item()) for y in range(4) for x in range(5)]
                total = sum(weight for weight, _ in pairs) + 0.1
                slow_mean = sum(weight * (weight * value) for weight, value in pairs) / total
                squares = sum((weight * (weight * value) - slow_mean) ** 2 for weight, value in pairs)
                assert mean[b, c, 0, 0].item() == pytest.approx(slow_mean)
                assert std[b, c, 0, 0].item() == pytest.approx(math.sqrt(squares / total + 0.1))

    def test_two_pixels_by_hand(self) -> None:
        """The hole has mean 6 and the deviation sqrt(0^2 + 6^2), the context mean 2 and sqrt(2^2 + 0^2)."""
        features, mask = torch.tensor([[[[2.0, 6.0]]]]), torch.tensor([[[[1.0, 0.0]]]])
        moved = transfer_published_statistics(features, mask, eps=1e-12)
        torch.testing.assert_close(moved, torch.tensor([[[[-6 / 6 * 2 + 2, 2.0]]]]))

    @pytest.mark.parametrize('known', [0.0, 1.0])
    def test_values_and_gradients_are_finite_where_there_is_no_context_or_no_hole(self, known: float) -> None:
        features = torch.randn(1, 4, 8, 8, requires_grad=True)
        mask = torch.full((1, 1, 8, 8), known, requires_grad=True)
        norm = with_open_gate(ProbabilisticContextNorm(4, transfer=transfer_published_statistics))
        norm(features, mask).square().sum().backward()
        for leaf in (features, mask):
            assert leaf.grad is not None
            assert leaf.grad.isfinite().all()

    def test_gradient(self) -> None:
        features = torch.randn(1, 2, 3, 3, dtype=torch.double, requires_grad=True)
        mask = torch.rand(1, 1, 3, 3, dtype=torch.double).mul(0.8).add(0.1).requires_grad_()
        assert torch.autograd.gradcheck(transfer_published_statistics, (features, mask))


class TestPublishedLayers:
    @torch.no_grad()
    def test_table_of_convolutions(self) -> None:
        net, tables = VCNet(), {'detector': [], 'restorer': []}
        for name, layer in net.named_modules():
            if isinstance(layer, torch.nn.Conv2d):
                table = tables[name.partition('.')[0]]
                layer.register_forward_hook(
                    lambda conv, args, output, table=table: table.append(
                        (conv.in_channels, conv.out_channels, conv.kernel_size[0], conv.stride[0], conv.dilation[0])
                    )
                )
                assert conv_keeps_size(layer)
        net(torch.rand(1, 3, 16, 16))
        assert tables == {'detector': MASK_LAYERS, 'restorer': INPAINTING_LAYERS}

    def test_numbers_of_parameters_follow_from_the_table(self) -> None:
        net = VCNet()
        kernels = [sum(i * o * k * k + o for i, o, k, _, _ in table) for table in (MASK_LAYERS, INPAINTING_LAYERS)]
        gates = [width * (width // 16) * 2 + width + width // 16
                 for width in (32, 64, 64, *[128] * 7, 64, 64, 32, 32)]  # fmt: skip
        counts = [sum(p.numel() for p in part.parameters()) for part in (net.detector, net.restorer)]
        assert counts == [kernels[0], kernels[1] + sum(gates)] == [1_376_385, 2_502_353]

    def test_more_blocks_are_dilated_ones(self) -> None:
        def dilations(part: torch.nn.Module) -> list[int]:
            found = [layer.dilation[0] for layer in part.modules() if isinstance(layer, torch.nn.Conv2d)]
            return [dilation for dilation in found if dilation > 1][::2]

        net = small_vcnet(detector_blocks=4, inpainter_blocks=7)
        assert dilations(net.detector) == [2, 4, 8, 2]
        assert dilations(net.restorer) == [2, 2, 4, 4, 8, 8, 2]

    @torch.no_grad()
    def test_residual_block_by_hand(self) -> None:
        block = small_vcnet().restorer.network.down_blocks[1][0]
        x, mask = torch.rand(1, 4, 8, 8), torch.rand(1, 1, 4, 4)
        residual = block.conv2(F.elu(block.conv1(x)))
        beta = block.norm.gate(residual.mean(dim=(2, 3)))[..., None, None]
        moved = transfer_published_statistics(residual, mask)
        hole = 1 - mask
        normed = beta * moved * hole + (1 - beta) * residual * hole + residual * mask
        torch.testing.assert_close(block(x, mask), F.elu(normed + block.shortcut(x)))

    def test_strided_shortcut_is_a_convolution(self) -> None:
        """In the layout and with the widths with which PyTorch's own one destroys its memory."""
        shortcut = PointwiseConv2d(3, 16, 1, stride=2).to(memory_format=torch.channels_last)
        image = torch.rand(4, 3, 63, 64).contiguous(memory_format=torch.channels_last)
        expected = F.conv2d(image.contiguous(), shortcut.weight.contiguous(), shortcut.bias, stride=2)
        torch.testing.assert_close(shortcut(image), expected)
        slope = torch.rand_like(expected)
        shortcut(image).backward(slope)
        summed = torch.einsum('bchw,bdhw->dc', image[..., ::2, ::2], slope)
        torch.testing.assert_close(shortcut.weight.grad[..., 0, 0], summed, rtol=1e-5, atol=1e-5)

    def test_every_norm_sees_every_second_pixel_of_the_mask_above(self) -> None:
        inpainter, seen = small_vcnet().restorer, []
        for layer in inpainter.modules():
            if isinstance(layer, ProbabilisticContextNorm):
                layer.register_forward_hook(lambda layer, args, output: seen.append(args[1]))
        mask = torch.rand(1, 1, 16, 24, requires_grad=True)
        inpainter(torch.cat([torch.rand(1, 3, 16, 24), mask], dim=1), torch.rand(1, 16, 4, 6))
        assert [given.shape[-1] for given in seen] == [24, 12, 12, 6, 6, 6, 6, 6, 12, 12, 24, 24]
        for given in seen:
            assert torch.equal(given, F.interpolate(mask, given.shape[-2:], mode='nearest'))
            assert given.requires_grad

    def test_inpainter_gets_the_predictors_features_without_graph(self) -> None:
        net, given = small_vcnet(), []
        net.restorer.register_forward_hook(lambda layer, args, output: given.append(args[1]))
        lq, mask = patched_batch()
        net(lq, true_mask=mask, guidance='true')
        net.repair(lq, mask)
        expected = net.detector.network.encode(2 * lq - 1)
        for features in given:
            assert not features.requires_grad
            torch.testing.assert_close(features, expected)

    @torch.no_grad()
    def test_repairing_equals_restoring_by_the_true_mask(self) -> None:
        net, (lq, mask) = small_vcnet().eval(), patched_batch(50)
        torch.testing.assert_close(net.repair(lq, mask), net(lq, true_mask=mask, guidance='true'))

    def test_weights_start_as_asked_for(self) -> None:
        net = VCNet(weight_init='normal')
        convs = [layer for layer in net.modules() if isinstance(layer, torch.nn.Conv2d)]
        drawn = torch.cat([conv.weight.flatten() for conv in convs])
        assert drawn.std().item() == pytest.approx(0.02, rel=0.01)
        assert all((conv.bias == 0).all() for conv in convs)

    def test_inpainter_alone_needs_no_features(self) -> None:
        painted = VCNetInpainter(dim=4, n_blocks=1)(torch.rand(1, 4, 18, 16))
        assert painted.shape == (1, 3, 18, 16)

    def test_weights_of_before_fit_the_compact_layers(self) -> None:
        """As they were before there were others: names, and numbers of parameters at the width of then."""
        net = VCNet(dim=64, detector_blocks=4, inpainter_blocks=4, layers='compact')
        counts = [sum(p.numel() for p in part.parameters()) for part in (net.detector, net.restorer)]
        assert counts == [6_022_145, 6_305_699]
        assert {name.split('.')[2] for name in net.state_dict()} == {
            'first_conv', 'downsamples', 'blocks', 'fusions', 'up_blocks', 'last_conv'}  # fmt: skip

    @pytest.mark.parametrize(('options', 'match'), [
        ({'layers': 'paper'}, "layers .*'published'"),
        ({'layers': 'compact', 'feature_dim': 4}, 'feature_dim: expects 0'),
    ])  # fmt: skip
    def test_wrong_options(self, options: dict[str, Any], match: str) -> None:
        with pytest.raises(ValueError, match=match):
            VCNetInpainter(dim=4, n_blocks=1, **options)


def conv_keeps_size(conv: torch.nn.Conv2d) -> bool:
    return conv.padding[0] == conv.kernel_size[0] // 2 * conv.dilation[0]


@both_layers
class TestForward:
    @pytest.mark.parametrize('size', [(16, 16), (50, 70), (33, 17)])
    @torch.no_grad()
    def test_any_size(self, layers: str, size: tuple[int, int]) -> None:
        net = small_vcnet(layers=layers).eval()
        lq = torch.rand(2, 3, *size)
        output = net(lq, return_all=True)
        assert isinstance(output, BlindOutput)
        assert output.restored.shape == lq.shape
        assert output.coarse is output.restored
        assert 0 <= output.restored.min() <= output.restored.max() <= 1
        assert output.mask.shape == output.soft_mask.shape == (2, 1, *size)
        assert [logits.shape for logits in output.mask_logits] == [
            pad_to_multiple(output.mask, net.size_multiple).shape
        ]
        assert torch.equal(net(lq), output.restored)
        torch.testing.assert_close(net.detector(lq), output.soft_mask)
        assert torch.equal(output.mask, output.stage_masks[0][..., : size[0], : size[1]])

    @torch.no_grad()
    def test_padding_equals_padding_by_hand(self, layers: str) -> None:
        net = small_vcnet(layers=layers).eval()
        lq, mask = torch.rand(1, 3, 18, 32), (torch.rand(1, 1, 18, 32) > 0.3).float()
        lq_by_hand, mask_by_hand = (torch.cat([x, x[:, :, -2:].flip(2)], dim=2) for x in (lq, mask))
        output = net(lq, return_all=True, true_mask=mask, guidance='true')
        expected = net(lq_by_hand, return_all=True, true_mask=mask_by_hand, guidance='true')
        torch.testing.assert_close(output.restored, expected.restored[:, :, :18])
        torch.testing.assert_close(output.mask_logits, expected.mask_logits)

    @torch.no_grad()
    def test_detecting_only_does_not_run_the_inpainter(self, layers: str) -> None:
        net = small_vcnet(layers=layers)
        net.restorer.register_forward_hook(lambda *_: pytest.fail('the inpainter ran'))
        lq = torch.rand(1, 3, 16, 16)
        output = net(lq, return_all=True, restore=False)
        assert output.restored is lq
        assert output.coarse is lq

    @torch.no_grad()
    def test_reversed_restoration_is_guided_by_the_inverted_soft_mask(self, layers: str) -> None:
        net, (lq, _) = small_vcnet(layers=layers).eval(), patched_batch()
        soft_mask = net(lq, return_all=True).soft_mask
        by_inverted = net(lq, guidance='true', true_mask=1 - soft_mask)
        torch.testing.assert_close(net(lq, reverse=True), by_inverted)
        assert not torch.allclose(net(lq), by_inverted, atol=1e-4)

    @torch.no_grad()
    def test_composite_keeps_the_pixels_that_the_mask_trusts(self, layers: str) -> None:
        net, (lq, mask) = small_vcnet(composite=True, layers=layers).eval(), patched_batch()
        kept = mask.expand_as(lq) == 1
        restored = net(lq, true_mask=mask, guidance='true')
        assert torch.equal(restored[kept], lq[kept])
        whole = small_vcnet(layers=layers).eval()(lq, true_mask=mask, guidance='true')
        torch.testing.assert_close(restored[~kept], whole[~kept])
        assert not torch.allclose(whole[kept], lq[kept], atol=1e-2)

    def test_parts_are_networks_of_their_own(self, layers: str) -> None:
        net = small_vcnet(layers=layers)
        assert isinstance(net.detector, VCNetMaskPredictor)
        assert isinstance(net.restorer, VCNetInpainter)
        prefixes = {name.split('.')[0] for name, _ in net.named_parameters()}
        assert prefixes == {'detector', 'restorer'}

    @pytest.mark.parametrize('shape', [(1, 3, 15, 32), (1, 4, 32, 32), (3, 32, 32)])
    def test_wrong_image(self, layers: str, shape: tuple[int, ...]) -> None:
        net = small_vcnet(layers=layers)
        for part in (net, net.detector, net.detector.mask_logits):
            with pytest.raises(ValueError, match=r'\(B, 3, H, W\) with H and W >= 16'):
                part(torch.rand(shape))


class TestTraining:
    def test_every_norm_of_the_compact_inpainter_sees_the_soft_mask_averaged_to_its_size(self) -> None:
        inpainter, seen = small_vcnet(layers='compact').restorer, []
        for layer in inpainter.modules():
            if isinstance(layer, ProbabilisticContextNorm):
                layer.register_forward_hook(lambda layer, args, output: seen.append(args))
        mask = torch.rand(1, 1, 16, 24, requires_grad=True)
        inpainter(torch.cat([torch.rand(1, 3, 16, 24), mask], dim=1))
        assert sorted(given.shape[-1] for _, given in seen) == [6, 6, 6, 6, 12, 12, 24, 24]
        for features, given in seen:
            torch.testing.assert_close(given, F.adaptive_avg_pool2d(mask, features.shape[-2:]))
            assert given.requires_grad

    @both_layers
    def test_losses_of_the_restoration_reach_the_detector_through_the_predicted_mask_only(self, layers: str) -> None:
        lq, mask = patched_batch()
        for guidance, reached in (('predicted', True), ('true', False)):
            net = small_vcnet(layers=layers)
            output = net(lq, return_all=True, true_mask=mask, guidance=guidance)
            output.restored.square().mean().backward()
            assert has_gradient(net.detector) is reached
            assert all(parameter.grad is not None for parameter in net.restorer.parameters())

    # The published mask predictor has no norms.
    @pytest.mark.parametrize(('layers', 'steps'), [('published', 45), ('compact', 20)])
    def test_a_few_steps_learn_masks_and_images(self, layers: str, steps: int) -> None:
        net, (lq, mask) = small_vcnet(dim=8, layers=layers), patched_batch()
        optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
        history = []
        for _ in range(steps):
            output = net(lq, return_all=True)
            bce = F.binary_cross_entropy_with_logits(output.mask_logits[0], mask)
            l1 = ((output.restored - lq).abs() * mask).mean()
            optimizer.zero_grad()
            (bce + l1).backward()
            optimizer.step()
            history.append((bce.item(), l1.item()))
        assert history[-1][0] < 0.6 * history[0][0]
        assert history[-1][1] < 0.6 * history[0][1]
