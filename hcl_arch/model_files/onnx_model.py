"""Models for onnxruntime; nothing here needs PyTorch."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, Optional, Union

import numpy as np

from hcl_arch.model_files.description import from_metadata
from hcl_arch.model_files.errors import ModelFileError
from hcl_arch.model_files.graphs import (
    GRAPHS,
    GraphName,
    GraphsDescription,
    find_graphs,
    graphs_beside,
    read_graphs_description,
    read_member,
)
from hcl_arch.model_files.hub_layout import WEIGHTS, read_description
from hcl_arch.model_files.places import path_of
from hcl_arch.model_files.safetensors_file import SUFFIX, read_arrays, read_header


class OnnxModel(NamedTuple):
    """A trained network, ready to be used by onnxruntime."""

    name: str
    info: Mapping[str, Any]
    """Remarks of the file."""
    description: GraphsDescription
    graphs: dict[GraphName, bytes]
    """ONNX files, which lack the weights."""
    weights: dict[str, np.ndarray]
    """As stored."""


def load_onnx_model(model: Union[str, os.PathLike[str]]) -> OnnxModel:
    """Load a model for onnxruntime.

    Args:
        model: As for :func:`hcl_arch.model_files.load_model`: a name, a .safetensors file or a folder.

    Raises:
        ModelFileError: If there is no such model, its file cannot be used, or there are no graphs of its network.
    """
    path = path_of(model)
    if not _is_readable(path):
        raise ModelFileError(
            f'{path}: PyTorch alone reads it; for onnxruntime write a {SUFFIX} of it once, by hcl-export.'
        )
    weights, network, info = _described(path)
    found = find_graphs(weights, network)
    if found is None:
        raise ModelFileError(
            f'{path}: there are no graphs of this network for onnxruntime; write them once where PyTorch is '
            f'installed: hcl-export {path} {graphs_beside(weights)}'
        )
    description = read_graphs_description(found)
    graphs = {name: read_member(found, f'{name}.onnx') for name in GRAPHS}
    name = path.absolute().name if path.is_dir() else path.stem
    return OnnxModel(name, info, description, graphs, _checked_weights(weights, description))


def graphs_of(model: Union[str, os.PathLike[str]]) -> Optional[Path]:
    """The file of graphs of a model; None if there is none.

    Raises:
        ModelFileError: As :func:`load_onnx_model`.
    """
    path = path_of(model)
    if not _is_readable(path):
        return None
    weights, network, _ = _described(path)
    return find_graphs(weights, network)


def _is_readable(path: Path) -> bool:
    return path.is_dir() or path.suffix == SUFFIX


def _described(path: Path) -> tuple[Path, Mapping[str, Any], Mapping[str, Any]]:
    """The file of weights, the network's options, and remarks."""
    if path.is_dir():
        return (path / WEIGHTS, *read_description(path))
    return (path, *from_metadata(path, read_header(path).metadata))


def _checked_weights(path: Path, description: GraphsDescription) -> dict[str, np.ndarray]:
    _, arrays = read_arrays(path)
    for weights in description.weights.values():
        for name, shape in weights.items():
            found = arrays.get(name)
            if found is None or list(found.shape) != shape or found.dtype.kind != 'f':
                got = 'none' if found is None else f'{found.dtype} {list(found.shape)}'
                raise ModelFileError(f'{path}: tensor {name!r}: expected floating-point {shape}, got {got}.')
            if not np.isfinite(found).all():
                raise ModelFileError(f'{path}: tensor {name!r} holds values that are not finite; take another file.')
    return {name: arrays[name] for weights in description.weights.values() for name in weights}
