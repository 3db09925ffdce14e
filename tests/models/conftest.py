"""A tiny training and its data."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any, Callable

import pytest
import torch
from basicsr.data import build_dataset

NETWORK: dict[str, Any] = {
    'type': 'HCLNet',
    'dim': 8,
    'encoder_depths': [2, 2, 2],
    'proj_dim': 8,
    'refiner': {'type': 'HCLRefineNet', 'dim': 4, 'dim_mults': [1, 2]},
}
METRICS: dict[str, Any] = {
    'psnr': {'type': 'calculate_psnr', 'crop_border': 0},
    'psnr_input': {'type': 'calculate_psnr', 'crop_border': 0, 'image': 'lq'},
    'accuracy': {'type': 'calculate_mask_accuracy'},
    'bce': {'type': 'calculate_mask_bce', 'better': 'lower'},
}


@pytest.fixture
def options(tmp_path: Path) -> dict[str, Any]:
    """Options of a tiny training, as BasicSR's parser would hand them over."""
    return {
        'name': 'tiny', 'model_type': 'HCLModel', 'num_gpu': 0, 'dist': False, 'rank': 0, 'world_size': 1,
        'is_train': True,
        'network_g': copy.deepcopy(NETWORK),
        'network_d': {'type': 'HCLPatchDiscriminator', 'dim': 4},
        'path': {
            'models': str(tmp_path / 'models'),
            'training_states': str(tmp_path / 'states'),
            'visualization': str(tmp_path / 'visualization'),
            'results_root': str(tmp_path),
        },
        'train': {
            'phase1_iter': 1,
            'total_iter': 4,
            'optim_g': {'type': 'Adam', 'lr': 1e-3, 'lr_refiner': 1e-4, 'lr_classifier': 1e-5},
            'optim_d': {'type': 'Adam', 'lr': 1e-4},
            'scheduler': {'type': 'MultiStepLR', 'milestones': [], 'gamma': 0.5},
            'pixel_opt': {'type': 'L1Loss', 'loss_weight': 1.0},
            'contrastive_opt': {'type': 'HCLContrastiveLoss', 'loss_weight': 0.1},
            'classifier_opt': {'loss_weight': 1.0},
            'gan_opt': {'type': 'HCLWGANGPLoss', 'loss_weight': 0.1},
        },
        'val': {'metrics': copy.deepcopy(METRICS)},
    }  # fmt: skip


@pytest.fixture
def batch() -> dict[str, Any]:
    """Two random images whose left third is corrupted."""
    gt = torch.rand(2, 3, 32, 32)
    mask = torch.ones(2, 1, 32, 32)
    mask[..., :11] = 0
    return {'gt': gt, 'mask': mask, 'lq': gt * mask, 'lq_path': ['a.png', 'b.png']}


@pytest.fixture
def dataset(image_folder: Callable[..., Path]) -> Any:
    """Five validation samples."""
    folder = str(image_folder(5, 32))
    return build_dataset({
        'name': 'five', 'type': 'BlindCorruptionDataset', 'phase': 'val', 'dataroot_gt': folder,
        'dataroot_noise': folder, 'gt_size': 32, 'io_backend': {'type': 'disk'},
        'corruptions': {'constant': 1, 'noise': 1},
    })  # fmt: skip
