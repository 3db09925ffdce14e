"""Golden cases of S2AM's networks, which are in its program's names, for ours."""

from __future__ import annotations

import re
import zlib

import numpy as np
import torch
from torch import Tensor, nn

_ATTENTION = {
    'attention.background_gate.layers': 'background_attention.fc',
    'attention.mixed_gate.layers': 'mixed_attention.fc',
    'attention.spliced_gate.layers': 'spliced_attention.fc',
    'attention.learned.0': 'connection.rconv1',
    'attention.learned.1': 'connection.rbn1',
    'attention.learned.3': 'connection.rconv2',
    'attention.learned.4': 'connection.rbn2',
    'hole_finder': 'mask_attention.fc',
}
_LEVEL = {'down_norm': 'down.2', 'up_norm': 'up.2', 'up': 'up.1'}


def attention_name(ours: str) -> str:
    """Of an entry of an attention's state."""
    for prefix, theirs in _ATTENTION.items():
        if ours.startswith(f'{prefix}.'):
            return theirs + ours[len(prefix) :]
    raise KeyError(ours)


def network_name(ours: str) -> str:
    """Of an entry of the whole network's state."""
    attention = re.match(r'attentions\.(\d)\.(.+)', ours)
    if attention:
        return f'{_level_prefix(int(attention[1]) + 1)}attention.{attention_name(attention[2])}'
    level = re.match(r'unet\.levels\.(\d)\.(\w+)\.(\w+)', ours)
    assert level, ours
    part = {'down': 'down.0' if level[1] == '0' else 'down.1', **_LEVEL}[level[2]]
    return f'{_level_prefix(int(level[1]))}{part}.{level[3]}'


def fill_by_rule(network: nn.Module) -> None:
    """Fill the whole network by the rule in case.json."""
    network.load_state_dict(
        {ours: _value_by_rule(network_name(ours), value.shape) for ours, value in network.state_dict().items()}
    )


def _level_prefix(level: int) -> str:
    return 'model.' + 'model.sub.' * level + 'model.'


def _value_by_rule(name: str, shape: torch.Size) -> Tensor:
    if name.endswith('num_batches_tracked'):
        return torch.tensor(0)
    r = np.random.RandomState(zlib.crc32(name.encode())).standard_normal(tuple(shape)).astype(np.float32)  # noqa: NPY002
    if name.endswith('running_mean'):
        scaled = 0.1 * r
    elif name.endswith('running_var'):
        scaled = 0.5 + np.abs(r)
    elif len(shape) >= 2:
        scaled = r / np.sqrt(np.prod(shape[1:]))
    else:
        scaled = 1 + 0.1 * r if name.endswith('weight') else 0.05 * r
    return torch.from_numpy(np.asarray(scaled, dtype=np.float32))
