"""A tiny training with all parts, run as a user runs it: as a command, in a folder of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable

import torch
import yaml

from hcl_arch.training.checkpoints import CheckpointFolders

MakeRun = Callable[..., 'Run']
# How long a training of a few iterations may take on a busy machine, starting included.
TIMEOUT = 300
NETWORK: dict[str, Any] = {
    'type': 'HCLNet', 'dim': 4, 'encoder_depths': [1, 1, 1], 'decoder_depths': [1, 1, 1], 'window_size': 4,
    'bottleneck_window_size': 4, 'proj_dim': 4, 'refiner': {'type': 'HCLRefineNet', 'dim': 4, 'dim_mults': [1, 2]},
}  # fmt: skip
TRAINING: dict[str, Any] = {
    'ema_decay': 0.9, 'phase1_iter': 6, 'total_iter': 20, 'warmup_iter': 4,
    'optim_g': {'type': 'Adam', 'lr': 1e-3, 'lr_refiner': 5e-4}, 'optim_d': {'type': 'Adam', 'lr': 1e-3},
    'scheduler': {'type': 'CosineAnnealingRestartLR', 'periods': [15, 10**6], 'restart_weights': [1, 0.5],
                  'eta_min': 1e-5},
    'pixel_opt': {'type': 'L1Loss', 'loss_weight': 1.0},
    'contrastive_opt': {'type': 'HCLContrastiveLoss', 'loss_weight': 0.1, 'max_pixels': 16},
    'classifier_opt': {'loss_weight': 1.0}, 'gan_opt': {'type': 'HCLWGANGPLoss', 'loss_weight': 0.1},
}  # fmt: skip
_ITERATION = re.compile(r'epoch: .*iter: +([\d,]+),')


def tiny_options(images: Path, name: str = 'tiny') -> dict[str, Any]:
    """Options of a training of twenty iterations on ten images, with two workers: 3 batches an epoch."""
    data = {'type': 'BlindCorruptionDataset', 'dataroot_gt': str(images), 'dataroot_noise': str(images), 'gt_size': 32,
            'corruptions': {'patch': 1, 'constant': 1}, 'hole_share': [0.1, 0.5]}  # fmt: skip
    return {
        'name': name, 'model_type': 'HCLModel', 'num_gpu': 0, 'manual_seed': 3,
        'datasets': {'train': {'name': 'T', **data, 'batch_size_per_gpu': 4, 'num_worker_per_gpu': 2}},
        'network_g': NETWORK, 'network_d': {'type': 'HCLPatchDiscriminator', 'dim': 4},
        'path': {'resume_state': None}, 'train': dict(TRAINING),
        'logger': {'print_freq': 1, 'save_checkpoint_freq': 5, 'use_tb_logger': False},
    }  # fmt: skip


@dataclass
class Run:
    """A training in a folder.

    Attributes:
        folder: where it is started; experiments/ is in it.
        options: its options; `start` writes them into a file.
        processes: how many train together.
        module: what `python -m` runs, or a file.
        launcher: further arguments of torchrun.
        starter: what starts several processes.
    """

    folder: Path
    options: dict[str, Any]
    processes: int = 1
    module: Sequence[str] = ('-m', 'hcl_arch.train')
    launcher: Sequence[str] = ('--standalone',)
    starter: str = 'torch.distributed.run'
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def experiment(self) -> Path:
        """Where the run writes."""
        return self.folder / 'experiments' / self.options['name']

    @property
    def log(self) -> Path:
        """What the last start printed."""
        return self.folder / f'{self.options["name"]}.out'

    @property
    def checkpoints(self) -> CheckpointFolders:
        """The run's checkpoints."""
        return CheckpointFolders(self.experiment / 'training_states', self.experiment / 'models')

    def start(self, *arguments: str, prefix: Sequence[str] = ()) -> subprocess.Popen[bytes]:
        """Start the training, in a process group of its own."""
        option_file = self.folder / f'{self.options["name"]}.yml'
        option_file.write_text(yaml.safe_dump(self.options, sort_keys=False))
        command = [*self.module, '-opt', str(option_file), *arguments]
        if self.processes > 1:
            several = ['-m', self.starter, f'--nproc_per_node={self.processes}', *self.launcher]
            command = [*several, *command, '--launcher', 'pytorch']
        environment = {**os.environ, 'OMP_NUM_THREADS': '1', 'PYTHONUNBUFFERED': '1', **self.environment}
        with self.log.open('wb') as log:
            return subprocess.Popen(
                [*prefix, sys.executable, *command], cwd=self.folder, env=environment, stdout=log,
                stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip

    def finish(self, *arguments: str) -> str:
        """Run the training to its end, which has to be a good one; return what it printed."""
        code = self.start(*arguments).wait(timeout=TIMEOUT)
        output = self.log.read_text(errors='replace')
        assert code == 0, output[-4000:]
        return output

    def wait_for_iteration(self, process: subprocess.Popen[bytes], iterations: int) -> None:
        """Wait until a started training has reported so many iterations, or has ended."""
        deadline = time.monotonic() + TIMEOUT
        while time.monotonic() < deadline and process.poll() is None:
            if len(_ITERATION.findall(self.log.read_text(errors='replace'))) >= iterations:
                return
            time.sleep(0.02)
        assert process.poll() is not None, f'no iteration {iterations} in time: {self.log.read_text()[-2000:]}'


def load(file: Path) -> Any:
    """Content of a file that `torch.save` wrote."""
    return torch.load(file, map_location='cpu', weights_only=True)


def differences(one: Any, other: Any, place: str = '') -> list[str]:
    """Places at which two contents differ in a single bit."""
    if isinstance(one, torch.Tensor):
        return [] if one.dtype == other.dtype and torch.equal(one, other) else [place]
    if isinstance(one, dict):
        if one.keys() != other.keys():
            return [f'{place}: {one.keys() ^ other.keys()}']
        return [text for key in one for text in differences(one[key], other[key], f'{place}/{key}')]
    if isinstance(one, (list, tuple)):
        pairs = enumerate(zip(one, other))
        found = [text for index, (a, b) in pairs for text in differences(a, b, f'{place}[{index}]')]
        return found if len(one) == len(other) else [*found, f'{place}: {len(one)} and {len(other)}']
    return [] if one == other else [f'{place}: {one} and {other}']


def without_scores(state: Any) -> Any:
    """A training state without the best scores: those of a validation that was killed are lost."""
    return {key: value for key, value in state.items() if key != 'best_metric_results'} if 'iter' in state else state


def assert_same_end(one: Run, other: Run, iteration: int) -> None:
    """Check that two runs ended alike, bit by bit: networks, their average, optimizers, schedulers, order of data."""
    for name in (f'models/net_g_{iteration}.pth', f'models/net_d_{iteration}.pth', 'models/net_g_latest.pth',
                 'models/net_d_latest.pth', f'training_states/{iteration}.state'):  # fmt: skip
        contents = [without_scores(load(run.experiment / name)) for run in (one, other)]
        assert differences(*contents, name) == []
