"""The benchmarks run, and count what they say. Slow: at the Places setting even a small picture takes seconds."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import cv2
import pytest


@pytest.mark.slow
@pytest.mark.parametrize('script', ['bench_inference', 'bench_training'])
def test_benchmark(repository: Path, tmp_path: Path, script: str) -> None:
    command = [sys.executable, str(repository / 'benchmarks' / f'{script}.py'), '--size', '64', '--repeats', '1']
    figures = tmp_path / 'figures.json'
    subprocess.run([*command, '--precision', 'bf16', '--json', str(figures)], check=True, cwd=tmp_path)
    result = json.loads(figures.read_text())
    result = result[0] if isinstance(result, list) else result
    gflop = {'bench_inference': 527.0, 'bench_training': 1650.0}[script] / 16  # 64 x 64 of 256 x 256 pixels
    assert result['gflops'] == pytest.approx(gflop / result['seconds'][0])
    speed = result['yardstick_gflops']['float32']
    assert result['times_yardstick']['float32'] == pytest.approx(result['gflops'] / speed)
    assert 0 < result['peak_above_start_gib'] < result['peak_gib']
    assert {'encoder', 'mask hierarchy', 'decoder', 'refiner'} <= set(result['part_seconds'])
    assert all(seconds > 0 for seconds in result['part_seconds'].values())


@pytest.mark.slow
def test_restore_sheet(repository: Path, tmp_path: Path) -> None:
    pytest.importorskip('skimage')
    script = str(repository / 'benchmarks' / 'restore_sheet.py')
    options = ['--kinds', 'bars', 'hard_paste', '--save-inputs', 'spoiled']
    subprocess.run([sys.executable, script, 'sheet.png', *options], check=True, cwd=tmp_path)
    inputs = [cv2.imread(str(tmp_path / 'spoiled' / f'{name}.png')) for name in ('00_bars', '01_hard_paste')]
    assert [picture.shape for picture in inputs] == [(512, 512, 3), (300, 451, 3)]
    assert cv2.imread(str(tmp_path / 'sheet.png')).shape == (216, 2 * 3 * 288 + 12, 3)
