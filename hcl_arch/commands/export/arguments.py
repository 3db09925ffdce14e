"""Command `hcl-export MODEL OUT`: a trained network for other runtimes, checked against PyTorch.

OUT.onnx         ONNX, for images of any size from 16 px up; needs: pip install "hcl-arch[export]"
OUT.pt2          a program of torch.export, for images larger than the network's size multiple; takes minutes
OUT.safetensors  the network with its configuration inside, for hcl-restore --model
OUT.onnx.zip     graphs without weights, for hcl-restore --runtime onnx: of NAME.safetensors beside it as NAME.onnx.zip

    hcl-export small detector.onnx --part detect
    hcl-export experiments/mine/models/net_g_latest.pth mine.safetensors --info detect_side=128
    hcl-export joined.yml joined.safetensors --half

Exit codes: 0, written and equal to PyTorch; 1, written but not equal; 2, not written.
"""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Optional, get_args

from hcl_arch.utils.command_line import CommandParser

SUFFIXES = ('.onnx', '.pt2', '.safetensors', '.onnx.zip')
PartName = Literal['detect', 'restore', 'all']
OPSETS = range(18, 21)  # of ONNX


def parse_arguments(argv: Optional[Sequence[str]] = None) -> argparse.Namespace:
    """Arguments of the command; None: those of the program.

    Raises:
        SystemExit: With code 2 after one line on stderr for wrong arguments, 0 for --help and --version.
    """
    return make_parser().parse_args(argv)


def make_parser() -> CommandParser:
    """The parser of the command line."""
    parser = CommandParser(prog='hcl-export', description=__doc__)
    parser.add_argument(
        'model',
        help='a name of hcl-restore --list-models, or a file: .safetensors, .pth, .pt, or an '
        'option file that names its weights, those of its parts in network_g or path: pretrain_network_g',
    )
    parser.add_argument('out', type=Path, help=f'file to write: its name ends in {", ".join(SUFFIXES)}')
    parser.add_argument('--options', type=Path, metavar='FILE', help='the option file of a .pth of BasicSR')
    parser.add_argument(
        '--part', choices=get_args(PartName), default='all',
        help='detect: image to mask and confidence; restore: image and mask to the restored image; '
        'all: image to all three (default)',
    )  # fmt: skip
    parser.add_argument('--opset', type=int, choices=OPSETS, default=OPSETS[0], help='of ONNX (default: %(default)s)')
    parser.add_argument(
        '--info', type=_remark, nargs='+', default=[], metavar='KEY=VALUE',
        help='of a .safetensors: remarks to keep in it, such as description="..." detect_side=160 min_score=0.75 '
        'licence=...',
    )  # fmt: skip
    parser.add_argument('--half', action='store_true', help='of a .safetensors: store float16, half as large')
    parser.add_argument('--overwrite', action='store_true', help='replace a file that exists')
    return parser


def _remark(text: str) -> tuple[str, Any]:
    """Key and value of KEY=VALUE; the value is a number if it looks like one."""
    key, equals, value = text.partition('=')
    if not key or not equals:
        raise argparse.ArgumentTypeError(f'expected KEY=VALUE, got {text!r}')
    for kind in (int, float):
        with contextlib.suppress(ValueError):
            return key, kind(value)
    return key, value
