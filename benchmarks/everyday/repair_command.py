"""The command that measures repairs of everyday corruption.

    python benchmarks/everyday/repair.py --images VAL                       # 24 photographs a kind
    python benchmarks/everyday/repair.py --images VAL --filler big-lama.pt --sheet repaired.png

Photographs are spoiled as for the everyday benchmark (run.py), and repaired twice: by their true mask, grown by 2
pixels, and blindly, as `hcl-restore` repairs a picture. The tables compare the result with the photograph as it was,
and the first one with OpenCV's two methods. Figures are means over pictures. Every run has the same pictures.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Callable, Optional

import numpy as np
from PIL import Image
from tqdm import tqdm

import hcl_arch

from .canvas import Mask, Picture, Spoiled
from .kinds import CLEAN, KINDS
from .photographs import Case, cases, listed, shown, spoiled
from .repair_sheet import RepairSheet
from .repairs import figures, markdown, repaired

# By which the true mask is grown, in pixels, so that no rim of the corruption is left.
_GROW = 2
# Fillers to compare with.
_OPENCV = ('opencv-telea', 'opencv-ns')


def main(argv: Optional[Sequence[str]] = None) -> None:
    """Run the command."""
    arguments = _parser().parse_args(argv)
    paths = listed(arguments.images)
    everything = cases(paths, list(dict.fromkeys(arguments.kinds)), arguments.per_kind)
    restorer = hcl_arch.Restorer(arguments.model, filler=arguments.filler)
    by_mask = {name: hcl_arch.Restorer(arguments.model, filler=name) for name in _OPENCV}
    settings = {key: getattr(arguments, key) for key in ('grow', 'feather') if getattr(arguments, key) is not None}

    def blind(picture: Picture) -> Picture:
        return np.asarray(restorer.restore(picture, **settings).image)

    def load(case: Case, kind: str) -> Spoiled:
        return spoiled(case._replace(kind=kind), paths, arguments.seed)

    sheet = RepairSheet(list(shown(everything, arguments.shown)))
    records = repaired(
        tqdm(everything, desc='pictures'),
        load,
        blind,
        {name: _by_mask(each) for name, each in {**by_mask, 'model': restorer}.items()},
        seen=sheet.add if arguments.sheet else None,
    )
    told = {'model': restorer.name, 'filler': arguments.filler, **settings, 'per_kind': arguments.per_kind}
    table = markdown(records, ', '.join(f'{name} {value}' for name, value in told.items()))
    print(table)
    if arguments.markdown:
        arguments.markdown.write_text(table + '\n', 'utf-8')
    if arguments.json:
        content = {'settings': told, 'records': figures(records)}
        arguments.json.write_text(json.dumps(content, indent=1, default=str) + '\n')
    if arguments.sheet:
        Image.fromarray(sheet.picture()).save(arguments.sheet)


def _by_mask(restorer: hcl_arch.Restorer) -> Callable[[Picture, Mask], Picture]:
    def repair(picture: Picture, mask: Mask) -> Picture:
        white = mask.astype(np.uint8) * 255
        return np.asarray(restorer.restore(picture, mask=white, mask_polarity='white', grow=_GROW).image)

    return repair


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--images', type=Path, required=True, metavar='FOLDER', help='photographs without corruption')
    parser.add_argument('--model', default='small', metavar='NAME|FILE', help='the model (small)')
    parser.add_argument('--filler', metavar='NAME|FILE', help="what fills holes in the place of the model's restorer")
    parser.add_argument(
        '--kinds', nargs='+', choices=(*KINDS, CLEAN), default=(*KINDS, CLEAN), metavar='KIND',
        help=f'of {", ".join((*KINDS, CLEAN))} (all)',
    )  # fmt: skip
    parser.add_argument('--per-kind', type=int, default=24, metavar='N', help='photographs of each kind, 0 = all (24)')
    parser.add_argument('--seed', type=int, default=0, help='of the corruption (0)')
    parser.add_argument('--grow', type=float, help="growth of the mask found, in pixels (hcl-restore's)")
    parser.add_argument('--feather', type=float, help="soft edge of the repair, in pixels (hcl-restore's)")
    parser.add_argument('--markdown', type=Path, metavar='FILE', help='write the tables to a file')
    parser.add_argument('--json', type=Path, metavar='FILE', help='write every figure to a file')
    parser.add_argument('--sheet', type=Path, metavar='PNG', help='write a picture of some repairs of each kind')
    parser.add_argument('--shown', type=int, default=2, metavar='N', help='how many of each kind it shows (2)')
    return parser
