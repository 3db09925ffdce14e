"""Trainings, one after the other, that can be stopped anywhere."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Optional

import torch
from basicsr.archs import build_network

from hcl_arch.utils.atomic_file import atomic_file

from .design import Run, Settings, initial_file, network_options

# In the names of weights: what a network that classifies pixels has beside one that clusters them.
_OF_PIXELS = 'detector.pixel_classifiers.'
_ONE_THREAD = {'OMP_NUM_THREADS': '1', 'MKL_NUM_THREADS': '1', 'OPENCV_FOR_THREADS_NUM': '1'}


class Stop:
    """Notes SIGTERM and Ctrl-C, and hands them on to the training in progress, which saves a checkpoint."""

    def __init__(self) -> None:
        self.signal = 0
        self._process: Optional[subprocess.Popen[bytes]] = None

    def install(self) -> None:
        """Begin to note them."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._note)

    def check(self) -> None:
        """Leave the program if it was asked to stop.

        Raises:
            SystemExit: With 128 + the signal's number.
        """
        if self.signal:
            print('Stopped; the same command goes on from here.', file=sys.stderr)
            raise SystemExit(128 + self.signal)

    def run(self, command: Sequence[str], **options: Any) -> int:
        """Run a program that SIGTERM is handed on to; `options` are those of `Popen`. Return its exit status."""
        # In a session of its own: Ctrl-C would reach it twice, which ends a training without a checkpoint.
        self._process = subprocess.Popen(command, start_new_session=True, **options)
        if self.signal:
            self._process.send_signal(signal.SIGTERM)
        status = self._process.wait()
        self._process = None
        return status

    def _note(self, number: int, frame: Any) -> None:
        self.signal = number
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)


def write_initial_states(folder: Path, settings: Settings, backbone_weights: Optional[Path]) -> None:
    """Write the weights that every seed's trainings start from, of all arms the same.

    A network that classifies pixels has classifiers for its finer stages, which one that clusters has not; all else is
    equal.

    Args:
        folder: the run folder.
        settings: of all trainings.
        backbone_weights: what a pretrained encoder starts from; None for a random one.
    """
    (folder / 'initial').mkdir(exist_ok=True)
    options = network_options('P', settings.encoder)
    if backbone_weights is not None:
        options['backbone_weights'] = str(backbone_weights)
    for seed in range(settings.seeds):
        files = {arm: folder / initial_file(Run(arm, 'flat', seed)) for arm in ('P', 'C')}
        if all(file.is_file() for file in files.values()):
            continue
        torch.manual_seed(seed)
        state = build_network(options).state_dict()
        clusters = {name: value for name, value in state.items() if not name.startswith(_OF_PIXELS)}
        for arm, weights in {'P': state, 'C': clusters}.items():
            with atomic_file(files[arm]) as file:
                torch.save({'params': weights}, file)


def weights_file(folder: Path, run: Run) -> Path:
    """What a finished training leaves."""
    return folder / 'experiments' / run.name / 'models' / 'net_g_latest.pth'


def train(folder: Path, run: Run, stop: Stop) -> None:
    """Train to the end, from where the run was left.

    Args:
        folder: the run folder, with the run's option file, data and initial weights.
        run: which one.
        stop: notes that the program is asked to stop.

    Raises:
        SystemExit: It was; a checkpoint was saved.
        RuntimeError: The training failed; names its log.
    """
    if weights_file(folder, run).is_file():
        return
    log_file = folder / 'logs' / f'{run.name}.log'
    log_file.parent.mkdir(exist_ok=True)
    command = [sys.executable, '-m', 'hcl_arch.train', '-opt', f'options/{run.name}.yml', '--auto_resume']
    with log_file.open('ab') as log:
        environment = {**os.environ, **_ONE_THREAD}
        status = stop.run(command, cwd=folder, env=environment, stdout=log, stderr=log)
    stop.check()
    if status or not weights_file(folder, run).is_file():
        raise RuntimeError(f'The training {run.name} ended with status {status}; its log is {log_file}.')
