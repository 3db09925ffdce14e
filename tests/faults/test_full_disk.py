"""A disk that is full in the middle of a training."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.faults.tiny_run import TIMEOUT, MakeRun, Run

# Mounts a small file system at $1, runs the rest in it, and copies what is there to $2, all unseen by other programs.
IN_SMALL_FOLDER = """
    mkdir -p "$1" && mount -t tmpfs -o size="$3" tmpfs "$1" || exit 99
    inside="$1"; outside="$2"; shift 3
    "$@"; code=$?
    cp -a "$inside/." "$outside"
    exit $code
"""


def small_folder(inside: Path, outside: Path, *, kib: int) -> list[str]:
    """What to put before a command that shall find little room in a folder; skips the test where that cannot be."""
    outside.mkdir()
    prefix = ['unshare', '--user', '--map-root-user', '--mount', 'sh', '-c', IN_SMALL_FOLDER, 'sh', str(inside),
              str(outside), f'{kib}k']  # fmt: skip
    probe = [*prefix, 'true'] if shutil.which('unshare') else ['false']
    if subprocess.run(probe, capture_output=True, check=False).returncode:
        pytest.skip('this system lets no user mount a small file system')
    return prefix


def set_size_kib(run: Run, iteration: int) -> int:
    """Size of a checkpoint."""
    files = [run.checkpoints.state_file(iteration), *(run.checkpoints.network_file(label, iteration) for label in 'gd')]
    return sum(-(-file.stat().st_size // 4096) * 4 for file in files)


def test_training_stops_and_keeps_what_it_has(make_run: MakeRun, tmp_path: Path) -> None:
    measured, run = make_run('measured'), make_run('full')
    for one in (measured, run):
        one.options['train'] = {**one.options['train'], 'total_iter': 7}
        one.options['logger']['save_checkpoint_freq'] = 3
    measured.finish()
    # Room for the first checkpoint and the log, but not for two checkpoints.
    kib = round(set_size_kib(measured, 3) * 1.6)
    prefix = small_folder(tmp_path / 'experiments', tmp_path / 'left', kib=kib)
    code = run.start(prefix=prefix).wait(timeout=TIMEOUT)
    output = run.log.read_text()
    assert code == 2, output[-3000:]
    assert 'hcl-train: error: ' in output
    assert 'the checkpoint cannot be written' in output
    assert 'No space left on device' in output
    assert 'iter:       7' not in output  # it did not go on
    shutil.rmtree(run.experiment, ignore_errors=True)
    (tmp_path / 'left' / 'full').rename(run.experiment)
    assert run.checkpoints.iterations() == [3]
    assert run.checkpoints.damage(3, ['g', 'd']) == ''
    assert not list(run.experiment.rglob('*.partial'))
    run.finish('--auto_resume')
