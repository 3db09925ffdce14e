from __future__ import annotations

from typing import Any, Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hcl_arch.archs import HCLNet, HCLOutput, HCLRefineNet

SmallNet = Callable[..., HCLNet]
SIZES = [(16, 16), (17, 40), (100, 64), (33, 129)]


def random_batch(batch: int = 2, size: tuple[int, int] = (32, 32)) -> tuple[Tensor, Tensor]:
    """Smooth images with noise in their holes, and the mask."""
    smooth = F.interpolate(torch.rand(batch, 3, 2, 2), size=size, mode='bilinear', align_corners=False)
    mask = (F.interpolate(torch.randn(batch, 1, 4, 4), size=size, mode='bilinear', align_corners=False) > 0).float()
    return mask * smooth + (1 - mask) * torch.rand(batch, 3, *size), mask


def with_clear_clusters(net: HCLNet) -> HCLNet:
    """The network with weights under which no confidence is near one half, so that rounding flips no pixel."""
    for name, parameter in net.detector.named_parameters():
        if name.endswith('bias'):
            parameter.data.zero_()
        elif any(part in name for part in ('first_conv', 'downsamples', 'heads')):
            parameter.data.mul_(3)
    return net


def has_gradient(module: nn.Module) -> bool:
    return any(p.grad is not None and bool((p.grad != 0).any()) for p in module.parameters())


