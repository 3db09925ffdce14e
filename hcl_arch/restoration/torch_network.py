"""A model's network by PyTorch."""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping
from typing import Any, Callable, Union

import torch
from torch import nn

from hcl_arch.model_files import load_model
from hcl_arch.model_files.trained_parts import check_trained_parts
from hcl_arch.restoration.network_calls import NetworkCalls
from hcl_arch.utils.errors import InputError
from hcl_arch.utils.precision import Precision

# Looked up when they are asked, as the machine may have them by then.
_GPUS: dict[str, Callable[[], bool]] = {
    'cuda': lambda: torch.cuda.is_available(),
    'mps': lambda: torch.backends.mps.is_available(),
}


def torch_network(
    model: Union[str, os.PathLike[str], nn.Module], device: str, precision: Precision
) -> tuple[NetworkCalls, str, Mapping[str, Any]]:
    """The network, its name, and its file's remarks; a network that is given is copied.

    Raises:
        ValueError: If the device is not there, or the model cannot be loaded.
    """
    chosen = find_device(device)
    if isinstance(model, nn.Module):
        return NetworkCalls(copy.deepcopy(model), chosen, precision), type(model).__name__, {}
    check_trained_parts(str(model))
    loaded = load_model(model)
    return NetworkCalls(loaded.network, chosen, precision), loaded.name, loaded.info


def find_device(name: str) -> torch.device:
    """The device of a name; of ``auto`` a GPU if there is one.

    Raises:
        ValueError: If it is no device, or not there.
    """
    if name == 'auto':
        return torch.device(next((kind for kind, is_there in _GPUS.items() if is_there()), 'cpu'))
    try:
        device = torch.device(name)
    except (RuntimeError, TypeError) as error:
        raise InputError(f'device: expected auto, cpu, cuda, cuda:N or mps, got {name!r}.') from error
    if device.type in _GPUS and not _GPUS[device.type]():
        raise InputError(f'device: {name} was asked for, but PyTorch finds no GPU here; use cpu or auto.')
    return device
