"""Load a network by a model's name or file, whichever program wrote it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, Optional, Union

from torch import nn

from hcl_arch.model_files.description import from_metadata
from hcl_arch.model_files.errors import ModelFileError
from hcl_arch.model_files.hub_layout import read_folder
from hcl_arch.model_files.network import build_trained
from hcl_arch.model_files.option_file_model import read_option_file_model
from hcl_arch.model_files.places import OPTION_SUFFIXES, TORCH_SUFFIXES, path_of
from hcl_arch.model_files.safetensors_file import SUFFIX, read_tensors
from hcl_arch.model_files.state import check_stored_whole
from hcl_arch.model_files.torch_file import TorchFile, read_torch_file


class LoadedModel(NamedTuple):
    """A trained network, ready to be used."""

    network: nn.Module
    """In evaluation mode, on the CPU, float32; takes the calls of ``HCLNet.forward``."""
    name: str
    """Of the model: the file's name without its suffix, the folder's, or the experiment's."""
    info: Mapping[str, Any]
    """Remarks of the file: ``description``, ``detect_side`` (px), ``threshold``, ``min_score``, ...; may be empty."""
    options: Mapping[str, Any]
    """Of the network, with ``type``, as in an option file."""


def load_model(model: Union[str, os.PathLike[str]], *, options: Optional[Path] = None) -> LoadedModel:
    """Load a trained network; nothing in a file is run, and memory is taken only as its tensors require.

    Args:
        model: A name of :func:`list_models`, or the path of a file: safetensors with the configuration inside; .pth or
            .pt of BasicSR; a checkpoint of the authors' program; an option file (.yml) whose network names the weights
            of its parts; or of a folder with model.safetensors and config.json. A text without folder and suffix is a
            name.
        options: The option file for a BasicSR file, whose ``network_g`` is built; by default the one that BasicSR
            copied into the experiment's folder.

    Raises:
        ModelFileError: If there is no such model, or its file cannot be used; one line that says why.
    """
    path = path_of(model)
    if options is not None and path.suffix not in TORCH_SUFFIXES:
        raise ModelFileError(f'{path}: has its options inside; leave the option file out.')
    try:
        if path.is_dir():
            return _load_folder(path)
        if path.suffix == SUFFIX:
            return _load_safetensors(path)
        if path.suffix in OPTION_SUFFIXES:
            return _trained(read_option_file_model(path))
        return _trained(read_torch_file(path, options))
    except ModelFileError:
        raise
    except ValueError as error:
        raise ModelFileError(f'{path}: {error}') from error


def _load_safetensors(path: Path) -> LoadedModel:
    header, tensors = read_tensors(path)
    description = from_metadata(path, header.metadata)
    check_stored_whole(tensors, header.size)
    network = build_trained(description.network, tensors)
    return LoadedModel(network, path.stem, MappingProxyType(description.info), MappingProxyType(description.network))


def _load_folder(path: Path) -> LoadedModel:
    (network, info), tensors = read_folder(path)
    built = build_trained(network, tensors)
    return LoadedModel(built, path.absolute().name, MappingProxyType(info), MappingProxyType(network))


def _trained(found: TorchFile) -> LoadedModel:
    network = build_trained(found.network, found.state)
    return LoadedModel(network, found.name, MappingProxyType(found.info), MappingProxyType(found.network))
