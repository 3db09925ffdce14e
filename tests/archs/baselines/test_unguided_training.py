"""Networks that no mask guides, in the model that trains and validates blind networks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from basicsr.models import build_model

NETWORKS: dict[str, dict[str, Any]] = {
    'BS2AM': {'dim': 4, 'n_levels': 5},
    'DHAN': {'dim': 8, 'vgg_weights': 'random', 'vgg_dims': [2, 3, 4, 5, 6]},
    'SIRF': {'dim': 4, 'vgg_weights': 'random', 'vgg_dims': [2, 3, 4, 5, 6]},
}


def options(folder: Path, name: str) -> dict[str, Any]:
    return {
        'name': 'tiny', 'model_type': 'BlindRestorationModel', 'num_gpu': 0, 'dist': False, 'rank': 0, 'world_size': 1,
        'is_train': True,
        'network_g': {'type': name, **NETWORKS[name]},
        'path': {'models': str(folder), 'training_states': str(folder), 'visualization': str(folder)},
        'train': {
            'phase1_iter': 0,
            'total_iter': 4,
            'ema_decay': 0.9,
            'optim_g': {'type': 'Adam', 'lr': 1e-3},
            'scheduler': {'type': 'MultiStepLR', 'milestones': [], 'gamma': 0.5},
            'pixel_opt': {'type': 'MSELoss', 'loss_weight': 1.0},
            'mask_opt': {'loss_weight': 1.0},
        },
    }  # fmt: skip


@pytest.mark.parametrize('name', NETWORKS)
def test_a_step_trains_and_a_test_restores(name: str, tmp_path: Path) -> None:
    model = build_model(options(tmp_path, name))
    gt, mask = torch.rand(2, 3, 32, 32), torch.ones(2, 1, 32, 32)
    mask[..., :11] = 0
    before = {key: value.detach().clone() for key, value in model.net_g.named_parameters()}
    model.feed_data({'gt': gt, 'mask': mask, 'lq': gt * mask, 'lq_path': ['a.png', 'b.png']})
    model.optimize_parameters(1)
    losses = model.get_current_log()
    assert set(losses) == ({'l_pix_coarse'} if name == 'SIRF' else {'l_pix_coarse', 'l_mask'})
    assert all(value > 0 for value in losses.values())
    moved = {key for key, value in model.net_g.named_parameters() if not torch.equal(value, before[key])}
    assert moved
    assert not any(key.startswith('vgg.') for key in moved)
    model.test()
    assert model.output.shape == gt.shape
    assert model.full_output.soft_mask.shape == mask.shape
    assert model.output.isfinite().all()


@pytest.mark.parametrize('name', NETWORKS)
def test_a_checkpoint_restores_as_the_network_did(name: str, tmp_path: Path) -> None:
    model = build_model(options(tmp_path, name))
    model.save_network(model.net_g, 'net_g', 1)
    other = options(tmp_path, name)
    other['network_g'].pop('vgg_weights', None)
    other['path']['pretrain_network_g'] = str(tmp_path / 'net_g_1.pth')
    loaded = build_model(other)
    lq = torch.rand(1, 3, 32, 32)
    with torch.no_grad():
        assert torch.equal(loaded.net_g.eval()(lq), model.net_g.eval()(lq))
