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

# Of the convolutions of VGG-19 that are used.
_VGG_CONVS = [f'conv{group}_{number}' for group, n in zip(range(1, 6), (2, 2, 4, 4, 2)) for number in range(1, n + 1)]


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
    state = network.state_dict()
    assert sorted(variables) == sorted(state)
    values = {}
    for ours, theirs in variables.items():
        shape = tuple(state[ours].shape)
        if len(shape) == 4:
            values[ours] = stored(theirs, (*shape[2:], shape[1], shape[0])).permute(3, 2, 0, 1)
        elif len(shape) == 2:
            values[ours] = stored(theirs, shape[::-1]).T
        else:
            values[ours] = stored(theirs, shape)
    network.load_state_dict(values)


def from_file(folder: Path) -> Callable[[str, tuple[int, ...]], Tensor]:
    """Values of the case's own file."""
    stored = load_file(folder / 'weights.safetensors')

    def value(name: str, shape: tuple[int, ...]) -> Tensor:
        assert stored[name].shape == shape
        return stored[name]

    return value


def _adaptive_conv(ours: str, theirs: str) -> dict[str, str]:
    """Names of a convolution with adaptive norm."""
    return {
        f'{ours}.conv.weight': f'{theirs}/weights',
        f'{ours}.norm.identity_weight': f'{theirs}/w0',
        f'{ours}.norm.norm_weight': f'{theirs}/w1',
        f'{ours}.norm.shift': f'{theirs}/BatchNorm/beta',
    }


def _conv(ours: str, theirs: str) -> dict[str, str]:
    """Names of a convolution with bias."""
    return {f'{ours}.weight': f'{theirs}/weights', f'{ours}.bias': f'{theirs}/biases'}


def _vgg() -> dict[str, str]:
    """Names of the frozen VGG-19's convolutions."""
    names: dict[str, str] = {}
    for index, name in enumerate(_VGG_CONVS):
        names.update(_conv(f'vgg.convs.{index}', f'vgg19/{name}'))
    return names


def sirf_names() -> dict[str, str]:
    """Names of SIRF's whole state."""
    names = {**_vgg(), **_adaptive_conv('first_conv', 'g_conv0'), **_conv('last_conv', 'g_conv_last')}
    for index, number in enumerate((1, 2, 3, 4, 5, 6, 7, 9)):
        names.update(_adaptive_conv(f'convs.{index}', f'g_conv{number}'))
    return names


def dhan_names() -> dict[str, str]:
    """Names of DHAN's whole state."""
    names = {**_vgg(), **_adaptive_conv('first_conv', 'g_sf')}
    for number in range(8):
        names.update(_adaptive_conv(f'convs.{number}', f'g_conv{number}'))
    for ours, letter, image in (('image', 'i', 'img'), ('mask', 'm', 'mask')):
        for index in range(4):
            aggregation = f'{ours}_aggregations.{index}'
            names.update(_adaptive_conv(f'{aggregation}.conv', f'g_agg{letter}_{index}agg2'))
            for layer, fc in (('0', 'bottleneck_fc'), ('2', 'recover_fc')):
                theirs = f'g_agg{letter}_{index}att2/{fc}'
                names[f'{aggregation}.gate.layers.{layer}.weight'] = f'{theirs}/kernel'
                names[f'{aggregation}.gate.layers.{layer}.bias'] = f'{theirs}/bias'
        for index, pool in enumerate(('2', '8', '16', '32')):
            names.update(_adaptive_conv(f'{ours}_pyramid.convs.{index}', f'g_{image}pool{pool}'))
        names.update(_adaptive_conv(f'{ours}_pyramid.fusion', f'g_{image}poolsf'))
    names.update(_conv('image_conv', 'g_conv_img'))
    names.update(_conv('hole_conv', 'g_conv_mask'))
    return names
