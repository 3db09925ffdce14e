"""Networks whose encoder has a backbone of timm, in one and in several looks."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from hcl_arch.archs import HCLDetector, HCLNet
from hcl_arch.archs.hcl_detector_arch import Detection
from hcl_arch.archs.image_form import pad_to_multiple, to_network_range

pytest.importorskip('timm')

TIMM: dict[str, Any] = {
    'encoder': 'timm', 'backbone': 'test_efficientnet', 'dim': 4, 'n_conv_stages': 1, 'context_widths': (8, 8),
    'proj_dim': 8,
}  # fmt: skip
RESTORING: dict[str, Any] = {
    'decoder_depths': (1, 1, 1), 'window_size': 4, 'bottleneck_depth': 1, 'bottleneck_window_size': 4,
}  # fmt: skip


def detector(**options: Any) -> HCLDetector:
    """With statistics that fit the images, so that no layer's output is next to nothing."""
    net = HCLDetector(**{**TIMM, **options})
    with torch.no_grad():
        for _ in range(3):
            net.train().detect(2 * torch.rand(2, 3, 2 * net.size_multiple, net.size_multiple) - 1)
    return net.eval()


def image_for(net: HCLDetector) -> Tensor:
    return to_network_range(torch.rand(1, 3, net.size_multiple, 2 * net.size_multiple))


class TestSizes:
    @pytest.mark.parametrize('mask_from', ['clusters', 'pixels'])
    @pytest.mark.parametrize('looks', [1, 2, 3])
    @torch.no_grad()
    def test_any_from_sixteen_pixels(self, looks: int, mask_from: str) -> None:
        net = detector(looks=looks, mask_from=mask_from)
        for size in ((16, 16), (17, 141), (100, 64)):
            confidence = net(torch.rand(2, 3, *size))
            assert confidence.shape == (2, 1, *size)
            assert 0 <= confidence.min() < confidence.max() <= 1

    @pytest.mark.parametrize('options', [{'looks': 2, 'mask_from': 'pixels'}, {}])
    @torch.no_grad()
    def test_hclnet_restores_them(self, options: dict[str, Any]) -> None:
        net = HCLNet(**{**TIMM, **RESTORING, **options}).eval()
        for size in ((16, 16), (17, 141)):
            image = torch.rand(1, 3, *size)
            output = net(image, return_all=True)
            assert output.restored.shape == image.shape
            blind = net.detector(pad_to_multiple(image, net.size_multiple))
            torch.testing.assert_close(output.soft_mask, blind[..., : size[0], : size[1]])
            assert net.repair(image, torch.ones(1, 1, *size)).shape == image.shape


