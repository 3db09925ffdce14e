"""The demo: train a small HCL, test it on photographs that it has not seen, show what it found.

    python examples/demo.py            (or `make demo`)

Everything goes through BasicSR's training and test pipelines with `options/train_hcl_demo.yml` and
`options/test_hcl_demo.yml`, and into the folder demo/: the data, experiments/, results/, demo.md and demo.png. (What an
earlier run left in experiments/ and results/, BasicSR renames.)
"""

from __future__ import annotations

import argparse
import csv
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

import cv2
import numpy as np

from hcl_arch.utils.pictures import stack_rows

REPOSITORY = Path(__file__).resolve().parents[1]
# Enough to run through every step, not to learn anything.
QUICK_TRAINING = ('train:total_iter=20', 'train:detector_iter=10', 'train:phase1_iter=15', 'logger:print_freq=5')
RESULTS = Path('results') / 'test_hcl_demo'
# Which images the picture shows, as shares of the list that is ordered by accuracy: median and upper quartile.
SHOWN_RANKS = (0.5, 0.75)


def main(argv: Optional[Sequence[str]] = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--folder', type=Path, default=Path('demo'), help='where everything is written')
    parser.add_argument('--quick', action='store_true', help='train for 20 iterations: shows that all runs, no more')
    arguments = parser.parse_args(argv)
    folder = arguments.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    _run(folder, [str(REPOSITORY / 'datasets_prep' / 'prepare_demo.py'), 'datasets/demo'])
    quick = ['--force_yml', *QUICK_TRAINING] if arguments.quick else []
    _run(folder, ['-m', 'hcl_arch.train', '-opt', str(REPOSITORY / 'options' / 'train_hcl_demo.yml'), *quick])
    _run(folder, ['-m', 'hcl_arch.test', '-opt', str(REPOSITORY / 'options' / 'test_hcl_demo.yml')])
    table = summary_table(folder / RESULTS)
    (folder / 'demo.md').write_text(table, encoding='utf-8')
    cv2.imwrite(str(folder / 'demo.png'), summary_picture(folder / RESULTS))
    print(f'\n{table}\n{time.monotonic() - start:.0f} s. Table: {folder / "demo.md"}, picture: {folder / "demo.png"}')


def _run(folder: Path, arguments: list[str]) -> None:
    """Run this Python with arguments in a folder; show its output as it comes."""
    environment = {**os.environ, 'PYTHONUNBUFFERED': '1'}
    subprocess.run([sys.executable, *arguments], cwd=folder, env=environment, check=True)


def summary_table(results: Path) -> str:
    """Means over the images of each kind of corruption, beside what a guess that all is clean would reach.

    Args:
        results: The test's folder, with a CSV file of scores for each data set.

    Returns:
        A Markdown table.
    """
    lines = [
        '| corruption | images | hole share | accuracy, all-clean guess | accuracy '
        '| corrupted-region IoU, all-clean guess | corrupted-region IoU | PSNR input | PSNR restored |',
        '|---|---|---|---|---|---|---|---|---|',
    ]
    for path in _score_files(results):
        rows = _read_scores(path)
        mean = {key: float(np.mean([float(row[key]) for row in rows])) for key in rows[0] if key not in _TEXT_COLUMNS}
        lines.append(
            f'| {path.stem} | {len(rows)} | {mean["hole_share"]:.2f} | {1 - mean["hole_share"]:.3f} '
            f'| {mean["mask_accuracy"]:.3f} | 0 | {mean["corrupted_iou"]:.3f} '
            f'| {mean["psnr_input"]:.2f} | {mean["psnr"]:.2f} |'
        )
    return '\n'.join(lines) + '\n'


_TEXT_COLUMNS = ('image', 'corruption')


def summary_picture(results: Path) -> np.ndarray:
    """Panels, below each other: of each kind of corruption the images at the median and upper quartile of accuracy.

    Args:
        results: The test's folder, with CSV files of scores and the panels that the test saved.

    Returns:
        (H, W, 3) uint8 BGR.
    """
    panels: list[np.ndarray] = []
    for path in _score_files(results):
        ranked = sorted(_read_scores(path), key=lambda row: float(row['mask_accuracy']))
        for share in SHOWN_RANKS:
            name = ranked[round(share * (len(ranked) - 1))]['image']
            (file,) = (results / 'visualization' / path.stem).glob(f'{name}_*_panel.png')
            panels.append(np.asarray(cv2.imread(str(file))))
    return stack_rows(panels)


def _score_files(results: Path) -> list[Path]:
    """The scores of the images of each data set, without the means in bins of hole share that lie beside them."""
    return sorted(path for path in results.glob('*.csv') if not path.stem.endswith('_bins'))


def _read_scores(path: Path) -> list[dict[str, str]]:
    with path.open(newline='') as file:
        return list(csv.DictReader(file))


if __name__ == '__main__':
    main()
