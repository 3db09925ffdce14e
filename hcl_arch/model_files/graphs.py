"""Graphs of networks for onnxruntime, without weights, which come from the model's own file.

The graphs of a network are a file of their own, a ZIP archive: ``look.onnx`` and ``repair.onnx``, and ``graphs.json``
with the network's options and what a restorer has to know. They fit every model with these options.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple, Optional

from hcl_arch.model_files.errors import ModelFileError
from hcl_arch.utils.json_text import load_json
from hcl_arch.utils.model_folders import PACKAGE_FOLDER
from hcl_arch.utils.regular_file import check_regular_file, reason_of

GRAPHS_SUFFIX = '.onnx.zip'
GraphName = Literal['look', 'repair']
GRAPHS: tuple[GraphName, ...] = ('look', 'repair')
_DESCRIPTION = 'graphs.json'
# Graphs take some 200 KB, and graphs.json 20 KB.
_MOST_BYTES, _MOST_VALUES = 2**24, 10**5
# Options that matter in training only.
_OF_TRAININGS = (
    'detach_classifier', 'freeze_detector', 'freeze_filler', 'freeze_restorer', 'frozen_norm', 'grow_in_training',
    'look_window', 'use_checkpoint', 'weight_init',
)  # fmt: skip


class GraphsDescription(NamedTuple):
    """What ``graphs.json`` says; see :class:`hcl_arch.restoration.calls.Calls`."""

    network: dict[str, Any]
    """Options, without those of trainings."""
    network_name: str
    size_multiple: int
    largest_side: Optional[int]
    look_multiple: int
    look_cell: int
    looks_mirrored: bool
    repair_bytes: float
    weights: dict[GraphName, dict[str, list[int]]]
    """Of each graph: names and shapes of the tensors that it takes from the model's file."""
    takes_confidence: bool = False


def find_graphs(weights: Path, network: Mapping[str, Any]) -> Optional[Path]:
    """The file of graphs of a network with these options: beside its weights, or in the package; None if there is none.

    Raises:
        ModelFileError: A file of graphs cannot be read.
    """
    wanted = without_training_options(network)
    files = [graphs_beside(weights), *sorted(PACKAGE_FOLDER.glob(f'*{GRAPHS_SUFFIX}'))]
    return next((file for file in files if file.exists() and read_graphs_description(file).network == wanted), None)


def without_training_options(network: Mapping[str, Any]) -> dict[str, Any]:
    """A network's options without those that change nothing in use."""
    return {
        key: without_training_options(value) if isinstance(value, Mapping) else value
        for key, value in network.items()
        if key not in _OF_TRAININGS
    }


def graphs_archive(description: GraphsDescription, graphs: Mapping[GraphName, bytes]) -> Iterator[tuple[str, bytes]]:
    """Names and contents of a file of graphs."""
    yield _DESCRIPTION, json.dumps(description._asdict(), indent=1).encode()
    for name in GRAPHS:
        yield f'{name}.onnx', graphs[name]


def graphs_beside(weights: Path) -> Path:
    """The file of graphs beside a file of weights, which need not exist."""
    return weights.with_suffix(GRAPHS_SUFFIX)


def read_graphs_description(path: Path) -> GraphsDescription:
    """What a file of graphs says.

    Raises:
        ModelFileError: It cannot be read.
    """
    content = read_member(path, _DESCRIPTION)
    try:
        return GraphsDescription(**load_json(content.decode(), max_values=_MOST_VALUES))
    except (TypeError, ValueError) as error:
        raise ModelFileError(f'{path}: its {_DESCRIPTION} cannot be used, write it anew by hcl-export.') from error


def read_member(path: Path, name: str) -> bytes:
    """A part of a file of graphs.

    Raises:
        ModelFileError: It cannot be read.
    """
    try:
        check_regular_file(path, max_bytes=_MOST_BYTES)
        with zipfile.ZipFile(path) as archive:
            if archive.getinfo(name).file_size > _MOST_BYTES:
                raise zipfile.BadZipFile(f'{name} is too large')
            return archive.read(name)
    except OSError as error:
        raise ModelFileError(f'{path}: cannot be read: {reason_of(error)}.') from error
    except (KeyError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise ModelFileError(f'{path}: is no file of graphs, write it anew by hcl-export ({error}).') from error
