"""Which file a model's name or path means."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Union

from hcl_arch.model_files.errors import ModelFileError
from hcl_arch.model_files.listing import find_model
from hcl_arch.model_files.safetensors_file import SUFFIX

TORCH_SUFFIXES = ('.pth', '.pt')
OPTION_SUFFIXES = ('.yml', '.yaml')
_SUFFIXES = (SUFFIX, *TORCH_SUFFIXES, *OPTION_SUFFIXES)


def is_name(model: Union[str, os.PathLike[str]]) -> bool:
    """Whether this is a model's name and not the path of a file."""
    return isinstance(model, str) and os.path.basename(model) == model and Path(model).suffix not in _SUFFIXES


def path_of(model: Union[str, os.PathLike[str]]) -> Path:
    """The file or folder of a model.

    Raises:
        ModelFileError: If there is none, or it is no model by its suffix.
    """
    if is_name(model):
        return find_model(str(model))
    path = Path(model)
    if path.is_dir():
        return path
    if path.suffix not in _SUFFIXES:
        raise ModelFileError(
            f'{path}: expected a model: a file that ends in {", ".join(_SUFFIXES)}, a folder with one, or a name.'
        )
    if not path.exists():
        raise ModelFileError(f'{path}: there is no such file (working directory: {Path.cwd()}).')
    return path