class TestForward:
    @pytest.mark.parametrize('options', [
        {},
        {'n_conv_stages': 1},
        {'n_conv_stages': 1, 'upsample_mode': 'nearest', 'conv_stage_order': 'gelu_conv'},
        {'bottleneck_window_size': 8, 'fuse': False},
        {'dim_mults': (1, 2), 'encoder_depths': (1, 2), 'decoder_depths': (1, 1), 'num_heads': (1, 2),
         'conf_thresholds': (1.0, 0.9)},
    ])  # fmt: skip
    @pytest.mark.parametrize('with_refiner', [False, True])
    @torch.no_grad()
    def test_any_size(self, small_net: SmallNet, options: dict[str, Any], with_refiner: bool) -> None:
        net = small_net(refiner=HCLRefineNet(dim=2) if with_refiner else None, **options).eval()
        for size in SIZES:
            lq = torch.rand(1, 3, *size)
            output = net(lq, return_all=True)
            assert isinstance(output, HCLOutput)
            for image in (output.restored, output.coarse):
                assert image.shape == lq.shape
                assert image.min() >= 0
                assert image.max() <= 1
            assert output.mask.shape == output.soft_mask.shape == (1, 1, *size)
            assert torch.equal(output.mask, (output.soft_mask >= 0.5).float())
            assert 0 <= output.soft_mask.min() <= output.soft_mask.max() <= 1
            padded = [-(-side // net.size_multiple) * net.size_multiple for side in size]
            n_conv = options.get('n_conv_stages', 0)
            for stage, (masks, embedding) in enumerate(zip(output.stages, output.embeddings)):
                expected = tuple(side >> (n_conv + stage) for side in padded)
                assert masks.mask.shape[-2:] == embedding.shape[-2:] == expected
                torch.testing.assert_close(embedding.norm(dim=1), torch.ones(1, *expected))
            assert output.center_logits.shape == (1, 2)
            assert torch.equal(net(lq), output.restored)

    def test_size_multiple_serves_both_window_sizes(self, small_net: SmallNet) -> None:
        assert small_net().size_multiple == 16
        assert small_net(n_conv_stages=1).size_multiple == 32
        assert small_net(bottleneck_window_size=6).size_multiple == 48

    @torch.no_grad()
    def test_without_refiner_the_coarse_image_is_the_result(self, small_net: SmallNet) -> None:
        output = small_net().eval()(random_batch()[0], return_all=True)
        assert output.restored is output.coarse

    @torch.no_grad()
    def test_padding_equals_padding_by_hand(self, small_net: SmallNet) -> None:
        net = small_net(refiner=HCLRefineNet(dim=2, dim_mults=(1, 1))).eval()
        lq = torch.rand(1, 3, 20, 32)
        by_hand = torch.cat([lq, lq[:, :, -12:].flip(2)], dim=2)
        output, expected = net(lq, return_all=True), net(by_hand, return_all=True)
        torch.testing.assert_close(output.coarse, expected.coarse[:, :, :20])
        assert torch.equal(output.mask, expected.mask[:, :, :20])

    @torch.no_grad()
    def test_options_of_the_conv_stages_matter(self, small_net: SmallNet) -> None:
        lq = random_batch()[0]
        nets = [small_net(n_conv_stages=1, **options).eval() for options in (
            {}, {'upsample_mode': 'nearest'}, {'conv_stage_order': 'gelu_conv'})]  # fmt: skip
        for net in nets[1:]:
            net.load_state_dict(nets[0].state_dict())
        first, nearest, gelu_first = (net(lq, return_all=True) for net in nets)
        torch.testing.assert_close(nearest.embeddings[0], first.embeddings[0])
        assert not torch.allclose(nearest.coarse, first.coarse, atol=1e-4)
        assert not torch.allclose(gelu_first.embeddings[0], first.embeddings[0], atol=1e-4)


class TestErrors:
    @pytest.mark.parametrize('shape', [(1, 3, 15, 32), (1, 3, 32, 8), (1, 4, 32, 32), (3, 32, 32)])
    def test_image(self, small_net: SmallNet, shape: tuple[int, ...]) -> None:
        with pytest.raises(ValueError, match=r'\(B, 3, H, W\) with H and W >= 16, got .* enlarge smaller ones first'):
            small_net()(torch.rand(shape))

    def test_missing_mask(self, small_net: SmallNet) -> None:
        with pytest.raises(ValueError, match="guidance='true' needs true_mask"):
            small_net()(torch.rand(1, 3, 16, 16), guidance='true')

    @pytest.mark.parametrize('shape', [(2, 1, 16, 16), (1, 3, 16, 16), (1, 1, 16, 32), (1, 16, 16)])
    @pytest.mark.parametrize('guidance', ['true', 'predicted'])
    def test_shape_of_mask(self, small_net: SmallNet, shape: tuple[int, ...], guidance: str) -> None:
        with pytest.raises(ValueError, match=r'Expected true_mask of shape \(1, 1, 16, 16\)'):
            small_net()(torch.rand(1, 3, 16, 16), true_mask=torch.ones(shape), guidance=guidance)

    @pytest.mark.parametrize('name', ['encoder_depths', 'decoder_depths', 'num_heads', 'conf_thresholds'])
    def test_lengths_of_stage_lists(self, small_net: SmallNet, name: str) -> None:
        with pytest.raises(ValueError, match=f'{name} must have one value for each of the 3 stages'):
            small_net(**{name: (1, 1)})

    def test_misspelt_option(self, small_net: SmallNet) -> None:
        with pytest.raises(TypeError, match='windowsize'):
            small_net(windowsize=4)


class TestDeterminism:
    @torch.no_grad()
    def test_image_alone_in_a_batch_and_again(self, small_net: SmallNet) -> None:
        net = with_clear_clusters(small_net()).eval()
        lq, _ = random_batch(3)
        together = net(lq, return_all=True)
        again = net(lq, return_all=True)
        assert torch.equal(together.soft_mask, again.soft_mask)
        for index in range(3):
            alone = net(lq[index : index + 1], return_all=True)
            assert torch.equal(alone.mask[0], together.mask[index])
            torch.testing.assert_close(alone.soft_mask[0], together.soft_mask[index], atol=1e-4, rtol=0)
            torch.testing.assert_close(alone.restored[0], together.restored[index], atol=1e-4, rtol=0)

    @torch.no_grad()
    def test_starts_are_random_in_training_unless_a_generator_decides(self, small_net: SmallNet) -> None:
        net = small_net(kmeans_iters=0).train()
        lq, mask = random_batch()

        def centers(seed: int) -> Tensor:
            generator = torch.Generator().manual_seed(seed) if seed else None
            return net(lq, return_all=True, true_mask=mask, generator=generator).stages[-1].centers

        assert torch.equal(centers(1), centers(1))
        assert not torch.equal(centers(1), centers(2))
        # Without one, torch's own generator decides.
        torch.manual_seed(5)
        first, second = centers(0), centers(0)
        assert not torch.equal(first, second)
        torch.manual_seed(5)
        assert torch.equal(centers(0), first)

    @torch.no_grad()
    def test_images_of_a_training_batch_have_starts_of_their_own(self, small_net: SmallNet) -> None:
        net = small_net(kmeans_iters=0).train()
        lq, mask = random_batch(1)
        stage = net(lq.expand(8, -1, -1, -1), return_all=True, true_mask=mask.expand(8, -1, -1, -1)).stages[-1]
        assert len({tuple(centers.flatten().tolist()) for centers in stage.centers}) > 4

    @torch.no_grad()
    def test_generator_decides_in_evaluation_too(self, small_net: SmallNet) -> None:
        net = small_net(kmeans_iters=0).eval()
        lq, _ = random_batch()
        first, again, other = (
            net(lq, return_all=True, generator=torch.Generator().manual_seed(seed)).stages[-1].centers
            for seed in (1, 1, 2)
        )
        assert torch.equal(first, again)
        assert not torch.equal(first, other)


class TestGuidance:
    @torch.no_grad()
    def test_true_mask_guides_decoder_and_refiner(self, small_net: SmallNet) -> None:
        seen: list[Tensor] = []

        class Recorder(nn.Module):
            def forward(self, x: Tensor) -> Tensor:
                seen.append(x)
                return x[:, :3]

        net = small_net(refiner=Recorder()).eval()
        lq, mask = random_batch(size=(20, 36))
        by_true = net(lq, return_all=True, true_mask=mask, guidance='true')
        by_predicted = net(lq, return_all=True, true_mask=mask)
        reverse = net(lq, return_all=True, true_mask=mask, reverse=True)
        assert torch.equal(seen[0], torch.cat([by_true.coarse, mask], dim=1))
        assert torch.equal(seen[1], torch.cat([by_predicted.coarse, by_predicted.mask], dim=1))
        assert torch.equal(seen[2], torch.cat([reverse.coarse, 1 - reverse.mask], dim=1))
        assert not torch.allclose(by_true.coarse, by_predicted.coarse, atol=1e-4)
        # Detection does not depend on the guidance, and the outputs tell what was detected.
        assert torch.equal(by_true.mask, by_predicted.mask)
        assert torch.equal(reverse.mask, by_predicted.mask)

    @torch.no_grad()
    def test_predicted_masks_guide_each_stage(self, small_net: SmallNet) -> None:
        net = small_net().eval()
        output = net(random_batch()[0], return_all=True)
        x, _ = random_batch()
        detection = net.detector.detect(x * 2 - 1)
        masks = [stage.mask for stage in detection.stages]
        coarse = (net.decoder(net.bottleneck(detection.features[-1]), detection.features, masks) + 1) / 2
        assert torch.equal(net(x, return_all=True).coarse, coarse)
        assert output.coarse.shape == coarse.shape

    @torch.no_grad()
    def test_reverse_equals_the_opposite_mask(self, small_net: SmallNet) -> None:
        net = small_net(refiner=HCLRefineNet(dim=2)).eval()
        lq, mask = random_batch(size=(24, 40))
        reverse = net(lq, return_all=True, true_mask=mask, guidance='true', reverse=True)
        opposite = net(lq, return_all=True, true_mask=1 - mask, guidance='true')
        torch.testing.assert_close(reverse.coarse, opposite.coarse)
        torch.testing.assert_close(reverse.restored, opposite.restored)
        assert not torch.allclose(reverse.coarse, net(lq, return_all=True, true_mask=mask, guidance='true').coarse)

    @torch.no_grad()
    def test_true_mask_orients_the_clusters(self, small_net: SmallNet) -> None:
        net = small_net().eval()
        lq, mask = random_batch()
        one, other = (net(lq, return_all=True, true_mask=m).stages[-1] for m in (mask, 1 - mask))
        torch.testing.assert_close(one.centers, other.centers.flip(1))
        torch.testing.assert_close(one.confidence, 1 - other.confidence)

    @torch.no_grad()
    def test_classifier_orients_the_clusters_in_use(self, small_net: SmallNet) -> None:
        net = small_net().eval()
        lq, _ = random_batch(4)
        before = net(lq, return_all=True)
        assert (before.center_logits[:, 0] >= before.center_logits[:, 1]).all()
        last = net.detector.classifier.layers[-1]
        last.weight.neg_()
        after = net(lq, return_all=True)
        torch.testing.assert_close(after.stages[-1].centers, before.stages[-1].centers.flip(1))


class TestGradients:
    def test_refiners_loss_does_not_reach_what_comes_before(self, small_net: SmallNet) -> None:
        net = small_net(refiner=HCLRefineNet(dim=2))
        lq, mask = random_batch()
        net(lq, true_mask=mask).sum().backward()
        assert has_gradient(net.refiner)
        assert not any(has_gradient(part) for part in (net.detector, net.bottleneck, net.decoder))

    def test_coarse_loss_reaches_encoder_but_not_heads_or_refiner(self, small_net: SmallNet) -> None:
        net = small_net(refiner=HCLRefineNet(dim=2))
        lq, mask = random_batch()
        net(lq, return_all=True, true_mask=mask).coarse.sum().backward()
        assert all(has_gradient(part) for part in (net.detector.encoder, net.bottleneck, net.decoder))
        assert not any(
            has_gradient(part) for part in (net.refiner, net.detector.projection_heads, net.detector.classifier)
        )

    @pytest.mark.parametrize('logits', ['center_logits', 'pixel_logits'])
    @pytest.mark.parametrize('detach_classifier', [True, False])
    def test_detach_classifier(self, small_net: SmallNet, detach_classifier: bool, logits: str) -> None:
        net = small_net(detach_classifier=detach_classifier)
        lq, mask = random_batch()
        output = net(lq, return_all=True, true_mask=mask)
        getattr(output, logits).sum().backward()
        assert has_gradient(net.detector.classifier)
        assert has_gradient(net.detector.encoder) is not detach_classifier
        assert has_gradient(net.detector.projection_heads) is not detach_classifier

    @pytest.mark.parametrize('detach_classifier', [True, False])
    @torch.no_grad()
    def test_pixel_logits_are_the_classifiers_of_the_coarsest_embeddings(
        self, small_net: SmallNet, detach_classifier: bool
    ) -> None:
        net = small_net(detach_classifier=detach_classifier).eval()
        output = net(random_batch(size=(32, 48))[0], return_all=True)
        assert output.pixel_logits.shape == (2, 1, 8, 12)
        for row, column in ((0, 0), (3, 7), (7, 11)):
            expected = net.detector.classifier(output.embeddings[-1][:, :, row, column])
            torch.testing.assert_close(output.pixel_logits[:, 0, row, column], expected)

    @torch.no_grad()
    def test_centers_with_gradient_are_the_weighted_means(self, small_net: SmallNet) -> None:
        net = small_net(detach_classifier=False).eval()
        lq, mask = random_batch()
        output = net(lq, return_all=True, true_mask=mask)
        stage, embedding = output.stages[-1], output.embeddings[-1]
        for k, weight in enumerate((stage.confidence, 1 - stage.confidence)):
            center = F.normalize((weight * embedding).sum(dim=(2, 3)), dim=1)
            torch.testing.assert_close(net.detector.classifier(center), output.center_logits[:, k])

    @pytest.mark.parametrize('truth', [0.0, 1.0])
    @pytest.mark.parametrize('guidance', ['true', 'predicted'])
    def test_mask_of_one_region_is_finite(self, small_net: SmallNet, guidance: str, truth: float) -> None:
        net = small_net(refiner=HCLRefineNet(dim=2), detach_classifier=False)
        lq, mask = random_batch()
        output = net(lq, return_all=True, true_mask=torch.full_like(mask, truth), guidance=guidance)
        loss = output.restored.sum() + output.coarse.sum() + output.center_logits.sum() + output.pixel_logits.sum()
        (loss + sum(embedding.sum() for embedding in output.embeddings)).backward()
        assert loss.isfinite()
        assert all(p.grad.isfinite().all() for p in net.parameters() if p.grad is not None)
        assert has_gradient(net.decoder)

    @pytest.mark.parametrize('value', [0.0, 0.5])
    def test_constant_image_is_finite(self, small_net: SmallNet, value: float) -> None:
        net = small_net(refiner=HCLRefineNet(dim=2), detach_classifier=False)
        output = net(torch.full((1, 3, 32, 32), value), return_all=True, true_mask=torch.ones(1, 1, 32, 32))
        (output.restored.sum() + output.coarse.sum() + output.pixel_logits.sum()).backward()
        assert output.center_logits.isfinite().all()
        assert output.restored.isfinite().all()
        assert output.soft_mask.isfinite().all()
        assert all(p.grad.isfinite().all() for p in net.parameters() if p.grad is not None)


class TestRefiner:
    @torch.no_grad()
    def test_registered_type(self, small_net: SmallNet) -> None:
        options = {'type': 'RRDBNet', 'scale': 1, 'num_in_ch': 4, 'num_out_ch': 3, 'num_feat': 4, 'num_block': 1,
                   'num_grow_ch': 2}  # fmt: skip
        net = small_net(refiner=options)
        assert type(net.refiner).__name__ == 'RRDBNet'
        assert net(random_batch()[0]).shape == (2, 3, 32, 32)
        assert options['type'] == 'RRDBNet'  # the options are the caller's

    @torch.no_grad()
    def test_own_type_equals_the_module(self, small_net: SmallNet) -> None:
        by_type = small_net(refiner={'type': 'HCLRefineNet', 'dim': 2}).eval()
        by_module = small_net(refiner=HCLRefineNet(dim=2)).eval()
        by_module.load_state_dict(by_type.state_dict())
        lq, _ = random_batch()
        assert torch.equal(by_type(lq), by_module(lq))

    @torch.no_grad()
    def test_refiner_that_does_not_see_the_mask(self, small_net: SmallNet) -> None:
        net = small_net(refiner=nn.Conv2d(3, 3, 1), refiner_sees_mask=False).eval()
        output = net(random_batch()[0], return_all=True)
        torch.testing.assert_close(output.restored, net.refiner(output.coarse))

    @pytest.mark.parametrize('size', [(16, 16), (17, 40), (1, 5)])
    @torch.no_grad()
    def test_refine_net_alone_takes_any_size(self, size: tuple[int, int]) -> None:
        for mode in ('bilinear', 'nearest'):
            restored = HCLRefineNet(dim=2, upsample_mode=mode)(torch.rand(1, 4, *size))
            assert restored.shape == (1, 3, *size)
            assert 0 <= restored.min() <= restored.max() <= 1


def test_state_dict_round_trip(small_net: SmallNet) -> None:
    net, other = (small_net(refiner=HCLRefineNet(dim=2)).eval() for _ in range(2))
    state = net.state_dict()
    # Nothing in it but parameters: what follows from the options is not kept.
    assert set(state) == {name for name, _ in net.named_parameters()}
    other.load_state_dict(state)
    lq, _ = random_batch()
    with torch.no_grad():
        assert torch.equal(net(lq), other(lq))


def test_bfloat16_autocast_is_finite(small_net: SmallNet) -> None:
    net = small_net(refiner=HCLRefineNet(dim=2), n_conv_stages=1, detach_classifier=False)
    lq, mask = random_batch()
    with torch.autocast('cpu', dtype=torch.bfloat16):
        output = net(lq, return_all=True, true_mask=mask)
    assert output.stages[0].confidence.dtype == torch.float32
    losses = [output.restored, output.coarse, output.center_logits, output.pixel_logits, *output.embeddings]
    assert all(values.isfinite().all() for values in [*losses, output.soft_mask])
    sum(values.float().sum() for values in losses).backward()
    assert all(p.grad.isfinite().all() for p in net.parameters() if p.grad is not None)


@pytest.mark.parametrize('name', ['conv_stage_order', 'upsample_mode'])
def test_a_misspelt_choice_is_named(small_net: SmallNet, name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} must be one of .* got 'bilinar'"):
        small_net(**{name: 'bilinar'})


def test_a_misspelt_guidance_is_named(small_net: SmallNet) -> None:
    with pytest.raises(ValueError, match="guidance must be one of .* got 'ture'"):
        small_net()(torch.rand(1, 3, 32, 32), guidance='ture')


def test_only_detecting_finds_the_same_and_restores_nothing(small_net: SmallNet) -> None:
    net = small_net(refiner=HCLRefineNet(dim=2)).eval()
    image = torch.rand(1, 3, 32, 48)
    whole, detected = net(image, return_all=True), net(image, return_all=True, restore=False)
    assert torch.equal(whole.soft_mask, detected.soft_mask)
    assert torch.equal(detected.restored, image)
    assert torch.equal(detected.coarse, image)
