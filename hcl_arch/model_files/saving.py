"""Saving of a trained network in a self-contained file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Union

from torch import Tensor

from hcl_arch.model_files.description import Description, to_metadata
from hcl_arch.model_files.errors import ModelFileError
from hcl_arch.model_files.network import check_network, without_files
from hcl_arch.model_files.safetensors_file import SUFFIX, write_tensors
from hcl_arch.model_files.state import check_state


def save_model(
    path: Union[str, os.PathLike[str]],
    network_options: Mapping[str, Any],
    state_dict: Mapping[str, Tensor],
    info: Mapping[str, Any],
) -> None:
    """Write a network as safetensors with embedded configuration, completely or not at all.

    Args:
        path: Path of the file; an existing file is replaced.
        network_options: ``type`` and its arguments, as in an option file; files of weights are left out.
        state_dict: Its tensors, which keep their types: float16 halves the file, and is converted to float32 on
            loading.
        info: Remarks that JSON can hold: ``description`` (one line), ``licence``, ``detect_side`` and ``feather`` (px),
            ``threshold`` and ``min_score`` (in [0, 1]), ``training`` and whatever else a user should know.

    Raises:
        ModelFileError: If options and tensors do not make a network for blind restoration, a remark is not as expected,
            or the file cannot be written.
    """
    path = Path(path)
    if path.suffix != SUFFIX:
        raise ModelFileError(f'{path}: expected a name that ends in {SUFFIX}.')
    try:
        options = without_files(network_options)
        metadata = to_metadata(Description(options, dict(info)))
        check_state(check_network(options), state_dict)
    except ValueError as error:
        raise ModelFileError(f'{path}: cannot be written: {error}') from error
    tensors = {name.removeprefix('module.'): tensor for name, tensor in state_dict.items()}
    write_tensors(path, tensors, metadata)