class TestLooks:
    @pytest.mark.parametrize(('looks', 'mask_from'), [(2, 'pixels'), (3, 'pixels'), (2, 'clusters')])
    @torch.no_grad()
    def test_a_look_sees_what_the_coarser_one_found(
        self, looks: int, mask_from: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        net = detector(looks=looks, mask_from=mask_from)
        image = image_for(net)
        before = net.detect(image)
        of_detection = net._prior_of
        calls: list[int] = []

        def changed(detection: Detection) -> Tensor:
            calls.append(detection.features[0].shape[-1])
            prior = of_detection(detection)
            return prior + 9 if len(calls) == 1 else prior  # of the coarsest look alone

        monkeypatch.setattr(net, '_prior_of', changed)
        after = net.detect(image)
        width = before.features[0].shape[-1]
        assert calls == [width >> halvings for halvings in range(looks - 1, 0, -1)]
        assert (after.embeddings[0] - before.embeddings[0]).abs().max() > 1e-4
        if mask_from == 'pixels':
            coarsest = slice(-3, None)
            assert all(map(torch.equal, after.mask_logits[coarsest], before.mask_logits[coarsest]))

    @torch.no_grad()
    def test_a_look_alone_sees_nothing_of_it(self) -> None:
        net = detector(looks=1, mask_from='pixels')
        image = image_for(net)
        assert all(map(torch.equal, net.detect(image).mask_logits, net.look(image).mask_logits))
        assert torch.equal(net.finest_logits(image), net.look(image).mask_logits[0])

    @pytest.mark.parametrize('looks', [1, 2, 3])
    @torch.no_grad()
    def test_logits_are_the_finest_looks_then_the_coarser_ones(self, looks: int) -> None:
        net = detector(looks=looks, mask_from='pixels')
        image = image_for(net)
        found = net.detect(image)
        height = image.shape[-2]
        expected = [height // 2 >> (look + stage) for look in range(looks) for stage in range(3)]
        assert [logits.shape[-2] for logits in found.mask_logits] == expected
        assert len(found.stages) == len(found.embeddings) == 3
        torch.testing.assert_close(found.stages[0].soft_mask, found.mask_logits[0].sigmoid())
        prior = None  # the same, look by look
        for look in range(looks - 1, -1, -1):
            logits = net.look(F.avg_pool2d(image, 2**look) if look else image, prior).mask_logits
            assert all(map(torch.equal, logits, found.mask_logits[3 * look : 3 * look + 3]))
            prior = net.finest_logits(F.avg_pool2d(image, 2**look) if look else image, prior)

    def test_a_looks_loss_trains_no_coarser_look(self) -> None:
        net = detector(looks=2, mask_from='pixels')
        image = image_for(net)

        def gradients(loss: Tensor) -> list[Tensor]:
            found = torch.autograd.grad(loss, list(net.parameters()), allow_unused=True, retain_graph=True)
            return [torch.zeros(()) if each is None else each for each in found]

        both = net.detect(image).mask_logits
        with torch.no_grad():
            prior = net.finest_logits(F.avg_pool2d(image, 2))
        fine, coarse = gradients(both[0].square().sum()), gradients(both[3].square().sum())
        expected = gradients(net.look(image, prior).mask_logits[0].square().sum())
        assert max(each.abs().max() for each in coarse) > 0
        for found, wanted in zip(fine, expected):
            torch.testing.assert_close(found, wanted)

    @torch.no_grad()
    def test_repairing_goes_on_from_the_last_looks_features(self) -> None:
        net = HCLNet(**{**TIMM, **RESTORING, 'looks': 2, 'mask_from': 'pixels'}).eval()
        image = torch.rand(1, 3, net.size_multiple, net.size_multiple)
        features = net._features(to_network_range(image))
        detection = net.detector.detect(to_network_range(image))
        assert all(map(torch.equal, features, detection.features))
        blind = net.detector.encoder(to_network_range(image))
        assert not torch.equal(features[0], blind[0])


class TestRefused:
    @pytest.mark.parametrize('encoder', ['transformer', 'conv'])
    @pytest.mark.parametrize(
        ('name', 'value'),
        [
            ('looks', 2), ('frozen_norm', True), ('backbone_weights', 'lite0.pth'), ('fine_blocks', 1),
            ('coarse_blocks', 1), ('stem_width', 8),
        ],
    )  # fmt: skip
    @pytest.mark.parametrize('network', [HCLDetector, HCLNet])
    def test_options_of_timm_with_another_encoder(
        self, network: type[torch.nn.Module], name: str, value: Any, encoder: str
    ) -> None:
        with pytest.raises(ValueError, match=f'^{name} is an option of encoder: timm; the encoder here is {encoder}'):
            network(encoder=encoder, **{name: value})

    @pytest.mark.parametrize('encoder', ['transformer', 'timm'])
    def test_no_look(self, encoder: str) -> None:
        with pytest.raises(ValueError, match='looks: expects a whole number of at least 1, got 0'):
            HCLDetector(encoder=encoder, looks=0)  # type: ignore[arg-type]

    def test_looks_without_the_finest_mask(self) -> None:
        with pytest.raises(ValueError, match='single_stage must be 0 or none, got 1'):
            HCLDetector(**TIMM, looks=2, single_stage=1)
        HCLDetector(**TIMM, looks=2, single_stage=0).eval()(torch.rand(1, 3, 20, 20))
