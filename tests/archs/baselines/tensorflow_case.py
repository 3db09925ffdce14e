"""Golden cases of SIRF and DHAN, which are in TensorFlow's names and layout, for our networks."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from hcl_arch.model_files.tensorflow_names import state_of


def case_folder(shared_dir: Path, name: str) -> Path:
    """The folder of a golden case, or skip."""
    folder = shared_dir / 'parity' / 'baselines' / name
    if not folder.is_dir():
        pytest.skip(f'the parity data parity/baselines/{name} is not in the shared folder')
    return folder


def read_case(folder: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """What case.json says, and the tensors; images (B, C, H, W)."""
    case = json.loads((folder / 'case.json').read_text())
    tensors = {name: torch.from_numpy(array) for name, array in np.load(folder / 'tensors.npz').items()}
    return case, {
        name: tensor.permute(0, 3, 1, 2).contiguous() if tensor.ndim == 4 and case.get('layout') else tensor
        for name, tensor in tensors.items()
    }


def value_by_rule(name: str, shape: tuple[int, ...]) -> Tensor:
    """The value of a variable of that name and TensorFlow's shape, by the rule in case.json."""
    r = np.random.RandomState(zlib.crc32(name.encode())).standard_normal(shape).astype(np.float32)  # noqa: NPY002
    last = name.split('/')[-1]
    if name.startswith('vgg19/'):
        scaled = r * np.sqrt(2 / (9 * shape[-2])) if last == 'weights' else 0.05 * r
    elif last == 'w0' or last == 'scale':
        scaled = 1 + 0.1 * r
    elif last == 'w1':
        scaled = 0.5 + 0.1 * r
    elif len(shape) == 1:
        scaled = 0.05 * r
    else:
        scaled = r / np.sqrt(np.prod(shape[:-1]))
    return torch.from_numpy(np.asarray(scaled, dtype=np.float32))


def fill(network: nn.Module, variables: dict[str, str], stored: Callable[[str, tuple[int, ...]], Tensor]) -> None:
    """Fill a network.

    Args:
        network: Ours.
        variables: Our name -> TensorFlow's, for the whole state.
        stored: From TensorFlow's name and shape to the value.
    """
    shapes = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    assert sorted(variables) == sorted(shapes)
    network.load_state_dict(state_of(shapes, variables, stored))


def from_file(folder: Path) -> Callable[[str, tuple[int, ...]], Tensor]:
    """Values of the case's own file."""
    stored = load_file(folder / 'weights.safetensors')

    def value(name: str, shape: tuple[int, ...]) -> Tensor:
        assert stored[name].shape == shape
        return stored[name]

    return value
