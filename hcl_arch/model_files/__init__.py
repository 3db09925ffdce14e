"""Trained networks by name or file: safetensors with embedded configuration, BasicSR's files, the authors' files."""

from __future__ import annotations

from hcl_arch.model_files.errors import ModelFileError
from hcl_arch.model_files.listing import ModelEntry, list_models, model_line
from hcl_arch.model_files.loading import LoadedModel, load_model
from hcl_arch.model_files.saving import save_model
from hcl_arch.utils.model_folders import user_folder

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
