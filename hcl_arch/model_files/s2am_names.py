"""Tensor names of S2AM's program for the blind network."""

from __future__ import annotations

import re

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
    """The program's name for an entry of an attention's state."""
    for prefix, theirs in _ATTENTION.items():
        if ours.startswith(f'{prefix}.'):
            return theirs + ours[len(prefix) :]
    raise KeyError(ours)


def network_name(ours: str) -> str:
    """The program's name for an entry of the whole network's state; KeyError if there is none."""
    attention = re.match(r'attentions\.(\d)\.(.+)', ours)
    if attention:
        return f'{_level_prefix(int(attention[1]) + 1)}attention.{attention_name(attention[2])}'
    level = re.match(r'unet\.levels\.(\d)\.(\w+)\.(\w+)', ours)
    if level is None:
        raise KeyError(ours)
    part = {'down': 'down.0' if level[1] == '0' else 'down.1', **_LEVEL}[level[2]]
    return f'{_level_prefix(int(level[1]))}{part}.{level[3]}'


def _level_prefix(level: int) -> str:
    return 'model.' + 'model.sub.' * level + 'model.'
