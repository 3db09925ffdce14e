"""Training with a pretrained backbone and several looks: losses, learning rates of the parts, options."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from basicsr.models import build_model
from torch import nn

from hcl_arch.losses.mask_losses import lovasz_hinge_loss, soft_iou_loss
from hcl_arch.models.blind_restoration_model import BlindRestorationModel, TrainingPart
from hcl_arch.models.parameter_groups import parameter_groups

pytest.importorskip('timm')

DETECTOR: dict[str, Any] = {
    'encoder': 'timm', 'backbone': 'test_efficientnet', 'dim': 4, 'n_conv_stages': 1, 'context_widths': [8, 8],
    'proj_dim': 8,
}  # fmt: skip
RESTORING: dict[str, Any] = {
    'decoder_depths': [1, 1, 1], 'window_size': 4, 'bottleneck_depth': 1, 'bottleneck_window_size': 4,
}  # fmt: skip


@pytest.fixture
def clusters(options: dict[str, Any]) -> dict[str, Any]:
    """Options of a training of all parts, contrastive loss included."""
    options['network_d'] = None
    options['network_g'] = {'type': 'HCLNet', **DETECTOR, **RESTORING, 'looks': 2}
    options['train'].update(gan_opt=None, optim_g={'type': 'Adam', 'lr': 1e-3})
    return options


@pytest.fixture
def pixels(clusters: dict[str, Any]) -> dict[str, Any]:
    """The same of a detector in front of another network, which learns by its mask's losses."""
    clusters['model_type'] = 'BlindRestorationModel'
    clusters['network_g'] = {
        'type': 'DetectThenRestore',
        'detector': {'type': 'HCLDetector', **DETECTOR, 'mask_from': 'pixels', 'looks': 2},
        'restorer': {'type': 'HCLRefineNet', 'dim': 2, 'dim_mults': [1, 2]},
    }
    for name in ('contrastive_opt', 'classifier_opt'):
        del clusters['train'][name]
    clusters['train']['mask_opt'] = {'loss_weight': 1.0, 'iou_weight': 0.5}
    return clusters


def rates_of(model: BlindRestorationModel) -> dict[str, float]:
    """The learning rate of every parameter by its name."""
    names = {id(parameter): name for name, parameter in model.net_g.named_parameters()}
    groups = model.optimizer_g.param_groups
    rates = {names[id(parameter)]: group['lr'] for group in groups for parameter in group['params']}
    assert set(rates) == set(names.values())
    return rates


