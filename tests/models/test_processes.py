"""Several processes: validation gives what one gives, and training may leave parameters out."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Callable

import pytest
import torch.distributed as dist
import yaml
from basicsr.models import build_model

METRICS: dict[str, Any] = {
    'accuracy': {'type': 'calculate_mask_accuracy'},
    'bce_s1': {'type': 'calculate_mask_bce', 'stage': 1, 'better': 'lower'},
    'psnr': {'type': 'calculate_psnr', 'crop_border': 0},
    'ssim': {'type': 'calculate_ssim', 'crop_border': 0},
}


def option_file(folder: Path, images: str) -> Path:
    """A test of a tiny random network on seven images, two data sets."""
    data = {
        'type': 'BlindCorruptionDataset', 'dataroot_gt': images, 'gt_size': 32, 'io_backend': {'type': 'disk'},
        'corruptions': {'constant': 1, 'noise': 1}, 'hole_share': [[0.0, 0.3], [0.3, 0.6]], 'seed': 3,
    }  # fmt: skip
    network = {'type': 'HCLNet', 'dim': 4, 'encoder_depths': [1, 1, 1], 'decoder_depths': [1, 1, 1], 'window_size': 4,
               'bottleneck_window_size': 4, 'proj_dim': 4}  # fmt: skip
    options = {
        'name': 'tiny', 'model_type': 'HCLModel', 'num_gpu': 0, 'manual_seed': 5, 'network_g': network,
        'datasets': {'test_1': {'name': 'seven', **data}, 'test_2': {'name': 'five', **data, 'max_samples': 5}},
        'path': {'pretrain_network_g': None, 'strict_load_g': True},
        'val': {'save_img': True, 'metrics': METRICS, 'hole_share_bins': [[0, 0.3], [0.3, 0.6]]},
        'dist_params': {'backend': 'nccl'},
    }  # fmt: skip
    path = folder / 'test_tiny.yml'
    path.write_text(yaml.safe_dump(options, sort_keys=False))
    return path


def run_test(folder: Path, option_path: Path, processes: int) -> None:
    folder.mkdir()
    command = [sys.executable, '-m', 'hcl_arch.test', '-opt', str(option_path)]
    if processes > 1:
        launcher = ['-m', 'torch.distributed.run', f'--nproc_per_node={processes}', '--standalone']
        command = [sys.executable, *launcher, *command[1:], '--launcher', 'pytorch']
    environment = {**os.environ, 'OMP_NUM_THREADS': '1'}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr[-3000:]


def read_rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline='') as file:
        return list(csv.DictReader(file))


def test_two_processes_measure_what_one_measures(image_folder: Callable[..., Path], tmp_path: Path) -> None:
    option_path = option_file(tmp_path, str(image_folder(7, 40)))
    for processes in (1, 2):
        run_test(tmp_path / str(processes), option_path, processes)
    results = [tmp_path / str(processes) / 'results' / 'tiny' for processes in (1, 2)]
    for name in ('seven.csv', 'seven_bins.csv', 'five.csv', 'five_bins.csv'):
        one, two = (read_rows(folder / name) for folder in results)
        assert [list(row) for row in one] == [list(row) for row in two]
        for row_of_one, row_of_two in zip(one, two):
            for key, value in row_of_one.items():
                if key in METRICS or key == 'hole_share':
                    assert float(row_of_two[key]) == pytest.approx(float(value), abs=1e-6), (name, key)
                else:
                    assert row_of_two[key] == value
    assert len(read_rows(results[0] / 'seven.csv')) == 7
    pictures = [sorted(file.name for file in (folder / 'visualization' / 'seven').iterdir()) for folder in results]
    assert pictures[0] == pictures[1]
    assert len(pictures[0]) == 7 * 6


@pytest.fixture
def group() -> Iterator[None]:
    """A process group of this process alone."""
    dist.init_process_group('gloo', store=dist.HashStore(), rank=0, world_size=1)
    yield
    dist.destroy_process_group()


@pytest.mark.usefixtures('group')
def test_parameters_that_a_phase_leaves_out(options: dict[str, Any], batch: dict[str, Any]) -> None:
    """Without `find_unused_parameters` the second step of a phase that trains the detector alone is an error."""
    options.update(dist=True, find_unused_parameters=True)
    options['train'].update(detector_iter=2, phase1_iter=3)
    model = build_model(options)
    before = {name: value.clone() for name, value in model.get_bare_model(model.net_g).state_dict().items()}
    for iteration in (1, 2):
        model.feed_data(batch)
        model.optimize_parameters(iteration)
    after = model.get_bare_model(model.net_g).state_dict()
    changed = {name.partition('.')[0] for name, value in after.items() if not value.equal(before[name])}
    assert changed == {'detector'}
