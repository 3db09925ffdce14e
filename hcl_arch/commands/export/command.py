"""The command `hcl-export` from its arguments to its exit status."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from hcl_arch.commands.export.arguments import OPSETS, SUFFIXES, PartName, make_parser
from hcl_arch.commands.export.comparison import Difference, compare
from hcl_arch.commands.export.errors import ExportError
from hcl_arch.commands.export.graphs_file import compare_graphs, make_graphs
from hcl_arch.commands.export.onnx_file import onnx_runner, require_onnx, to_onnx
from hcl_arch.commands.export.parts import build_part
from hcl_arch.commands.export.program_file import program_runner, smallest_side, to_program
from hcl_arch.commands.export.remarks import remarks
from hcl_arch.model_files import LoadedModel, ModelFileError, load_model, save_model
from hcl_arch.model_files.trained_parts import check_trained_parts
from hcl_arch.utils.atomic_file import atomic_file, refuse_special_file
from hcl_arch.utils.regular_file import reason_of

SMALLEST_SIDE = 16
# Sizes, H and W in px, of the images that a file is checked with, besides the smallest.
_CHECKED = ((64, 64), (100, 75), (72, 104))


def run(arguments: argparse.Namespace) -> int:
    """Run the command.

    Returns:
        0, or 1 if the file has been written but its results differ from PyTorch's.

    Raises:
        SystemExit: With code 2, after one line on stderr, if the files do not allow it.
    """
    try:
        _check_output(arguments.out, arguments.model, arguments.overwrite)
        _check_kind(arguments)
        if '.onnx' in arguments.out.suffixes:
            require_onnx()
        if arguments.out.suffix in ('.safetensors', '.zip') or arguments.part == 'all':  # a part alone needs no other
            check_trained_parts(arguments.model, arguments.options)
        model = load_model(arguments.model, options=arguments.options)
        if arguments.out.suffix == '.safetensors':
            state = {name: tensor.half() if arguments.half and tensor.is_floating_point() else tensor
                     for name, tensor in model.network.state_dict().items()}  # fmt: skip
            save_model(arguments.out, model.options, state, {**model.info, **dict(arguments.info)})
            print(f'{arguments.out}: {model.name}, for hcl-restore --model')
            return 0
        if arguments.out.suffix == '.zip':
            return _export_graphs(model, arguments.out)
        return _export(model, arguments.out, arguments.part, arguments.opset)
    except (ExportError, ModelFileError) as error:
        make_parser().error(str(error))


def _check_kind(arguments: argparse.Namespace) -> None:
    """Refuse options that the kind of file to write has no use for."""
    suffix = arguments.out.suffix
    uses = {
        '--half': (arguments.half, ('.safetensors',)),
        '--info': (bool(arguments.info), ('.safetensors',)),
        '--part': (arguments.part != 'all', ('.onnx', '.pt2')),
        '--opset': (arguments.opset != OPSETS[0], ('.onnx',)),
    }
    for option, (given, suffixes) in uses.items():
        if given and suffix not in suffixes:
            raise ExportError(f'{option} is for {" and ".join(suffixes)} files, got {arguments.out}: leave it out.')


def _check_output(out: Path, model: str, overwrite: bool) -> None:
    if not out.name.endswith(SUFFIXES):
        raise ExportError(f'{out}: expected a name that ends in {", ".join(SUFFIXES)}.')
    if out.is_dir() or not out.parent.is_dir():
        raise ExportError(f'{out}: cannot be written: expected the name of a file in a folder that exists.')
    if out.exists() and os.path.exists(model) and out.samefile(model):
        raise ExportError(f'{out}: is the model itself; expected another file to write.')
    if os.path.lexists(out) and not overwrite:
        raise ExportError(f'{out}: exists already: name another file, or give --overwrite.')
    try:
        refuse_special_file(out)
    except OSError as error:
        raise ExportError(f'{out}: {reason_of(error)}.') from error


def _export_graphs(model: LoadedModel, out: Path) -> int:
    made = make_graphs(model)
    content = made.archive()
    _write(out, content)
    print(f'{out}: {model.name}, for hcl-restore --runtime onnx, {len(content) / 2**10:.0f} KiB. Against PyTorch:')
    return _report(compare_graphs(made, model), out)


def _write(out: Path, content: bytes) -> None:
    try:
        with atomic_file(out) as file:
            file.write(content)
    except OSError as error:
        raise ExportError(f'{out}: cannot be written: {reason_of(error)}.') from error


def _export(model: LoadedModel, out: Path, name: PartName, opset: int) -> int:
    part = build_part(model.network, name)
    least = SMALLEST_SIDE if out.suffix == '.onnx' else smallest_side(part)
    texts = remarks(model, part, smallest_side=least)
    content = to_onnx(part, opset=opset, remarks=texts) if out.suffix == '.onnx' else to_program(part, remarks=texts)
    run = onnx_runner(content) if out.suffix == '.onnx' else program_runner(content)
    _write(out, content)
    print(f'{out}: {model.name}, {name}, {len(content) / 2**20:.1f} MiB. Against PyTorch:')
    sizes = [(least, least), *(size for size in _CHECKED if min(size) >= least), (2 * least + 5, 3 * least)]
    return _report(compare(run, model.network, part, sizes), out)


def _report(differences: Sequence[Difference], out: Path) -> int:
    for difference in differences:
        print(f'  {difference.line()}')
    if all(difference.is_small for difference in differences):
        return 0
    print(
        f'hcl-export: warning: {out} is written but differs from PyTorch, see above. Networks that have hardly been '
        'trained do, as their clusters hang on the last digit; of a trained one please tell us.', file=sys.stderr,
    )  # fmt: skip
    return 1
