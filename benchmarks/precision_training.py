"""Does training in 16 bit end where training in float32 ends? Trains a small detector with several seeds in each.

    python benchmarks/precision_training.py OUTPUT --data DATA [--iterations 800] [--seeds 0 1 2]

DATA is a folder with photos/ and masks/, each with train/ and val/. Everything is written into OUTPUT, which must not
exist. The training is that of options/train/small/train_small_hcl.yml, made shorter; the masks are found blindly.
"""

from __future__ import annotations

import argparse
import csv
import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any, Optional

import yaml
from tqdm import tqdm

from hcl_arch.utils.option_file import read_option_file

OPTIONS = Path(__file__).resolve().parents[1] / 'options'
TEST_SETS = ('constant', 'patch')
METRICS = ('mask_iou', 'corrupted_iou', 'mask_accuracy')


def main(argv: Optional[list[str]] = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description='Train in several precisions and compare the masks.')
    parser.add_argument('output', type=Path, help='new folder')
    parser.add_argument('--data', type=Path, required=True, help='folder with photos/ and masks/')
    parser.add_argument('--iterations', type=int, default=800, help='of the detector (800)')
    parser.add_argument('--seeds', type=int, nargs='+', default=[0, 1, 2])
    parser.add_argument('--precisions', nargs='+', default=['fp32', 'bf16'])
    parser.add_argument('--images', type=int, default=200, help='of each test set (200)')
    args = parser.parse_args(argv)

    (args.output / 'datasets').mkdir(parents=True)
    (args.output / 'datasets' / 'small').symlink_to(args.data.resolve(), target_is_directory=True)
    runs = [(seed, precision) for seed in args.seeds for precision in args.precisions]
    rows = [
        {'seed': seed, 'precision': precision, **train_and_test(args.output, args, seed, precision)}
        for seed, precision in tqdm(runs, unit='run')
    ]
    (args.output / 'scores.json').write_text(json.dumps(rows, indent=2))
    print(table(rows))


def train_and_test(folder: Path, args: argparse.Namespace, seed: int, precision: str) -> dict[str, float]:
    """Train and test once; the scores, named `set/metric`."""
    name = f'{precision}_{seed}'
    total = args.iterations + 20  # in which the restoration learns too
    train = plain(OPTIONS / 'train' / 'small' / 'train_small_hcl.yml')
    train.update(name=name, manual_seed=seed, precision=precision)
    train['train'].update(total_iter=total, detector_iter=args.iterations, phase1_iter=total)
    train['train']['scheduler']['periods'] = [args.iterations, total - args.iterations]
    train['logger'].update(save_checkpoint_freq=10 * total, use_tb_logger=False)
    run('hcl_arch.train', folder, name, train)

    test = plain(OPTIONS / 'test' / 'small' / 'test_small_hcl.yml')
    test.update(name=f'test_{name}', precision=precision)
    test['datasets'] = {
        key: {**dataset, 'max_samples': args.images}
        for key, dataset in test['datasets'].items()
        if dataset['name'] in TEST_SETS
    }
    test['path'] = {'pretrain_network_g': f'experiments/{name}/models/net_g_latest.pth', 'strict_load_g': True}
    test['val']['metrics'] = {metric: {'type': f'calculate_{metric}'} for metric in METRICS}
    run('hcl_arch.test', folder, f'test_{name}', test)
    return {
        f'{dataset}/{metric}': value
        for dataset in TEST_SETS
        for metric, value in means(folder / 'results' / f'test_{name}' / f'{dataset}.csv').items()
    }


def plain(option_file: Path) -> dict[str, Any]:
    """An option file as plain types; the plugin's line is not needed by our own commands."""
    options = json.loads(json.dumps(read_option_file(option_file)))
    options.pop('plugin')
    return options


def run(module: str, folder: Path, name: str, options: dict[str, Any]) -> None:
    """Run a command of the package in a folder."""
    (folder / f'{name}.yml').write_text(yaml.safe_dump(options, sort_keys=False))
    with (folder / f'{name}.log').open('w') as log:
        command = [sys.executable, '-m', module, '-opt', f'{name}.yml']
        subprocess.run(command, cwd=folder, check=True, stdout=log, stderr=subprocess.STDOUT)


def means(scores: Path) -> dict[str, float]:
    """Mean of every metric over the images of a CSV file."""
    with scores.open() as file:
        rows = list(csv.DictReader(file))
    return {metric: statistics.fmean(float(row[metric]) for row in rows) for metric in METRICS}


def table(rows: list[dict[str, Any]]) -> str:
    """Every run, then mean and standard deviation over the seeds, as Markdown."""
    names = [key for key in rows[0] if key not in ('seed', 'precision')]
    lines = ['| precision | seed | ' + ' | '.join(names) + ' |', '|' + '---|' * (len(names) + 2)]
    lines += [
        f'| {row["precision"]} | {row["seed"]} | ' + ' | '.join(f'{row[name]:.3f}' for name in names) + ' |'
        for row in rows
    ]
    for precision in dict.fromkeys(row['precision'] for row in rows):
        columns = [[row[name] for row in rows if row['precision'] == precision] for name in names]
        cells = [
            f'{statistics.fmean(values):.3f} ± {statistics.stdev(values) if len(values) > 1 else 0:.3f}'
            for values in columns
        ]
        lines.append(f'| {precision} | all | ' + ' | '.join(cells) + ' |')
    return '\n'.join(lines)


if __name__ == '__main__':
    main()
