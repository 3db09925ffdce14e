"""The command `hcl-export` from its arguments to its exit status."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from hcl_arch.commands.export.arguments import SUFFIXES, PartName, make_parser
from hcl_arch.commands.export.comparison import Runner, compare
from hcl_arch.commands.export.errors import ExportError
from hcl_arch.commands.export.onnx_file import onnx_runner, require_onnx, to_onnx
from hcl_arch.commands.export.parts import Part, build_part
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
        if arguments.out.suffix == '.onnx':
            require_onnx()
        if arguments.out.suffix == '.safetensors' or arguments.part == 'all':  # a part alone needs no other
            check_trained_parts(arguments.model, arguments.options)
        model = load_model(arguments.model, options=arguments.options)
        if arguments.out.suffix == '.safetensors':
            state = {name: tensor.half() if arguments.half and tensor.is_floating_point() else tensor
                     for name, tensor in model.network.state_dict().items()}  # fmt: skip
            save_model(arguments.out, model.options, state, {**model.info, **dict(arguments.info)})
            print(f'{arguments.out}: {model.name}, for hcl-restore --model')
            return 0
        return _export(model, arguments.out, arguments.part, arguments.opset)
    except (ExportError, ModelFileError) as error:
        make_parser().error(str(error))


def _check_output(out: Path, model: str, overwrite: bool) -> None:
    if out.suffix not in SUFFIXES:
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
