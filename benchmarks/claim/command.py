"""The command of the test of the paper's claim.

    python benchmarks/claim/run.py RUNS                                               # everything, on one thread
    python benchmarks/claim/run.py RUNS --only none --page docs/results_small.md      # the table of what there is

RUNS is a folder that everything is written into; --data holds photos/, faces/ and masks/, each with train/ and val/.
Trained are 27 networks: three arms (P: cross-entropy of pixels, C: the paper's contrast and clusters, B: both), each
without one of three families of corruption, with three seeds. Ctrl-C or SIGTERM saves a checkpoint; the same command
goes on from there. A run that has been trained and measured has a file in RUNS/scores; the table is RUNS/table.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Optional

import torch

from .design import ENCODERS, Run, Settings, all_runs, write_option_files
from .evaluation import load_scores, measure, scores_file, share_of_holes
from .samples import lay_out
from .table import UNDER_WAY, report, write_into
from .training import Stop, train, write_initial_states


def main(argv: Optional[Sequence[str]] = None) -> None:
    """Run the command."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    pretrained = arguments.encoder == 'timm'
    if pretrained != bool(arguments.backbone_weights):
        parser.error('--encoder timm and --backbone-weights belong together')
    settings = Settings(
        arguments.samples, arguments.batch, arguments.seeds, arguments.images, encoder=arguments.encoder
    )
    torch.set_num_threads(1)
    stop = Stop()
    stop.install()
    prepare(arguments.runs, arguments.data, settings, arguments.backbone_weights)
    chosen = [run for run in all_runs(settings.seeds) if fnmatch(run.name, arguments.only)]
    for number, run in enumerate(chosen, start=1):
        stop.check()
        if not scores_file(arguments.runs, run).is_file():
            print(f'{run.name} ({number} of {len(chosen)})', flush=True)
            train(arguments.runs, run, stop)
            measure(arguments.runs, run, settings)
    stop.check()
    text = report_of(arguments.runs, settings)
    (arguments.runs / 'table.md').write_text(text + '\n', 'utf-8')
    print(text)
    if arguments.page:
        write_into(arguments.page, text)


def prepare(folder: Path, data: Path, settings: Settings, backbone_weights: Optional[Path]) -> None:
    """Lay out the run folder: settings, pictures, option files, weights to start from; what is there stays."""
    folder.mkdir(parents=True, exist_ok=True)
    settings.keep_in(folder)
    lay_out(data, folder)
    write_option_files(folder, settings)
    write_initial_states(folder, settings, backbone_weights)


def report_of(folder: Path, settings: Settings) -> str:
    """The report on the seeds of which all runs have been measured."""
    runs = all_runs(settings.seeds)
    missing = {run.seed for run in runs if not scores_file(folder, run).is_file()}
    runs = [run for run in runs if run.seed not in missing]
    if not runs:
        return UNDER_WAY
    loaded = load_scores(folder, runs)
    scores = {name: dict(zip(map(_key, runs), rows)) for name, rows in loaded.items()}
    return report(scores, settings, share_of_holes(folder, settings))


def _key(run: Run) -> tuple[str, str, int]:
    return run.arm, run.left_out, run.seed


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('runs', type=Path, metavar='RUNS', help='folder of the runs, new or begun')
    parser.add_argument('--data', type=Path, default=Path('datasets/small'), metavar='FOLDER', help='(datasets/small)')
    parser.add_argument('--samples', type=_count, default=Settings.samples, metavar='N', help='of a training (100000)')
    parser.add_argument('--batch', type=_count, default=Settings.batch, metavar='N', help='samples a step (16)')
    parser.add_argument('--seeds', type=_count, default=Settings.seeds, metavar='N', help='number of seeds (3)')
    parser.add_argument('--images', type=_count, default=Settings.images, metavar='N', help='test photographs (300)')
    parser.add_argument('--encoder', choices=tuple(ENCODERS), default=Settings.encoder, help='(conv)')
    parser.add_argument('--backbone-weights', type=Path, metavar='FILE', help='of the encoder timm')
    parser.add_argument(
        '--only', default='*', metavar='PATTERN', help="runs to make now, such as '*_0' or 'C_*' (all); 'none' for none"
    )
    parser.add_argument('--page', type=Path, metavar='FILE', help='page with the marks between which the table belongs')
    return parser


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f'expected a whole number of at least 1, got {text}')
    return number
