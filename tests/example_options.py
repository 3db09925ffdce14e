"""Options of a small run that is in order, with its folders, to be spoilt by tests of what finds mistakes."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Callable

import lmdb
import pytest

from hcl_arch.option_checks import network_inspection, networks

Options = dict[str, Any]
Keys = tuple[Any, ...]

REMOVED = object()
"""Stands for an option that is taken out."""

IMAGES = 8


def make_folder(folder: Path, count: int = IMAGES) -> str:
    """Make a folder of files that are called like images, and are never to be opened."""
    folder.mkdir(parents=True)
    for index in range(count):
        (folder / f'{index:03d}.png').touch()
    return str(folder)


def make_lmdb(folder: Path, count: int = IMAGES) -> str:
    """Make an LMDB in BasicSR's layout whose environment is empty: its images are never to be read."""
    folder.mkdir(parents=True)
    lmdb.open(str(folder), map_size=2**20).close()
    (folder / 'meta_info.txt').write_text(''.join(f'{index:03d}.png (64,64,3) 1\n' for index in range(count)))
    return str(folder)


def options_for_training(root: Path) -> Options:
    """Options of a training with all parts, whose files are made under `root`."""
    weights = root / 'weights.pth'
    weights.touch()
    data_set = {
        'type': 'BlindCorruptionDataset',
        'dataroot_gt': make_folder(root / 'truth'),
        'dataroot_noise': make_lmdb(root / 'noise.lmdb'),
        'dataroot_mask': make_folder(root / 'masks'),
        'gt_size': 64,
        'corruptions': {'patch': 1.0, 'veil': {'type': 'patch', 'opacity': [0.3, 0.7]}, 'text': 1},
        'hole_share': [[0.0, 0.2], [0.2, 0.5]],
    }
    return {
        'name': 'example', 'model_type': 'HCLModel', 'num_gpu': 0, 'manual_seed': 0,
        'datasets': {
            'train': {'name': 'T', **copy.deepcopy(data_set), 'batch_size_per_gpu': 4, 'num_worker_per_gpu': 0},
            'val': {'name': 'V', **copy.deepcopy(data_set), 'max_samples': 6},
        },
        'network_g': {
            'type': 'HCLNet', 'dim': 8, 'encoder_depths': [2, 2, 2], 'proj_dim': 8,
            'refiner': {'type': 'HCLRefineNet', 'dim': 4, 'dim_mults': [1, 2]},
        },
        'network_d': {'type': 'HCLPatchDiscriminator', 'dim': 4},
        'path': {'pretrain_network_g': str(weights), 'strict_load_g': True, 'resume_state': None},
        'train': {
            'ema_decay': 0, 'total_iter': 100, 'warmup_iter': -1, 'phase1_iter': 50, 'detector_iter': 10,
            'accumulation_steps': 2,
            'optim_g': {'type': 'Adam', 'lr': 1e-3, 'lr_refiner': 1e-4, 'betas': [0.9, 0.99]},
            'optim_d': {'type': 'Adam', 'lr': 1e-4},
            'scheduler': {'type': 'CosineAnnealingRestartLR', 'periods': [60, 40], 'restart_weights': [1, 0.5]},
            'pixel_opt': {'type': 'L1Loss', 'loss_weight': 1.0},
            'perceptual_opt': {
                'type': 'HCLPerceptualLoss', 'layer_weights': {'relu2_2': 1.0}, 'weights': str(weights),
            },
            'contrastive_opt': {'type': 'HCLContrastiveLoss', 'loss_weight': 0.1},
            'classifier_opt': {'loss_weight': 1.0},
            'gan_opt': {'type': 'HCLWGANGPLoss', 'loss_weight': 0.1},
        },
        'val': {
            'val_freq': 50, 'save_img': False, 'hole_share_bins': [[0.0, 0.2], [0.2, 0.5]],
            'metrics': {
                'psnr': {'type': 'calculate_psnr', 'crop_border': 0},
                'iou_s1': {'type': 'calculate_mask_iou', 'stage': 1},
                'fid': {'type': 'HCLFID', 'better': 'lower', 'weights': 'random'},
            },
        },
        'logger': {'print_freq': 10, 'save_checkpoint_freq': 50.0, 'use_tb_logger': True},
        'dist_params': {'backend': 'nccl', 'port': 29500},
    }  # fmt: skip


def options_for_testing(root: Path) -> Options:
    """Options of a test of a combination, whose files are made under `root`."""
    options = options_for_training(root)
    data_set = {
        key: value for key, value in options['datasets']['train'].items()
        if key not in ('batch_size_per_gpu', 'num_worker_per_gpu')
    }  # fmt: skip
    return {
        'name': 'example', 'model_type': 'BlindRestorationModel', 'num_gpu': 0,
        'datasets': {'test_1': {**data_set, 'name': 'A'}, 'test_2': {**data_set, 'name': 'B'}},
        'network_g': {
            'type': 'DetectThenRestore',
            'detector': {'type': 'SegmenterDetector', 'dim': 8, 'depth': 1, 'num_heads': 2, 'image_size': 64},
            'restorer': {
                'type': 'RRDBNet', 'num_in_ch': 4, 'num_out_ch': 3, 'scale': 1, 'num_feat': 8, 'num_block': 1,
            },
            'restorer_multiple': 4,
            'detector_weights': options['path']['pretrain_network_g'],
        },
        'path': {'pretrain_network_g': None},
        'val': {'save_img': True, 'max_save_img': 2, 'metrics': options['val']['metrics']},
    }  # fmt: skip


def parsed(options: Options, *, is_train: bool) -> Options:
    """What BasicSR's parser would add."""
    options = copy.deepcopy(options)
    options.update(dist=False, rank=0, world_size=1, auto_resume=False, is_train=is_train, root_path='here')
    for key, data_set in options['datasets'].items():
        data_set['phase'] = key.split('_')[0]
    roots = ('experiments_root', 'models', 'training_states') if is_train else ('results_root',)
    options['path'].update(dict.fromkeys((*roots, 'log', 'visualization'), 'here'))
    return options


def changed(options: Options, *changes: tuple[Keys, Any]) -> Options:
    """A copy of the options with other values at some places; `REMOVED` takes an option out."""
    options = copy.deepcopy(options)
    for keys, value in changes:
        section = options
        for key in keys[:-1]:
            section = section[key]
        if value is REMOVED:
            del section[keys[-1]]
        else:
            section[keys[-1]] = value
    return options


@contextlib.contextmanager
def networks_tried_once() -> Iterator[None]:
    """Build equal networks and try them with equal images once only; that takes nearly all of the checks' time."""

    def once(function: Callable[..., Any]) -> Callable[..., Any]:
        results: dict[str, Any] = {}

        def remembered(subject: Any, *given: Any) -> Any:
            try:
                key = f'{subject} {given}'
            except ValueError:  # a whole number too long to be written
                return function(subject, *given)
            if key not in results:
                results[key] = function(subject, *given)
            return results[key]

        return remembered

    with pytest.MonkeyPatch.context() as patch:
        for module, name in ((network_inspection, 'build_on_meta'), (networks, 'run_on_meta')):
            patch.setattr(module, name, once(getattr(module, name)))
        yield