class TestLosses:
    def test_contrastive_learning_reaches_backbone_and_looks(
        self, clusters: dict[str, Any], batch: dict[str, Any]
    ) -> None:
        clusters['train']['detector_iter'] = 1  # no other losses
        model = build_model(clusters)
        model.feed_data(batch)
        model.optimize_parameters(1)
        assert {'l_contrastive_0', 'l_contrastive_1', 'l_contrastive_2', 'l_classifier'} == set(model.log_dict)
        backbone = model.net_g.detector.encoder.backbone
        assert all(torch.isfinite(p.grad).all() for p in backbone.parameters() if p.grad is not None)
        assert sum(p.grad.abs().sum() for p in backbone.parameters() if p.grad is not None) > 0

    def test_the_iou_is_a_loss_where_asked_for(self, pixels: dict[str, Any], batch: dict[str, Any]) -> None:
        model = build_model(pixels)
        model.feed_data(batch)
        model.optimize_parameters(1)
        assert {'l_mask', 'l_mask_iou'} <= set(model.log_dict)
        assert 0 < model.get_current_log()['l_mask_iou'] <= 0.5
        del pixels['train']['mask_opt']['iou_weight']
        without = build_model(pixels)
        without.feed_data(batch)
        without.optimize_parameters(1)
        assert 'l_mask' in without.log_dict
        assert 'l_mask_iou' not in without.log_dict

    def test_its_value_is_the_mean_over_the_fine_grids_of_all_looks(
        self, pixels: dict[str, Any], batch: dict[str, Any]
    ) -> None:
        model = build_model(pixels)
        mask = torch.ones(2, 1, 64, 64)
        mask[..., 10:21, 5:50] = 0
        part = TrainingPart(torch.rand(2, 3, 64, 64), torch.rand(2, 3, 64, 64), mask)
        output = model.net_g(part.lq, return_all=True)
        cells = [64 // logits.shape[-1] for logits in output.mask_logits]
        assert cells == [2, 4, 8, 4, 8, 16]
        expected = []
        for cell, logits in zip(cells, output.mask_logits):
            if cell <= 4:
                expected.append(soft_iou_loss(logits, F.avg_pool2d(mask, cell)))
        assert len(expected) == 3
        losses = model._detection_losses(output, part)
        torch.testing.assert_close(losses['l_mask_iou'], 0.5 * torch.stack(expected).mean())
        assert 'l_mask_lovasz' not in losses
        entropies = [
            F.binary_cross_entropy_with_logits(logits, F.avg_pool2d(mask, cell))
            for cell, logits in zip(cells, output.mask_logits)
        ]
        torch.testing.assert_close(losses['l_mask'], torch.stack(entropies).mean())

    def test_the_lovasz_hinge_is_taken_of_the_same_grids(self, pixels: dict[str, Any]) -> None:
        pixels['train']['mask_opt'] = {'loss_weight': 1.0, 'lovasz_weight': 0.5}
        model = build_model(pixels)
        mask = torch.ones(2, 1, 64, 64)
        mask[..., 10:21, 5:50] = 0
        part = TrainingPart(torch.rand(2, 3, 64, 64), torch.rand(2, 3, 64, 64), mask)
        output = model.net_g(part.lq, return_all=True)
        expected = [
            lovasz_hinge_loss(logits, F.avg_pool2d(mask, 64 // logits.shape[-1]))
            for logits in output.mask_logits
            if logits.shape[-1] >= 16
        ]
        assert len(expected) == 3
        losses = model._detection_losses(output, part)
        torch.testing.assert_close(losses['l_mask_lovasz'], 0.5 * torch.stack(expected).mean())
        assert 'l_mask_iou' not in losses

    def test_clean_batches_train_too(self, pixels: dict[str, Any], batch: dict[str, Any]) -> None:
        model = build_model(pixels)
        model.feed_data({**batch, 'mask': torch.ones(2, 1, 32, 32), 'lq': batch['gt']})
        model.optimize_parameters(1)
        assert model.get_current_log()['l_mask_iou'] == 0
        assert all(torch.isfinite(parameter).all() for parameter in model.net_g.parameters())


class TestLearningRates:
    @staticmethod
    def backbone(net: nn.Module) -> set[str]:
        return {name for name, _ in net.named_parameters() if name.startswith('detector.encoder.backbone.')}

    def test_the_backbones_own_reaches_it_alone(self, clusters: dict[str, Any]) -> None:
        clusters['train']['optim_g']['lr_backbone'] = 1e-5
        model = build_model(clusters)
        rates = rates_of(model)
        assert {name for name, rate in rates.items() if rate == 1e-5} == self.backbone(model.net_g)
        assert set(rates.values()) == {1e-3, 1e-5}

    def test_the_detectors_reaches_backbone_and_classifier_too(self, clusters: dict[str, Any]) -> None:
        clusters['train']['optim_g']['lr_detector'] = 1e-4
        rates = rates_of(build_model(clusters))
        assert {rate for name, rate in rates.items() if name.startswith('detector.')} == {1e-4}
        assert {rate for name, rate in rates.items() if not name.startswith('detector.')} == {1e-3}

    def test_every_part_may_have_its_own(self, clusters: dict[str, Any]) -> None:
        clusters['train']['optim_g'].update(lr_backbone=1e-6, lr_detector=1e-4, lr_classifier=1e-5)
        model = build_model(clusters)
        rates = rates_of(model)
        assert {name for name, rate in rates.items() if rate == 1e-6} == self.backbone(model.net_g)
        assert {name.rsplit('.', 3)[0] for name, rate in rates.items() if rate == 1e-5} == {'detector.classifier'}
        assert rates['detector.encoder.top.0.weight'] == 1e-4
        assert rates['decoder.last_conv.bias'] == 1e-3

    def test_zero_is_a_rate(self) -> None:
        net = nn.ModuleDict({'detector': nn.ModuleDict({'backbone': nn.Linear(1, 1)}), 'decoder': nn.Linear(1, 1)})
        groups = parameter_groups(net, {'detector.backbone.': None, 'detector.': 0.0}, 1.0)
        assert [group['lr'] for group in groups] == [1.0, 0.0]
        assert [len(group['params']) for group in groups] == [2, 2]


@pytest.mark.parametrize(('key', 'nearest'), [('iou_wieght', 'iou_weight'), ('loss_wight', 'loss_weight')])
def test_unknown_weights_of_the_mask_are_refused_with_the_nearest(
    pixels: dict[str, Any], key: str, nearest: str
) -> None:
    pixels['train']['mask_opt'][key] = 1.0
    with pytest.raises(ValueError, match=f"train.mask_opt: unknown option '{key}'. Did you mean '{nearest}'?"):
        build_model(pixels)
