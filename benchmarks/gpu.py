"""Speed on a GPU in a few minutes: inference and training at two sizes, precisions and several batches.

    python benchmarks/gpu.py figures.json                    # at most five minutes on one GPU
    python benchmarks/gpu.py figures.json --minutes 10

The most telling figures come first; when the time is up, the rest is listed as not measured. Every figure is a run of
bench_inference.py or bench_training.py, whose own options say more: with --profile the latter counts the operations
that make the host wait for the device inside a step. Speeds are images a second, memory is that of the tensors.
"""

from __future__ import annotations

import argparse
import itertools
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Optional

import torch

FOLDER = Path(__file__).resolve().parent
SCRIPTS = {'inference': ['bench_inference.py', '--no-parts'], 'training': ['bench_training.py']}
BATCHES = (1, 8, 24)


class Run(NamedTuple):
    """What one process measures."""

    work: str
    precision: str
    size: int
    batch: int
    compile: str = ''

    @property
    def command(self) -> list[str]:
        """Without the file for the figures."""
        script, *flags = SCRIPTS[self.work]
        command = [sys.executable, str(FOLDER / script), *flags, '--size', str(self.size), '--batch', str(self.batch)]
        command += ['--precision', self.precision, '--device', 'cuda', '--repeats', '5']
        return [*command, *(['--compile', self.compile] if self.compile else [])]


def runs() -> list[Run]:
    """All runs, the most telling ones first."""
    eager = [
        Run(work, precision, size, batch)
        for batch, precision, size, work in itertools.product(
            reversed(BATCHES), ('bf16', 'fp32'), (256, 512), ('training', 'inference')
        )
    ]
    compiled = [Run(work, 'bf16', 256, batch, 'default') for batch in (24, 1) for work in ('training', 'inference')]
    return [*eager[:4], *compiled[:2], *eager[4:], *compiled[2:]]


def main(argv: Optional[Sequence[str]] = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('figures', type=Path, help='JSON file for what is measured')
    parser.add_argument('--minutes', type=float, default=5, help='after which no run is begun or goes on (5)')
    arguments = parser.parse_args(argv)
    if not torch.cuda.is_available():
        parser.error('PyTorch finds no GPU here')
    end = time.monotonic() + 60 * arguments.minutes
    results: dict[Run, dict[str, Any] | str] = {}
    for run in runs():
        results[run] = measured(run, end - time.monotonic())
        print(row(run, results[run]), flush=True)
        named = [{**each._asdict(), 'result': result} for each, result in results.items()]
        arguments.figures.write_text(json.dumps(named, indent=2) + '\n', 'utf-8')


def measured(run: Run, seconds: float) -> dict[str, Any] | str:
    """The figures of a run, or why there are none."""
    if seconds <= 0:
        return 'not measured: no time left'
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / 'figures.json'
        try:
            done = subprocess.run([*run.command, '--json', str(file)], timeout=seconds, capture_output=True, text=True)
        except subprocess.TimeoutExpired:
            return 'not measured: no time left'
        if done.returncode:
            return 'failed: ' + (done.stderr.strip().splitlines() or ['no message'])[-1]
        figures = json.loads(file.read_text('utf-8'))
    figures = figures[0] if isinstance(figures, list) else figures
    return {name: figures[name] for name in ('images_per_second', 'median_seconds', 'peak_gib', 'machine')}


def row(run: Run, result: dict[str, Any] | str) -> str:
    """A row of the table: | work | precision | size | batch | compiled | images/s | s a step | GiB |."""
    cells = [*map(str, run[:4]), run.compile or 'no']
    if isinstance(result, str):
        return f'| {" | ".join(cells)} | {result} | | |'
    seconds, speed = result['median_seconds'], result['images_per_second']
    return f'| {" | ".join(cells)} | {speed:.1f} | {seconds:.4f} | {result["peak_gib"]:.2f} |'


if __name__ == '__main__':
    main()
