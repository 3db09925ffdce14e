"""The command `hcl-convert` from its arguments to the files that it writes."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Optional

import numpy as np
import torch
import yaml
from torch import Tensor

from hcl_arch.commands.convert.arguments import SUFFIXES, make_parser
from hcl_arch.model_files import ModelFileError, save_model
from hcl_arch.model_files.authors_conversion import Conversion, convert_checkpoint
from hcl_arch.model_files.authors_sizes import AuthorsCheckpointError
from hcl_arch.model_files.official_checkpoint import Baseline, convert_baseline
from hcl_arch.utils.atomic_file import atomic_files, refuse_special_file
from hcl_arch.utils.checkpoint_file import CheckpointFileError, load_checkpoint
from hcl_arch.utils.errors import HCLError
from hcl_arch.utils.option_file import OptionFileError, read_option_file
from hcl_arch.utils.regular_file import reason_of


class ConvertError(HCLError):
    """The command cannot do what was asked; the text is for the user."""


def run(arguments: argparse.Namespace) -> None:
    """Run the command.

    Raises:
        SystemExit: With code 2, after one line on stderr, if the files do not allow it.
    """
    try:
        print(convert_file(
            arguments.checkpoint,
            arguments.out,
            discriminator=arguments.discriminator,
            legacy_v=arguments.legacy_v,
            config=arguments.config,
            network=arguments.network,
            vgg=arguments.vgg,
            overwrite=arguments.overwrite,
        ), end='')  # fmt: skip
    except ConvertError as error:
        make_parser().error(str(error))


def convert_file(
    checkpoint: Path,
    out: Path,
    *,
    discriminator: Optional[Path] = None,
    legacy_v: Optional[int] = None,
    config: Optional[Path] = None,
    network: Optional[Baseline] = None,
    vgg: Optional[Path] = None,
    overwrite: bool = False,
) -> str:
    """Convert a checkpoint of the authors' program into files that BasicSR loads.

    Args:
        checkpoint: The authors' file; never altered.
        out: File to write for ``HCLNet``; a .safetensors file also holds the options.
        discriminator: File to write for ``HCLPatchDiscriminator``; none by default.
        legacy_v: The authors' version, by default the one that ``config`` or the file states, else 4.
        config: The authors' YAML file for the checkpoint; never altered.
        network: The baseline whose published weights the file holds; by default the file is from HCL's authors.
        vgg: For SIRF and DHAN, a file of torchvision's VGG-19.
        overwrite: Whether to replace files that exist.

    Returns:
        Lines of an option file, YAML with comments.

    Raises:
        ConvertError: If a file cannot be read or written, or the checkpoint is not what the authors' program writes.
            No output file is left then.
    """
    outputs = [out] if discriminator is None else [out, discriminator]
    _check_outputs(checkpoint, outputs, overwrite)
    try:
        if network is not None:
            _check_of_baselines(discriminator, legacy_v, config)
            conversion = convert_baseline(load_tensors(checkpoint), network, vgg=str(vgg) if vgg else None)
        else:
            stated = None if config is None else read_option_file(config)
            conversion = convert_checkpoint(load_tensors(checkpoint), legacy_v=legacy_v, config=stated)
    except OptionFileError as error:
        raise ConvertError(str(error)) from error
    except AuthorsCheckpointError as error:
        raise ConvertError(f'{checkpoint}: {error}') from error
    if discriminator is not None and conversion.network_d is None:
        raise ConvertError(f"{checkpoint}: part 'pdisc' is missing: leave --discriminator out, or take another file")
    if out.suffix == '.safetensors':
        _write_model(conversion, out, checkpoint)
        return _comments([*conversion.notes, f'{out}: options and weights in one file, for hcl-restore --model'])
    _write({path: {'params': state} for path, state in zip(outputs, (conversion.params_g, conversion.params_d))})
    return option_lines(conversion, out, discriminator)


def _check_of_baselines(discriminator: Optional[Path], legacy_v: Optional[int], config: Optional[Path]) -> None:
    given = {'--discriminator': discriminator, '--legacy-v': legacy_v, '--config': config}
    for name, value in given.items():
        if value is not None:
            raise ConvertError(f"{name}: is for HCL's own weights: leave it out, or --network")


def load_tensors(path: Path) -> object:
    """Load a checkpoint of tensors, numbers, texts and containers; nothing else in it is ever unpickled.

    Args:
        path: Of torch.save, or an .npz file of numbers.

    Raises:
        ConvertError: If the file cannot be read, or holds anything else.
    """
    if path.suffix == '.npz':
        return _load_arrays(path)
    try:
        return load_checkpoint(path)
    except OSError as error:
        raise ConvertError(f'{path}: cannot be read: {error.strerror or error}') from error
    except CheckpointFileError as error:
        raise ConvertError(f'{path}: {error}') from error


def _load_arrays(path: Path) -> dict[str, Tensor]:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return {name: torch.from_numpy(np.asarray(arrays[name])) for name in arrays.files}
    except OSError as error:
        raise ConvertError(f'{path}: cannot be read: {error.strerror or error}') from error
    except Exception as error:  # a damaged archive can fail in any way
        raise ConvertError(f'{path}: no .npz file of numbers: {type(error).__name__}: {error}') from error


def option_lines(conversion: Conversion, out: Path, discriminator: Optional[Path] = None) -> str:
    """Lines of an option file that build and load the converted networks.

    Args:
        conversion: The networks' options, and the remarks, which become comments.
        out: The network's file.
        discriminator: The discriminator's file, if it was written.
    """
    lines: dict[str, Any] = {'network_g': conversion.network_g}
    if conversion.network_d is not None:
        lines['network_d'] = conversion.network_d
    lines['path'] = {'pretrain_network_g': str(out), 'strict_load_g': True}
    if discriminator is not None:
        lines['path'].update({'pretrain_network_d': str(discriminator), 'strict_load_d': True})
    text = yaml.dump(lines, Dumper=_Dumper, sort_keys=False, width=10**6, allow_unicode=True)
    return _comments(conversion.notes) + text


def _comments(remarks: Sequence[str]) -> str:
    return ''.join(f'# {" ".join(remark.split())}\n' for remark in remarks)


class _Dumper(yaml.SafeDumper):
    """Block mappings and bracketed lists, as in the option files."""


def _in_brackets(dumper: yaml.SafeDumper, values: list) -> yaml.Node:
    return dumper.represent_sequence('tag:yaml.org,2002:seq', values, flow_style=True)


_Dumper.add_representer(list, _in_brackets)


def _check_outputs(checkpoint: Path, outputs: Sequence[Path], overwrite: bool) -> None:
    if not checkpoint.is_file():
        raise ConvertError(f"{checkpoint}: no such file: expected a checkpoint of the authors' program")
    if len({path.resolve() for path in outputs}) < len(outputs):
        raise ConvertError(f'{outputs[0]}: named for the network and for --discriminator: expected two files')
    if len(outputs) > 1 and '.safetensors' in {path.suffix for path in outputs}:
        raise ConvertError(f'{outputs[-1]}: --discriminator goes with .pth only: for training, convert to two of them')
    for path in outputs:
        if path.exists() and path.samefile(checkpoint):
            raise ConvertError(f'{path}: is the checkpoint itself: expected another file to write')
        if path.is_dir() or not path.parent.is_dir():
            raise ConvertError(f'{path}: cannot be written: expected the name of a file in a folder that exists')
        if path.suffix not in SUFFIXES:
            raise ConvertError(f'{path}: expected a name that ends in {", ".join(SUFFIXES)}')
        if os.path.lexists(path) and not overwrite:
            raise ConvertError(f'{path}: exists already: name another file, or give --overwrite')
        try:
            refuse_special_file(path)
        except OSError as error:
            raise ConvertError(f'{path}: {reason_of(error)}') from error


def _write_model(conversion: Conversion, out: Path, checkpoint: Path) -> None:
    info = {'description': f"converted from {checkpoint.name}, a checkpoint of the authors' program"}
    try:
        save_model(out, conversion.network_g, conversion.params_g, info)
    except ModelFileError as error:
        raise ConvertError(str(error)) from error


def _write(contents: Mapping[Path, Mapping[str, Mapping[str, Tensor]]]) -> None:
    """Write files, each completely or not at all: first all under temporary names, then each is renamed."""
    try:
        with atomic_files([*contents]) as files:
            for file, content in zip(files, contents.values()):
                torch.save(content, file)
    # torch.save reports a full disk as RuntimeError.
    except (OSError, RuntimeError) as error:
        raise ConvertError(f'{" and ".join(map(str, contents))}: cannot be written: {error}') from error
