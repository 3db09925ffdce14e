"""The command `hcl-new-training` from its arguments to the files that it writes."""

from __future__ import annotations

import argparse
import os
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from hcl_arch.commands.new_training.arguments import FINE_TUNING, FROM_SCRATCH, make_parser
from hcl_arch.commands.new_training.option_text import Plan, option_text
from hcl_arch.commands.new_training.photographs import (
    Album,
    NewTrainingError,
    fitting_size,
    is_replaceable,
    lay_out,
    read_album,
    start_again,
)
from hcl_arch.model_files import ModelFileError, load_model
from hcl_arch.model_files.listing import find_model
from hcl_arch.model_files.places import is_name
from hcl_arch.model_files.trained_parts import check_trained_parts
from hcl_arch.utils.atomic_file import atomic_text
from hcl_arch.utils.regular_file import reason_of

# The first look at a photograph sees its short side at 160 pixels, and the second is twice as close.
_LARGEST_SIZE = 320
_LITTLE = 100


class Start(NamedTuple):
    """The model that a training begins with."""

    network: Mapping[str, Any]
    info: Mapping[str, Any]


def run(arguments: argparse.Namespace) -> None:
    """Run the command.

    Raises:
        SystemExit: With code 2, after one line on stderr, if no training can be made.
    """
    try:
        _make(arguments)
    except (NewTrainingError, ModelFileError) as error:
        make_parser().error(str(error))
    except OSError as error:
        make_parser().error(f'{error.filename}: {reason_of(error)}' if error.filename else str(error))


def _make(arguments: argparse.Namespace) -> None:
    folder = arguments.folder.expanduser()
    name = _name_of(arguments.name, folder)
    option_file, data = Path(f'{name}.yml'), Path('datasets') / name
    _check_places(option_file, data, folder, overwrite=arguments.overwrite)
    _check_material(arguments)
    start = _read_model(arguments.model)
    album = read_album(folder, percent=arguments.validation)
    start_again(data)
    for part, photographs in (('train', album.training), ('val', album.validation)):
        lay_out(photographs, folder, data / part, copies=arguments.copy)
    iterations = arguments.iterations or (FROM_SCRATCH if arguments.from_scratch else FINE_TUNING)
    plan = Plan(
        name=name,
        folder=data.as_posix(),
        size=arguments.size or fitting_size(album.training, _LARGEST_SIZE),
        batch=arguments.batch,
        iterations=iterations,
        network=start.network,
        model=None if arguments.from_scratch else _place_of(arguments.model),
        marks=_absolute(arguments.marks),
        fonts=_absolute(arguments.fonts),
    )
    with atomic_text(option_file) as file:
        file.write(option_text(plan))
    print(_report(plan, album, option_file, start))


def _name_of(given: str | None, folder: Path) -> str:
    """The training's name: letters, digits, - and _, as folders and YAML take them."""
    if given is None:
        return re.sub(r'[^\w-]+', '_', folder.resolve().name, flags=re.ASCII).strip('_-') or 'photographs'
    if not re.fullmatch(r'\w[\w-]*', given, re.ASCII):
        raise NewTrainingError(f'--name {given!r}: expected letters, digits, - and _, such as my_photos.')
    return given


def _check_places(option_file: Path, data: Path, folder: Path, *, overwrite: bool) -> None:
    source = folder.resolve()
    if data.resolve() == source or data.resolve() in source.parents or source in data.resolve().parents:
        raise NewTrainingError(
            f'{folder}: lies in the folder that is written, {data}, or holds it: give another --name.'
        )
    if not is_replaceable(data):
        raise NewTrainingError(f'{data}: has pictures that hcl-new-training has not put there: give another --name.')
    for place in (option_file, data):
        if os.path.lexists(place) and not overwrite:
            raise NewTrainingError(f'{place}: exists already: give another --name, or --overwrite.')


def _check_material(arguments: argparse.Namespace) -> None:
    for option, folder in (('--marks', arguments.marks), ('--fonts', arguments.fonts)):
        if folder is not None and not folder.expanduser().is_dir():
            raise NewTrainingError(
                f'{option} {folder}: expected a folder, found {"a file" if folder.exists() else "none"}.'
            )


def _read_model(model: str) -> Start:
    """Options and remarks of the model whose network is trained.

    Raises:
        ModelFileError: It cannot be used.
        NewTrainingError: Its network is none that finds by pixels and repairs by a restorer of its own.
    """
    check_trained_parts(model)
    loaded = load_model(model)
    network = loaded.options
    detector = network.get('detector', {})
    if network['type'] != 'DetectThenRestore' or detector.get('mask_from', 'pixels') != 'pixels':
        raise NewTrainingError(
            f'--model {model}: expected a network DetectThenRestore whose detector has mask_from: pixels, as that of '
            f'`small`, got {network["type"]}. For others take a file of options/ of the repository as the start.'
        )
    return Start(network, loaded.info)


def _place_of(model: str) -> str:
    """How an option file names the model: by its name, or by the file wherever the training is run."""
    if is_name(model):
        find_model(model)
        return model
    return str(Path(model).resolve())


def _absolute(folder: Path | None) -> Path | None:
    return None if folder is None else folder.expanduser().resolve()


def _report(plan: Plan, album: Album, option_file: Path, start: Start) -> str:
    lines = [
        f'{option_file}: {len(album.training)} photographs to train on, {len(album.validation)} for validation, '
        f'squares of {plan.size} pixels, {plan.iterations} iterations, '
        + ('from scratch' if plan.model is None else f'going on from {plan.model}')
    ]
    lines += [f'Left out: {note}.' for note in album.notes]
    if len(album.training) < _LITTLE:
        lines.append(f'These are few photographs: the model may learn them by heart. {_LITTLE} or more are better.')
    weights = f'experiments/{plan.name}/models/net_g_latest.pth'
    sides = start.info.get('detect_side', 160)
    sheet = f'python -m hcl_arch.commands.preview -opt {option_file} -o {plan.name}.png'
    settings = {'--detect-side': sides, '--min-score': start.info.get('min_score')}
    extra = [f'{key} {value}' for key, value in settings.items() if value is not None]
    return '\n'.join(
        [
            *lines,
            '',
            'Next, to look at what it will train on, to train, and to repair:',
            f'  {sheet}',
            f'  hcl-train -opt {option_file}',
            f'  hcl-restore photo.jpg --model {shlex.quote(weights)} {" ".join(extra)}',
        ]
    )
