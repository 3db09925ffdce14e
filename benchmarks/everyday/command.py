"""The command of the everyday benchmark.

    python benchmarks/everyday/run.py --images VAL                          # 24 photographs a kind
    python benchmarks/everyday/run.py --images VAL --per-kind 0 --degradations none half --markdown table.md
    python benchmarks/everyday/run.py --pairs SPOILED MASKS --model weights.safetensors --sheet found.png

Photographs are spoiled in twelve ways that people meet, degraded, and given to the model as `hcl-restore` gives them
to it. The table holds the IoU of the corrupted region, pooled over a kind's pictures (sum of intersections over sum of
unions), and what happened to photographs in which nothing is to be found. Every run has the same pictures. Needs
matplotlib (for its fonts) and Pillow 10.1 or newer.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

from PIL import Image
from tqdm import tqdm

import hcl_arch

from .degradations import DEGRADATIONS
from .evaluation import evaluate
from .kinds import CLEAN, KINDS
from .photographs import cases, listed, pair_cases, shown, spoiled
from .scores import figures, markdown
from .sheet import PER_KIND, Sheet


def main(argv: Optional[Sequence[str]] = None) -> None:
    """Run the command."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    if not arguments.images and not arguments.pairs:
        parser.error('give --images, --pairs or both')
    paths = listed(arguments.images) if arguments.images else []
    everything = cases(paths, list(dict.fromkeys(arguments.kinds)), arguments.per_kind) if paths else []
    if arguments.pairs:
        everything += pair_cases(*arguments.pairs)
    degradations = list(dict.fromkeys(arguments.degradations))
    restorer = hcl_arch.Restorer(arguments.model, device=arguments.device, detect_side=arguments.detect_side)
    if arguments.threshold is not None:
        restorer.threshold = arguments.threshold
    sheet = Sheet(list(shown(everything, PER_KIND)))
    tallies = evaluate(
        restorer,
        tqdm(everything, desc='pictures'),
        lambda case: spoiled(case, paths, arguments.seed),
        degradations,
        seed=arguments.seed,
        seen=sheet.add if arguments.sheet else None,
    )
    settings = {
        'model': restorer.name, 'threshold': restorer.threshold, 'min_score': getattr(restorer, 'min_score', 0),
        'detect_side': restorer.detect_side, 'per_kind': arguments.per_kind, 'seed': arguments.seed,
    }  # fmt: skip
    table = markdown(tallies, degradations, ', '.join(f'{name} {value}' for name, value in settings.items()))
    print(table)
    if arguments.markdown:
        arguments.markdown.write_text(table + '\n', 'utf-8')
    if arguments.json:
        arguments.json.write_text(json.dumps({'settings': settings, **figures(tallies, degradations)}, indent=1) + '\n')
    if arguments.sheet:
        Image.fromarray(sheet.picture()).save(arguments.sheet)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--images', type=Path, metavar='FOLDER', help='photographs without corruption')
    parser.add_argument(
        '--pairs',
        type=Path,
        nargs=2,
        metavar=('SPOILED', 'MASKS'),
        help='spoiled pictures, and masks of equal stem, white = corrupted (all of them)',
    )
    parser.add_argument(
        '--kinds',
        nargs='+',
        choices=(*KINDS, CLEAN),
        default=(*KINDS, CLEAN),
        metavar='KIND',
        help=f'of {", ".join((*KINDS, CLEAN))} (all)',
    )
    parser.add_argument(
        '--degradations',
        nargs='+',
        choices=DEGRADATIONS,
        default=DEGRADATIONS,
        metavar='NAME',
        help=f'of {", ".join(DEGRADATIONS)} (all)',
    )
    parser.add_argument(
        '--per-kind',
        type=_count,
        default=24,
        metavar='N',
        help='photographs a kind, 0 for all; of clean ones at least 60 (24)',
    )
    parser.add_argument('--seed', type=_count, default=0)
    parser.add_argument('--model', default='small', help='name or file (small)')
    parser.add_argument('--device', default='auto', help='auto, cpu, cuda, cuda:N (auto)')
    parser.add_argument('--threshold', type=_share, metavar='T', help="in [0, 1] (the model's own)")
    parser.add_argument('--detect-side', type=int, metavar='N', help="pixels (the model's own)")
    parser.add_argument('--json', type=Path, metavar='FILE', help='write all figures')
    parser.add_argument('--markdown', type=Path, metavar='FILE', help='write the tables')
    parser.add_argument(
        '--sheet',
        type=Path,
        metavar='FILE',
        help='write a picture: of some cases a kind, spoiled, found (outlined) and truth',
    )
    return parser  # fmt: skip


def _count(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f'expected a whole number of at least 0, got {text}')
    return number


def _share(text: str) -> float:
    number = float(text)
    if not 0 <= number <= 1:
        raise argparse.ArgumentTypeError(f'expected a number in [0, 1], got {text}')
    return number
