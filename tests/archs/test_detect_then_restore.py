from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, Callable

import pytest
import torch
import torch.nn.functional as F
from basicsr.archs import build_network
from torch import Tensor, nn

from hcl_arch.archs import DetectThenRestore, HCLDetector, HCLNet, VCNet
from hcl_arch.archs.blind_restoration import BlindOutput
from hcl_arch.archs.image_form import pad_to_multiple

SmallNet = Callable[..., HCLNet]

HCL_DETECTOR = {
    'type': 'HCLDetector', 'dim': 4, 'encoder_depths': [2, 1, 1], 'window_size': 4, 'proj_dim': 8,
}  # fmt: skip
SEGMENTER = {'type': 'SegmenterDetector', 'dim': 8, 'depth': 1, 'num_heads': 1, 'patch_size': 8, 'image_size': 32}
REFINER = {'type': 'HCLRefineNet', 'dim': 2, 'dim_mults': [1, 2]}
RRDB = {'type': 'RRDBNet', 'num_out_ch': 3, 'scale': 1, 'num_feat': 4, 'num_block': 1, 'num_grow_ch': 4}
SRVGG = {'type': 'SRVGGNetCompact', 'num_feat': 4, 'num_conv': 1, 'upscale': 1}


class RedDetector(nn.Module):
    """The red channel, sharpened by a parameter, is the confidence."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(1.0))

    def forward(self, image: Tensor) -> Tensor:
        return (image[:, :1] * self.gain).clamp(0, 1)


class Recorder(nn.Module):
    """Restorer that keeps what it is fed and paints everything in one value."""

    def __init__(self, value: float = 0.25) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.tensor(value))
        self.fed: list[Tensor] = []

    def forward(self, x: Tensor) -> Tensor:
        self.fed.append(x)
        return self.value.expand(x.shape[0], 3, *x.shape[-2:])


def recorded(**options: Any) -> tuple[DetectThenRestore, Recorder]:
    recorder = Recorder(options.pop('value', 0.25))
    return DetectThenRestore(RedDetector(), recorder, **options), recorder


def state_copy(network: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in network.state_dict().items()}


def equal_states(first: dict[str, Tensor], second: dict[str, Tensor]) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


class TestWhatTheRestorerIsFed:
    @torch.no_grad()
    def test_order_and_polarity(self) -> None:
        net, recorder = recorded(restorer_input=['hole', 'image', 'mask', 'masked_image'], masked_value=0.75)
        lq = torch.rand(2, 3, 16, 20)
        net(lq)
        (fed,) = recorder.fed
        assert fed.shape == (2, 8, 16, 20)
        mask = (lq[:, :1] >= 0.5).float()
        assert torch.equal(fed[:, :1], 1 - mask)
        assert torch.equal(fed[:, 1:4], lq)
        assert torch.equal(fed[:, 4:5], mask)
        assert torch.equal(fed[:, 5:], torch.where(mask.bool(), lq, torch.tensor(0.75)))

    @torch.no_grad()
    def test_soft_mask(self) -> None:
        net, recorder = recorded(mask_kind='soft')
        lq = torch.rand(1, 3, 16, 16)
        net(lq)
        red = lq[:, :1]
        torch.testing.assert_close(recorder.fed[0], torch.cat([red * lq + (1 - red) * 0.5, red], dim=1))

    @torch.no_grad()
    def test_signed_range_for_images_only(self) -> None:
        net, recorder = recorded(
            restorer_input=['image', 'masked_image', 'mask'], restorer_range=[-1, 1], value=-0.5, composite=False
        )
        lq = torch.rand(1, 3, 16, 16)
        restored = net(lq)
        mask = (lq[:, :1] >= 0.5).float()
        torch.testing.assert_close(recorder.fed[0], torch.cat([lq * 2 - 1, mask * (lq * 2 - 1), mask], dim=1))
        torch.testing.assert_close(restored, torch.full_like(lq, 0.25))

    @torch.no_grad()
    def test_input_is_padded_to_the_multiple_and_the_result_cut_back(self) -> None:
        net, recorder = recorded(restorer_multiple=8)
        lq = torch.rand(1, 3, 18, 24)
        assert net(lq).shape == lq.shape
        assert recorder.fed[0].shape == (1, 4, 24, 24)
        assert torch.equal(recorder.fed[0], pad_to_multiple(recorder.fed[0][:, :, :18], 8))

    @torch.no_grad()
    def test_holes_grow_in_training_only(self) -> None:
        net, recorder = recorded(restorer_input=['mask'], grow_in_training=[2, 2])
        lq, mask = torch.rand(1, 3, 16, 16), torch.ones(1, 1, 16, 16)
        mask[..., 8, 8] = 0
        net.train()(lq, true_mask=mask, guidance='true')
        assert (recorder.fed[0][..., 6:11, 6:11] == 0).all()
        assert recorder.fed[0].sum() == 16 * 16 - 25
        net.eval()(lq, true_mask=mask, guidance='true')
        assert torch.equal(recorder.fed[1], mask)

    @torch.no_grad()
    def test_true_and_reversed_masks(self) -> None:
        net, recorder = recorded(restorer_input=['mask'])
        lq, true_mask = torch.rand(1, 3, 16, 16), (torch.rand(1, 1, 16, 16) > 0.5).float()
        mask = (lq[:, :1] >= 0.5).float()
        for expected, options in (
            (mask, {'true_mask': true_mask}),
            (1 - mask, {'reverse': True}),
            (true_mask, {'true_mask': true_mask, 'guidance': 'true'}),
            (1 - true_mask, {'true_mask': true_mask, 'guidance': 'true', 'reverse': True}),
        ):
            restored = net(lq, **options)
            assert torch.equal(recorder.fed[-1], expected)
            torch.testing.assert_close(restored, expected * lq + (1 - expected) * 0.25)


class TestOutput:
    @pytest.mark.parametrize('size', [(16, 16), (50, 70)])
    @pytest.mark.parametrize('detector', [
        HCL_DETECTOR, {**HCL_DETECTOR, 'mask_from': 'pixels'}, {**HCL_DETECTOR, 'n_conv_stages': 1}, SEGMENTER,
        {'type': 'VCNetMaskPredictor', 'dim': 4, 'n_blocks': 1},
    ])  # fmt: skip
    @torch.no_grad()
    def test_any_registered_detector_and_size(self, detector: dict[str, Any], size: tuple[int, int]) -> None:
        net = build_network({'type': 'DetectThenRestore', 'detector': detector, 'restorer': REFINER}).eval()
        lq = torch.rand(2, 3, *size)
        output = net(lq, return_all=True)
        assert isinstance(output, BlindOutput)
        assert output.restored.shape == lq.shape
        assert output.coarse is output.restored
        assert output.mask.shape == output.soft_mask.shape == (2, 1, *size)
        torch.testing.assert_close(output.soft_mask, net.detector(lq), atol=2e-6, rtol=0)
        assert torch.equal(output.mask, (output.soft_mask >= 0.5).float())
        kept = output.mask.expand_as(lq) == 1
        assert torch.equal(output.restored[kept], lq[kept])
        padded = pad_to_multiple(lq, net.size_multiple).shape[-2:]
        for logits in output.mask_logits:
            assert padded[0] % logits.shape[-2] == 0
            assert padded[0] // logits.shape[-2] == padded[1] // logits.shape[-1]

    @pytest.mark.parametrize(('restorer', 'options'), [
        ({**RRDB, 'num_in_ch': 4}, {'restorer_multiple': 4}),
        ({**RRDB, 'num_in_ch': 5}, {'restorer_multiple': 4, 'restorer_input': ['image', 'mask', 'hole']}),
        (SRVGG, {'restorer_input': ['masked_image'], 'masked_value': 0}),
        ({'type': 'VCNetInpainter', 'dim': 4, 'n_blocks': 1}, {'restorer_input': ['image', 'mask']}),
    ])  # fmt: skip
    def test_hcl_detector_before_networks_of_basicsr(self, restorer: dict[str, Any], options: dict[str, Any]) -> None:
        net = build_network({
            'type': 'DetectThenRestore', 'detector': HCL_DETECTOR, 'freeze_detector': True, 'restorer': restorer,
            **options,
        })  # fmt: skip
        lq = torch.rand(1, 3, 50, 70)
        output = net(lq, return_all=True)
        assert output.restored.shape == lq.shape
        output.restored.square().mean().backward()
        assert all(parameter.grad is not None for parameter in net.restorer.parameters())

    @torch.no_grad()
    def test_detecting_only_does_not_run_the_restorer(self) -> None:
        net, recorder = recorded()
        lq = torch.rand(1, 3, 16, 16)
        output = net(lq, return_all=True, restore=False)
        assert output.restored is output.coarse is lq
        assert not recorder.fed

    @torch.no_grad()
    def test_logits_of_confidences_are_finite_and_inverse(self) -> None:
        net, _ = recorded()
        lq = torch.rand(1, 3, 16, 16)
        lq[:, 0, 0] = 0
        lq[:, 0, 1] = 1
        (logits,) = net(lq, return_all=True).mask_logits
        assert logits.isfinite().all()
        torch.testing.assert_close(torch.sigmoid(logits), lq[:, :1], atol=2e-6, rtol=1e-4)

    @torch.no_grad()
    def test_values_beyond_the_range_are_cut_in_evaluation_only(self) -> None:
        net, _ = recorded(value=1.5, composite=False)
        lq = torch.rand(1, 3, 16, 16)
        assert net(lq).max() == 1.5
        assert net.eval()(lq).max() == 1

    def test_all_stages_of_a_classifying_hcl_detector_learn(self) -> None:
        torch.manual_seed(0)
        net = DetectThenRestore({**HCL_DETECTOR, 'mask_from': 'pixels'}, Recorder())
        mask = torch.ones(2, 1, 32, 32)
        mask[:, :, :16, 8:] = 0
        lq = mask * 0.3 + (1 - mask) * torch.rand(2, 3, 32, 32)
        optimizer = torch.optim.Adam(net.detector.parameters(), lr=1e-2)
        losses: list[Tensor] = []
        for _ in range(30):
            stages = net(lq, return_all=True, restore=False).mask_logits
            assert [logits.shape[-1] for logits in stages] == [32, 16, 8]
            losses.append(sum(
                F.binary_cross_entropy_with_logits(logits, F.adaptive_avg_pool2d(mask, logits.shape[-2:]))
                for logits in stages
            ))  # fmt: skip
            optimizer.zero_grad()
            losses[-1].backward()
            optimizer.step()
        assert losses[-1] < 0.7 * losses[0]

    def test_soft_masks_pass_the_gradient_to_the_detector_and_binary_ones_do_not(self) -> None:
        for mask_kind, reached in (('soft', True), ('binary', False)):
            net, _ = recorded(mask_kind=mask_kind)
            net(torch.rand(1, 3, 16, 16)).square().sum().backward()
            assert (net.detector.gain.grad is not None) is reached


class TestRepair:
    @torch.no_grad()
    def test_is_the_restoration_by_the_given_mask_without_a_detector(self) -> None:
        net, _ = recorded(value=0.25)
        net.eval()
        lq, mask = torch.rand(1, 3, 16, 20), (torch.rand(1, 1, 16, 20) > 0.3).float()
        expected = net(lq, true_mask=mask, guidance='true')
        net.detector = None

        assert torch.equal(net.repair(lq, mask), expected)
        assert torch.equal(net.repair(lq, 1 - mask, reverse=True), expected)

    def test_refuses_a_mask_of_another_size(self) -> None:
        net, _ = recorded()

        with pytest.raises(ValueError, match='Expected true_mask of shape'):
            net.repair(torch.rand(1, 3, 16, 16), torch.ones(1, 1, 8, 8))


class TestFreezing:
    @pytest.mark.parametrize('part', ['detector', 'restorer'])
    def test_training_leaves_a_frozen_part_as_it_is(self, part: str) -> None:
        detector = nn.Sequential(nn.Conv2d(3, 1, 3, padding=1), nn.BatchNorm2d(1), nn.Sigmoid())
        restorer = nn.Sequential(nn.Conv2d(4, 3, 3, padding=1), nn.BatchNorm2d(3))
        net = DetectThenRestore(
            detector, restorer, mask_kind='soft', freeze_detector=part == 'detector', freeze_restorer=part == 'restorer'
        )
        frozen, trained = (detector, restorer) if part == 'detector' else (restorer, detector)
        before, other_before = state_copy(frozen), state_copy(trained)
        net.eval()
        net.train()
        assert not any(layer.training for layer in frozen.modules())
        assert all(layer.training for layer in trained.modules())
        optimizer = torch.optim.SGD([p for p in net.parameters() if p.requires_grad], lr=0.1)
        net(torch.rand(2, 3, 16, 16)).square().mean().backward()
        optimizer.step()
        assert equal_states(frozen.state_dict(), before)
        assert all(parameter.grad is None for parameter in frozen.parameters())
        assert not equal_states(trained.state_dict(), other_before)

    def test_a_detector_that_nothing_trains_is_reported(self, monkeypatch: pytest.MonkeyPatch) -> None:
        warnings: list[str] = []
        monkeypatch.setattr(logging.getLogger('basicsr'), 'warning', warnings.append)
        DetectThenRestore(HCL_DETECTOR, Recorder(), freeze_detector=True)
        DetectThenRestore({**HCL_DETECTOR, 'mask_from': 'pixels'}, Recorder())
        assert not warnings
        DetectThenRestore(HCL_DETECTOR, Recorder())
        assert len(warnings) == 1
        assert 'freeze_detector: true' in warnings[0]


class TestWeights:
    def test_detector_of_a_whole_hcl_net(self, small_net: SmallNet, tmp_path: Path) -> None:
        whole, path = small_net(), tmp_path / 'net_g_latest.pth'
        torch.save({'params': whole.state_dict()}, path)
        net = DetectThenRestore(HCL_DETECTOR, REFINER, detector_weights=str(path), freeze_detector=True)
        assert isinstance(net.detector, HCLDetector)
        assert equal_states(net.detector.state_dict(), whole.detector.state_dict())

    def test_both_parts_of_a_vcnet_saved_by_several_processes(self, tmp_path: Path) -> None:
        whole, path = VCNet(dim=4, detector_blocks=1, inpainter_blocks=1, layers='compact'), str(tmp_path / 'vcnet.pth')
        torch.save({'params': {f'module.{name}': value for name, value in whole.state_dict().items()}}, path)
        net = DetectThenRestore(
            {'type': 'VCNetMaskPredictor', 'dim': 4, 'n_blocks': 1, 'layers': 'compact'},
            {'type': 'VCNetInpainter', 'dim': 4, 'n_blocks': 1, 'layers': 'compact'},
            detector_weights=path,
            restorer_weights=path,
        )
        assert equal_states(net.state_dict(), whole.state_dict())

    @pytest.mark.parametrize(('param_key', 'expected'), [(None, 2.0), ('params', 1.0), ('params_ema', 2.0)])
    def test_entry_of_the_file(self, tmp_path: Path, param_key: str | None, expected: float) -> None:
        path = str(tmp_path / 'red.pth')
        torch.save({'params': {'gain': torch.tensor(1.0)}, 'params_ema': {'gain': torch.tensor(2.0)}}, path)
        net = DetectThenRestore(RedDetector(), Recorder(), detector_weights=path, detector_param_key=param_key)
        assert net.detector.gain.item() == expected

    def test_errors_name_option_and_file(self, tmp_path: Path) -> None:
        other, damaged, empty = (str(tmp_path / name) for name in ('other.pth', 'damaged.pth', 'empty.pth'))
        torch.save({'params': {'weight': torch.ones(1)}}, other)
        Path(damaged).write_bytes(b'nothing')
        torch.save({'optimizers': []}, empty)
        with pytest.raises(FileNotFoundError, match=r'restorer_weights: there is no file .*absent\.pth'):
            DetectThenRestore(RedDetector(), Recorder(), restorer_weights=str(tmp_path / 'absent.pth'))
        for path, message in (
            (
                other,
                r'detector_weights: .*other\.pth does not fit this RedDetector: 2 of 2 tensors differ, first gain',
            ),
            (damaged, r'detector_weights: .*damaged\.pth cannot be read as a checkpoint'),
            (empty, r"detector_weights: .*empty\.pth has no entry params_ema or params; .* entries \['optimizers'\]"),
        ):
            with pytest.raises(ValueError, match=message):
                DetectThenRestore(RedDetector(), Recorder(), detector_weights=path)
        with pytest.raises(ValueError, match=r'other\.pth has no entry params_ema; '):
            DetectThenRestore(RedDetector(), Recorder(), detector_weights=other, detector_param_key='params_ema')
        with pytest.raises(ValueError, match='restorer_param_key chooses an entry of restorer_weights'):
            DetectThenRestore(RedDetector(), Recorder(), restorer_param_key='params')


class TestErrors:
    @pytest.mark.parametrize(('options', 'message'), [
        ({'restorer_input': ['image', 'holes']}, "restorer_input must be one of .* got 'holes'"),
        ({'restorer_input': []}, 'restorer_input must be a list of some of'),
        ({'restorer_input': 'image'}, "restorer_input must be a list of some of .* got 'image'"),
        ({'mask_kind': 'hard'}, "mask_kind must be one of .* got 'hard'"),
        ({'masked_value': 127}, r'masked_value must be in \[0, 1\], got 127'),
        ({'restorer_range': [0, 255]}, r'restorer_range must be \[0, 1\] or \[-1, 1\], got \[0, 255\]'),
        ({'restorer_multiple': 0}, 'restorer_multiple must be at least 1, got 0'),
        ({'grow_in_training': [3, 1]}, r'grow_in_training must be \[least, most\] in pixels, got \[3, 1\]'),
        ({'detector': {'dim': 4}}, 'detector must be a network or options with a registered `type`'),
        ({'restorer': 'RRDBNet'}, "restorer must be a network or options .* got 'RRDBNet'"),
    ])  # fmt: skip
    def test_options(self, options: dict[str, Any], message: str) -> None:
        with pytest.raises(ValueError, match=message):
            DetectThenRestore(**{'detector': RedDetector(), 'restorer': Recorder(), **options})

    @pytest.mark.parametrize(('restorer', 'size', 'message'), [
        ({**RRDB, 'num_in_ch': 3}, 16, r"RRDBNet does not take .*\['masked_image', 'mask'\] gives, 4 channels"),
        (SRVGG, 16, 'SRVGGNetCompact does not take .* 4 channels'),
        ({**RRDB, 'num_in_ch': 4}, 18, 'RRDBNet does not take .* 18 x 18 pixels: .* restorer_multiple'),
        ({**RRDB, 'num_in_ch': 4, 'num_out_ch': 1}, 16, r'RRDBNet must give an image of shape \(1, 3, 16, 16\)'),
        ({**RRDB, 'num_in_ch': 4, 'scale': 2}, 16, r'got \(1, 3, 32, 32\): .* its scale to 1'),
    ])  # fmt: skip
    def test_restorer_that_does_not_fit(self, restorer: dict[str, Any], size: int, message: str) -> None:
        net = DetectThenRestore(RedDetector(), restorer)
        with pytest.raises(ValueError, match=message):
            net(torch.rand(1, 3, size, size))

    def test_detector_that_gives_no_confidences(self) -> None:
        net = DetectThenRestore(Recorder(), Recorder())  # an image where the mask should be
        with pytest.raises(ValueError, match=r'Recorder must give confidences of shape \(1, 1, 16, 16\).*got \(1, 3,'):
            net(torch.rand(1, 3, 16, 16))

    def test_other_errors_of_the_restorer_pass(self) -> None:
        class Broken(Recorder):
            def forward(self, x: Tensor) -> Tensor:
                raise RuntimeError('out of memory')

        with pytest.raises(RuntimeError, match='^out of memory$'):
            DetectThenRestore(RedDetector(), Broken())(torch.rand(1, 3, 16, 16))

    def test_masks(self) -> None:
        net, _ = recorded()
        with pytest.raises(ValueError, match="guidance='true' needs true_mask"):
            net(torch.rand(1, 3, 16, 16), guidance='true')
        with pytest.raises(ValueError, match=r'Expected true_mask of shape \(1, 1, 16, 16\)'):
            net(torch.rand(1, 3, 16, 16), true_mask=torch.ones(1, 3, 16, 16))


class SideDetector(nn.Module):
    """Logits on a grid of every fourth pixel: the red channel's means, more to the right."""

    size_multiple = 4

    def mask_logits(self, image: Tensor) -> Tensor:
        red = F.avg_pool2d(image[:, :1], 4)
        return 4 * red - 2 + torch.arange(red.shape[-1], dtype=red.dtype) / red.shape[-1]


