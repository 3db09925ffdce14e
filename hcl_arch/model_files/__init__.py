"""Trained networks by name or file: safetensors with embedded configuration, BasicSR's files, the authors' files."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from hcl_arch.model_files.errors import ModelFileError
from hcl_arch.model_files.listing import ModelEntry, list_models, model_line
from hcl_arch.utils.model_folders import user_folder

if TYPE_CHECKING:
    from hcl_arch.model_files.loading import LoadedModel, load_model
    from hcl_arch.model_files.saving import save_model

__all__ = [
    'LoadedModel',
    'ModelEntry',
    'ModelFileError',
    'list_models',
    'load_model',
    'model_line',
    'save_model',
    'user_folder',
]

_WITH_TORCH = {'LoadedModel': 'loading', 'load_model': 'loading', 'save_model': 'saving'}


def __getattr__(name: str) -> Any:
    """Import what needs PyTorch when it is asked for."""
    if name in _WITH_TORCH:
        return getattr(importlib.import_module(f'hcl_arch.model_files.{_WITH_TORCH[name]}'), name)
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
