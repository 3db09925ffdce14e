"""Write an option file that trains on a folder of photographs, and print the commands that come next.

    hcl-new-training ~/photos
    hcl-train -opt photos.yml

The photographs should be clean: in training, everyday corruption is put upon them (bars, strokes, captions, stickers,
marks, pasted parts, ...). They stay as they are. datasets/NAME gets links to them: train/, and val/ with those that are
kept for validation. Which these are hangs on their content alone, so that the same ones are kept every time.

The training goes on from the packaged model. With --from-scratch the same network begins with random weights, which
takes thousands of photographs and a GPU.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

from hcl_arch.utils.command_line import CommandParser, whole_number

PROGRAM = 'hcl-new-training'
# Iterations of a training that goes on from a model, and of one from scratch.
FINE_TUNING, FROM_SCRATCH = 2000, 50_000


def parse_arguments(argv: Optional[Sequence[str]] = None) -> argparse.Namespace:
    """Arguments of the command; None: those of the program.

    Raises:
        SystemExit: With code 2 after one line on stderr for wrong arguments, 0 for --help and --version.
    """
    return make_parser().parse_args(argv)


def make_parser() -> CommandParser:
    """The parser of the command line."""
    parser = CommandParser(prog=PROGRAM, description=__doc__)
    parser.add_argument(
        'folder', type=Path, metavar='FOLDER', help='clean photographs; its subfolders are searched too'
    )
    parser.add_argument(
        '--name', help="the training's; NAME.yml and datasets/NAME are written (default: the folder's name)"
    )
    _add_training(parser.add_argument_group('the training'))
    _add_material(parser.add_argument_group('what is put upon the photographs'))
    parser.add_argument('--copy', action='store_true', help='copy the photographs instead of linking to them')
    parser.add_argument('--overwrite', action='store_true', help='replace what an earlier run has written')
    return parser


def _add_training(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        '--model', default='small', metavar='NAME|FILE', help='a model to go on from (default: %(default)s)'
    )
    group.add_argument('--from-scratch', action='store_true', help="take the model's network with random weights")
    group.add_argument(
        '--iterations', type=whole_number(1), metavar='N',
        help=f'(default: {FINE_TUNING}, from scratch {FROM_SCRATCH})',
    )  # fmt: skip
    group.add_argument(
        '--batch', type=whole_number(1), default=8, metavar='N', help='pictures of a batch (default: %(default)s)'
    )
    group.add_argument(
        '--size', type=whole_number(64), metavar='PX',
        help='side of the squares that are cut out of the photographs (default: 320, less if they are smaller)',
    )  # fmt: skip
    group.add_argument(
        '--validation', type=whole_number(1, 50), default=10, metavar='PERCENT',
        help='share of the photographs that are kept for validation, 1 to 50 (default: %(default)s)',
    )  # fmt: skip


def _add_material(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        '--marks', type=Path, metavar='FOLDER',
        help='PNG files with transparency: the stickers, logos and marks of your pictures (default: drawn ones)',
    )  # fmt: skip
    group.add_argument('--fonts', type=Path, metavar='FOLDER', help="fonts for captions (default: OpenCV's letters)")