class RedLogits(nn.Module):
    def mask_logits(self, image: Tensor) -> Tensor:
        return image[:, :1]


class TestLooking:
    """How the detector is shown an image, and how its logits become a mask."""

    @torch.no_grad()
    def test_mirrored(self) -> None:
        """Width 18 is padded to 20: a cell's logit and that of its mirror image are averaged."""
        once = DetectThenRestore(SideDetector(), Recorder()).eval()
        twice = DetectThenRestore(SideDetector(), Recorder(), detect_mirrored=True).eval()
        lq = torch.rand(2, 3, 16, 18)
        logits, plain = twice(lq, return_all=True).mask_logits[0], once(lq, return_all=True).mask_logits[0]
        # Of the mirror image only the part that grows to the right differs: 0, .2, .4, .6, .8 and the other way round.
        side = torch.arange(5) / 5
        assert torch.allclose(logits, plain - side + (side + side.flip(0)) / 2, atol=1e-6)
        assert torch.equal(twice.train()(lq, return_all=True).mask_logits[0], plain)

    @torch.no_grad()
    def test_mirror_images_get_mirrored_masks(self) -> None:
        torch.manual_seed(0)
        detector = {**HCL_DETECTOR, 'mask_from': 'pixels'}
        net = DetectThenRestore(detector, Recorder(), detect_mirrored=True, mask_upsampling='bilinear').eval()
        lq = torch.rand(1, 3, net.size_multiple, 2 * net.size_multiple)
        output, mirrored = net(lq, return_all=True), net(lq.flip(-1), return_all=True)
        assert torch.allclose(output.soft_mask.flip(-1), mirrored.soft_mask, atol=1e-6)
        assert output.soft_mask.std() > 0

    @torch.no_grad()
    @pytest.mark.parametrize('factor', [1, 2, 4])
    def test_enlarged(self, factor: int) -> None:
        """The detector's cells of 4 pixels become cells of 4 / factor pixels of the image."""
        net = DetectThenRestore(SideDetector(), Recorder(), detect_enlarged=factor).eval()
        lq = torch.rand(1, 3, 16, 20)
        logits = net(lq, return_all=True).mask_logits[0]
        shown = F.interpolate(lq, size=(16 * factor, 20 * factor), mode='bilinear')
        assert torch.allclose(logits, net.detector.mask_logits(shown), atol=1e-6)
        assert logits.shape[-2:] == (4 * factor, 5 * factor)
        in_training = net.train()(lq, return_all=True).mask_logits[0]
        assert torch.equal(in_training, net.detector.mask_logits(lq))

    @torch.no_grad()
    def test_enlarged_beyond_the_grid(self) -> None:
        """A detector with a logit for each pixel it sees: those of a pixel of the image are averaged."""
        net = DetectThenRestore(RedLogits(), Recorder(), detect_enlarged=2).eval()
        lq = torch.rand(1, 3, 16, 16)
        red = F.interpolate(lq, size=(32, 32), mode='bilinear')[:, :1]
        expected = red.reshape(1, 1, 16, 2, 16, 2).mean((3, 5))
        assert torch.allclose(net(lq, return_all=True).mask_logits[0], expected, atol=1e-6)

    def test_enlarged_by_a_wrong_factor(self) -> None:
        with pytest.raises(ValueError, match='detect_enlarged must be 1, 2 or 4, got 3'):
            DetectThenRestore(SideDetector(), Recorder(), detect_enlarged=3)

    @torch.no_grad()
    def test_bilinear(self) -> None:
        """Half way between the middles of two cells of 4 pixels lies the mean of their logits."""
        net = DetectThenRestore(SideDetector(), Recorder(), mask_upsampling='bilinear').eval()
        output = net(torch.rand(1, 3, 16, 18), return_all=True)
        confidence = torch.logit(output.soft_mask)[0, 0]
        logits = output.mask_logits[0][0, 0]
        assert confidence.shape == (16, 18)
        assert torch.allclose(confidence[0, :2], logits[0, 0].expand(2), atol=1e-5)  # beyond the first middle
        step = (logits[0, 1] - logits[0, 0]) / 8
        assert torch.allclose(confidence[0, 2:6], logits[0, 0] + step * torch.tensor([1, 3, 5, 7]), atol=1e-5)
        assert torch.equal(output.mask, (output.soft_mask >= 0.5).float())

    def test_unknown_upsampling(self) -> None:
        with pytest.raises(ValueError, match='mask_upsampling'):
            DetectThenRestore(RedDetector(), Recorder(), mask_upsampling='cubic')
