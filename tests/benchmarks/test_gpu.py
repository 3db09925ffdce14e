"""The benchmark for a GPU, where there is none: its runs, what it writes, and that it keeps to its time."""

from __future__ import annotations

import json
import subprocess
from types import SimpleNamespace

import gpu
import pytest


@pytest.fixture
def on_a_gpu(monkeypatch):
    """A GPU on which training by 24 fails and compiling never ends."""

    def run(command, *, timeout, **options):
        if '--compile' in command:
            raise subprocess.TimeoutExpired(command, timeout)
        if 'bench_training.py' in command[1] and '24' in command:
            return SimpleNamespace(returncode=1, stderr='Traceback\nCUDA out of memory')
        figures = {'images_per_second': 80.0, 'median_seconds': 0.1, 'peak_gib': 3.5, 'machine': {}}
        file = command[command.index('--json') + 1]
        with open(file, 'w', encoding='utf-8') as stream:
            json.dump([figures], stream)
        return SimpleNamespace(returncode=0, stderr='')

    monkeypatch.setattr(gpu.torch.cuda, 'is_available', lambda: True)
    monkeypatch.setattr(gpu.subprocess, 'run', run)


def test_runs_are_many_and_different():
    assert len(set(gpu.runs())) == len(gpu.runs()) == 28
    assert {run.batch for run in gpu.runs()} == {1, 8, 24}


def test_what_fails_is_named_and_the_rest_measured(tmp_path, on_a_gpu, capsys):
    gpu.main([str(tmp_path / 'figures.json')])
    rows = capsys.readouterr().out.splitlines()
    assert len(rows) == 28
    assert '| training | bf16 | 256 | 24 | no | failed: CUDA out of memory | | |' in rows
    assert '| inference | bf16 | 256 | 24 | default | not measured: no time left | | |' in rows
    assert '| training | fp32 | 512 | 8 | no | 80.0 | 0.1000 | 3.50 |' in rows
    assert len(json.loads((tmp_path / 'figures.json').read_text('utf-8'))) == 28


def test_no_time(tmp_path, on_a_gpu, capsys):
    gpu.main([str(tmp_path / 'figures.json'), '--minutes', '0'])
    assert all('| not measured: no time left |' in line for line in capsys.readouterr().out.splitlines())


def test_no_gpu(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(gpu.torch.cuda, 'is_available', lambda: False)
    with pytest.raises(SystemExit):
        gpu.main([str(tmp_path / 'figures.json')])
    assert 'finds no GPU here' in capsys.readouterr().err
