"""Golden cases of BVMR, MPRNet and Split then Refine, which are in their programs' names, for our networks."""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from hcl_arch.model_files.official_names import OfficialNetwork, from_official, official_name


class OfficialCase:
    """Tensors, description and weights of a case; skips the test where the folder is not there."""

    def __init__(self, shared_dir: Path, name: str) -> None:
        self.folder = shared_dir / 'parity' / 'baselines' / name
        if not self.folder.is_dir():
            pytest.skip(f'the parity data baselines/{name} is not in the shared folder')
        self.about: dict[str, Any] = json.loads((self.folder / 'case.json').read_text())
        self.tensors = {key: torch.from_numpy(array) for key, array in np.load(self.folder / 'tensors.npz').items()}

    def weights(self) -> dict[str, Tensor]:
        """The case's own weights, in the program's names."""
        return load_file(self.folder / 'weights.safetensors')

    def fill(self, network: OfficialNetwork, net: nn.Module) -> None:
        """Give our network the case's weights."""
        net.load_state_dict(from_official(network, net, self.weights()))

    def assert_near(self, actual: Tensor, name: str, *, atol: float | None = None) -> None:
        """Compare with a tensor of the case, within its tolerance if no other is given."""
        torch.testing.assert_close(actual, self.tensors[name], atol=atol or self.about['atol'], rtol=0, msg=name)


def fill_by_rule(network: OfficialNetwork, net: nn.Module) -> None:
    """Fill a network by the rule in the full cases' case.json."""
    official = {official_name(network, ours): value.shape for ours, value in net.state_dict().items()}
    value_of = _mprnet_value if network == 'MPRNet' else _value
    net.load_state_dict(from_official(network, net, {name: value_of(name, s) for name, s in official.items()}))


def _normal(name: str, shape: torch.Size) -> np.ndarray:
    return np.random.RandomState(zlib.crc32(name.encode())).standard_normal(tuple(shape)).astype(np.float32)  # noqa: NPY002


def _value(name: str, shape: torch.Size) -> Tensor:
    if name.endswith('num_batches_tracked'):
        return torch.tensor(0)
    r = _normal(name, shape)
    if name.endswith('running_mean'):
        scaled = 0.1 * r
    elif name.endswith('running_var'):
        scaled = 0.5 + np.abs(r)
    elif len(shape) >= 2:
        scaled = r / np.sqrt(np.prod(shape[1:]))
    else:
        scaled = 1 + 0.1 * r if name.endswith('weight') else 0.05 * r
    return torch.from_numpy(np.asarray(scaled, dtype=np.float32))


def _mprnet_value(name: str, shape: torch.Size) -> Tensor:
    if len(shape) < 2:
        return torch.full(shape, 0.25)  # the slope that all blocks share
    return torch.from_numpy((_normal(name, shape) * 0.5 / np.sqrt(np.prod(shape[1:]))).astype(np.float32))


def n_parameters(net: nn.Module) -> int:
    """Number of parameters, shared ones counted once."""
    return sum(parameter.numel() for parameter in net.parameters())


def names_digest(net: nn.Module) -> str:
    """A short digest of the names and shapes in a state dict, which checkpoints depend on."""
    lines = sorted(f'{name} {tuple(value.shape)}' for name, value in net.state_dict().items())
    return f'{len(lines)} {zlib.crc32("".join(lines).encode()):08x}'
