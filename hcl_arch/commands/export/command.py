"""Command `hcl-export MODEL OUT`: a trained network for other runtimes, checked against PyTorch.

OUT.onnx         ONNX, for images of any size from 16 px up; needs: pip install "hcl-arch[export]"
OUT.pt2          a program of torch.export, for images larger than the network's size multiple; takes minutes
OUT.safetensors  the network with its configuration inside, for hcl-restore --model

    hcl-export small detector.onnx --part detect
    hcl-export experiments/mine/models/net_g_latest.pth mine.safetensors --info detect_side=128
    hcl-export joined.yml joined.safetensors --half

Exit codes: 0, written and equal to PyTorch; 1, written but not equal; 2, not written.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn, Optional, get_args

from hcl_arch.commands.export.comparison import Runner, compare
from hcl_arch.commands.export.errors import ExportError
from hcl_arch.commands.export.onnx_file import OPSETS, onnx_runner, require_onnx, to_onnx
from hcl_arch.commands.export.parts import Part, PartName, build_part
from hcl_arch.commands.export.program_file import program_runner, smallest_side, to_program
from hcl_arch.commands.export.remarks import remarks
from hcl_arch.model_files import LoadedModel, ModelFileError, load_model, save_model
from hcl_arch.utils.atomic_file import atomic_file
from hcl_arch.utils.regular_file import reason_of

SUFFIXES = ('.onnx', '.pt2', '.safetensors')
SMALLEST_SIDE = 16
# Beside the smallest sizes, of the images that a file is checked with: H and W, px.
_CHECKED = ((64, 64), (100, 75), (72, 104))


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Leave with one line, without the usage."""
        self.exit(2, f'{self.prog}: error: {" ".join(message.split())}\n')


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the command.

    Args:
        argv: The arguments, by default those of the process.

    Returns:
        0, or 1 if the file has been written but does not do what PyTorch does.

    Raises:
        SystemExit: With code 2, after one line on stderr, if the arguments or the files do not allow it.
    """
    parser = _parser()
    arguments = parser.parse_args(argv)
    try:
        _check_output(arguments.out, arguments.model, arguments.overwrite)
        if arguments.out.suffix == '.onnx':
            require_onnx()
        model = load_model(arguments.model, options=arguments.options)
        if arguments.out.suffix == '.safetensors':
            state = {name: tensor.half() if arguments.half and tensor.is_floating_point() else tensor
                     for name, tensor in model.network.state_dict().items()}  # fmt: skip
            save_model(arguments.out, model.options, state, {**model.info, **dict(arguments.info)})
            print(f'{arguments.out}: {model.name}, for hcl-restore --model')
            return 0
        return _export(model, arguments.out, arguments.part, arguments.opset)
    except (ExportError, ModelFileError) as error:
        parser.error(str(error))


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog='hcl-export', description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument('model', help='a name of hcl-restore --list-models, or a file: .safetensors, .pth, .pt, or an '
                        'option file whose network_g names the weights of its parts')
    parser.add_argument('out', type=Path, help=f'file to write: its name ends in {", ".join(SUFFIXES)}')
    parser.add_argument('--options', type=Path, metavar='FILE', help='the option file of a .pth of BasicSR')
    parser.add_argument(
        '--part', choices=get_args(PartName), default='all',
        help='detect: image to mask and confidence; restore: image and mask to the restored image; '
        'all: image to all three (default)',
    )  # fmt: skip
    parser.add_argument(
        '--opset', type=int, choices=OPSETS, default=OPSETS[0], help='of ONNX (default: %(default)s)'
    )
    parser.add_argument(
        '--info', type=_remark, nargs='+', default=[], metavar='KEY=VALUE',
        help='of a .safetensors: remarks to keep in it, such as description="..." detect_side=128 min_score=0.3 '
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


def _check_output(out: Path, model: str, overwrite: bool) -> None:
    if out.suffix not in SUFFIXES:
        raise ExportError(f'{out}: expected a name that ends in {", ".join(SUFFIXES)}.')
    if out.is_dir() or not out.parent.is_dir():
        raise ExportError(f'{out}: cannot be written: expected the name of a file in a folder that exists.')
    if out.exists() and os.path.exists(model) and out.samefile(model):
        raise ExportError(f'{out}: is the model itself; expected another file to write.')
    if os.path.lexists(out) and not overwrite:
        raise ExportError(f'{out}: exists already: name another file, or give --overwrite.')


def _export(model: LoadedModel, out: Path, name: PartName, opset: int) -> int:
    part = build_part(model.network, name)
    least = SMALLEST_SIDE if out.suffix == '.onnx' else smallest_side(part)
    texts = remarks(model, part, smallest_side=least)
    content = to_onnx(part, opset=opset, remarks=texts) if out.suffix == '.onnx' else to_program(part, remarks=texts)
    run = onnx_runner(content) if out.suffix == '.onnx' else program_runner(content)
    try:
        with atomic_file(out) as file:
            file.write(content)
    except OSError as error:
        raise ExportError(f'{out}: cannot be written: {reason_of(error)}.') from error
    print(f'{out}: {model.name}, {name}, {len(content) / 2**20:.1f} MiB. Against PyTorch:')
    return _report(run, model, part, least, out)


def _report(run: Runner, model: LoadedModel, part: Part, least: int, out: Path) -> int:
    sizes = [(least, least), *(size for size in _CHECKED if min(size) >= least), (2 * least + 5, 3 * least)]
    differences = compare(run, model.network, part, sizes)
    for difference in differences:
        print(f'  {difference.line()}')
    if all(difference.is_small for difference in differences):
        return 0
    print(
        f'hcl-export: warning: {out} is written but differs from PyTorch, see above. Networks that have hardly been '
        'trained do, as their clusters hang on the last digit; of a trained one please tell us.', file=sys.stderr,
    )  # fmt: skip
    return 1
