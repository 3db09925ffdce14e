"""Train the demo's network for hours and watch the memory and the open files of the trainer and of its workers.

    python benchmarks/soak.py soak --hours 2

writes into the folder soak/: the data (the demo's, five of its images damaged), the run, its output (train.log) and
usage.csv, with a line every half minute. At the end the training is stopped as a user would stop it, and a table is
printed: each figure in the first quarter hour after the warm-up, in the last one, and its trend.
"""

from __future__ import annotations

import argparse
import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

REPOSITORY = Path(__file__).resolve().parents[1]
SECONDS_BETWEEN = 30.0
WARM_UP = 600.0  # seconds in which allocators, caches and workers reach their size
WINDOW = 900.0
DAMAGED = 5
# The demo's setting, made endless, with all that a long run has: workers, averaged weights, validation, checkpoints.
# (`--force_yml` cannot make new options, so these are written into a copy of the option file.)
CHANGES = {
    '  total_iter: 1670\n': '  total_iter: 1000000\n',
    '  detector_iter: 1500': '  detector_iter: 300',
    '  phase1_iter: 1600\n': '  phase1_iter: 600\n',
    '  ema_decay: 0\n': '  ema_decay: 0.99\n',
    '    periods: [1500, 170]': '    periods: [1000000, 10]',
    '    num_worker_per_gpu: 0\n': '    num_worker_per_gpu: 2\n',
    '  save_checkpoint_freq: 400\n': '  save_checkpoint_freq: 400\n  keep_checkpoints: 3\n',
    'logger:\n': """val:
  val_freq: 1000
  save_img: false
  panel_images: 8
  metrics:
    mask_accuracy: {type: calculate_mask_accuracy}
    psnr: {type: calculate_psnr, crop_border: 0}

logger:
""",
    'network_g:\n': """  val:
    name: demo-val
    type: BlindCorruptionDataset
    dataroot_gt: datasets/demo/val
    gt_size: 64
    corruptions: {constant: 1.0, noise: 1.0}

network_g:
""",
}  # fmt: skip


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('folder', type=Path)
    parser.add_argument('--hours', type=float, default=2.0)
    arguments = parser.parse_args()
    folder = arguments.folder.resolve()
    folder.mkdir(parents=True)
    option_file = prepare(folder)
    with (folder / 'train.log').open('w') as log:
        command = [sys.executable, '-m', 'hcl_arch.train', '-opt', str(option_file)]
        trainer = subprocess.Popen(command, cwd=folder, stdout=log, stderr=subprocess.STDOUT)
        rows = watch(trainer, folder / 'usage.csv', seconds=arguments.hours * 3600)
        trainer.send_signal(signal.SIGTERM)
        code = trainer.wait(timeout=300)
    print(f'The training ended with code {code} (143: stopped by SIGTERM).')
    print(summary(rows))


def prepare(folder: Path) -> Path:
    """Make the data and the option file; return the latter."""
    prepare_demo = REPOSITORY / 'datasets_prep' / 'prepare_demo.py'
    subprocess.run([sys.executable, str(prepare_demo), 'datasets/demo'], cwd=folder, check=True)
    for image in sorted((folder / 'datasets' / 'demo' / 'train').glob('*.png'))[::400][:DAMAGED]:
        image.write_bytes(image.read_bytes()[:200])
    text = (REPOSITORY / 'options' / 'train_hcl_demo.yml').read_text(encoding='utf-8')
    for old, new in CHANGES.items():
        if text.count(old) != 1:
            raise RuntimeError(f'options/train_hcl_demo.yml has changed: {old!r} is there {text.count(old)} times.')
        text = text.replace(old, new)
    option_file = folder / 'soak.yml'
    option_file.write_text(text, encoding='utf-8')
    return option_file


def watch(trainer: subprocess.Popen, csv_file: Path, *, seconds: float) -> list[dict[str, float]]:
    """Note the usage of a training and its workers until the time is over or it has ended."""
    rows: list[dict[str, float]] = []
    start = time.monotonic()
    with csv_file.open('w', newline='') as file:
        while trainer.poll() is None and time.monotonic() - start < seconds:
            row = {'seconds': round(time.monotonic() - start, 1), **usage(trainer.pid)}
            if not rows:
                writer = csv.DictWriter(file, fieldnames=list(row))
                writer.writeheader()
            writer.writerow(row)
            file.flush()
            rows.append(row)
            time.sleep(SECONDS_BETWEEN)
    return rows


def usage(pid: int) -> dict[str, float]:
    """Memory in MiB (resident, and the share of pages that are used by several processes) and open files."""
    workers = [child for child in children(pid) if 'resource_tracker' not in command_line(child)]
    of_workers = [memory(child) for child in workers]
    return {
        'trainer_rss': memory(pid)[0],
        'trainer_pss': memory(pid)[1],
        'workers': len(workers),
        'workers_rss': sum(rss for rss, _ in of_workers),
        'workers_pss': sum(pss for _, pss in of_workers),
        'trainer_files': open_files(pid),
        'workers_files': sum(map(open_files, workers)),
    }


def children(pid: int) -> list[int]:
    """Processes that a process has started."""
    try:
        return [int(child) for child in Path(f'/proc/{pid}/task/{pid}/children').read_text().split()]
    except OSError:
        return []


def command_line(pid: int) -> str:
    """How a process was started, '' if it has ended."""
    try:
        return Path(f'/proc/{pid}/cmdline').read_text()
    except OSError:
        return ''


def memory(pid: int) -> tuple[float, float]:
    """Resident and proportional memory in MiB, zeros if the process has ended."""
    try:
        lines = dict(line.split(':', 1) for line in Path(f'/proc/{pid}/smaps_rollup').read_text().splitlines()[1:])
    except OSError:
        return 0.0, 0.0
    return int(lines['Rss'].split()[0]) / 1024, int(lines['Pss'].split()[0]) / 1024


def open_files(pid: int) -> int:
    """Number of open file descriptors, 0 if the process has ended."""
    try:
        return len(os.listdir(f'/proc/{pid}/fd'))
    except OSError:
        return 0


def summary(rows: list[dict[str, float]]) -> str:
    """A Markdown table: medians of the first and last quarter hour after the warm-up, trend per hour, largest value."""
    settled = [row for row in rows if row['seconds'] >= WARM_UP]
    if len(settled) < 4:
        return 'Too short to say anything.'
    seconds = np.array([row['seconds'] for row in settled])
    first, last = seconds <= seconds[0] + WINDOW, seconds >= seconds[-1] - WINDOW
    lines = ['| | first quarter hour | last quarter hour | trend per hour | largest |', '|---|---|---|---|---|']
    for key in list(settled[0])[1:]:
        values = np.array([row[key] for row in settled])
        trend = np.polyfit(seconds / 3600, values, 1)[0]
        lines.append(
            f'| {key} | {np.median(values[first]):.1f} | {np.median(values[last]):.1f} | {trend:+.2f} '
            f'| {values.max():.1f} |'
        )
    return '\n'.join(lines)


if __name__ == '__main__':
    main()
