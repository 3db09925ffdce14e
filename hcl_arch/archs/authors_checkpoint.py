"""Checkpoints of the authors' program: how their tensors are named here.

Names that no rule knows come through unchanged, so that a strict ``load_state_dict`` refuses them by name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor

# Buffers that follow from the configuration and need not be kept.
_DERIVED = ('relative_position_index', 'attn_mask')
_MLP = ((r'mlp\.fc1', 'mlp.0'), (r'mlp\.fc2', 'mlp.2'))
# Pattern and replacement, applied in order to the names of each part.
_RULES: dict[str, tuple[tuple[str, str], ...]] = {
    'encoder': (
        (r'^first_conv\.conv\.', 'first_conv.'),
        (r'^down_blocks\.(\d+)\.1\.conv\.conv\.', r'downsamples.\1.'),
        (r'^down_blocks\.(\d+)\.0\.conv\.conv\.', r'layers.\1.conv.'),
        (r'^down_blocks\.(\d+)\.0\.', r'layers.\1.'),
        *_MLP,
    ),
    'project_heads': ((r'^proj_heads\.', 'heads.'), (r'^fuse\.(\d+)\.0\.', r'maps.\1.')),
    'bottleneck': ((r'^bottleneck\.', ''), (r'^conv\.conv\.', 'conv.'), *_MLP),
    'decoder': (
        (r'^last_conv\.conv\.', 'last_conv.'),
        (r'^up_blocks\.(\d+)\.1\.conv\.conv\.', r'upsamples.\1.'),
        (r'^up_blocks\.(\d+)\.0\.', r'layers.\1.'),
        *_MLP,
    ),
    'refinenet': (
        (r'\.(conv|gate)\.conv\.', r'.\1.'),
        (r'^refine_first\.', 'first_conv.'),
        (r'^refine_last\.conv\.', 'last_conv.'),
        (r'^refine_bottleneck\.', 'bottleneck.'),
        (r'^refine_encoder\.(\d+)\.0\.', r'down_blocks.\1.'),
        (r'^refine_encoder\.(\d+)\.1\.', r'downsamples.\1.'),
        (r'^refine_decoder\.(\d+)\.0\.', r'up_blocks.\1.'),
        (r'^refine_decoder\.(\d+)\.1\.1\.', r'upsamples.\1.'),
    ),
    'classifier': ((r'^cls\.', 'layers.'),),
    'pdisc': ((r'^disc\.(\d+)\.conv\.', r'convs.\1.'),),
}
_OUR_PART = {
    'encoder': 'detector.encoder.',
    'project_heads': 'detector.projection_heads.',
    'bottleneck': 'bottleneck.',
    'decoder': 'decoder.',
    'refinenet': 'refiner.',
    'classifier': 'detector.classifier.',
    'pdisc': '',
}


def generator_state(checkpoint: Mapping[str, Mapping]) -> dict[str, Tensor]:
    """State of an ``HCLNet`` with an ``HCLRefineNet``, from a checkpoint in the authors' layout.

    Args:
        checkpoint: ``inpaintnet`` -> ``encoder``, ``project_heads``, ``bottleneck``, ``decoder``; ``refinenet``;
            ``classifier`` (a state dict each).

    Raises:
        KeyError: If a part is missing.
    """
    parts = {name: checkpoint['inpaintnet'][name] for name in ('encoder', 'project_heads', 'bottleneck', 'decoder')}
    parts.update({name: checkpoint[name] for name in ('refinenet', 'classifier')})
    state: dict[str, Tensor] = {}
    for part, tensors in parts.items():
        state.update(_renamed(part, tensors))
    return state


def discriminator_state(checkpoint: Mapping[str, Mapping]) -> dict[str, Tensor]:
    """State of an ``HCLPatchDiscriminator``, from the part ``pdisc`` of a checkpoint in the authors' layout.

    Raises:
        KeyError: If the part is missing.
    """
    return _renamed('pdisc', checkpoint['pdisc'])


def _renamed(part: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    state = {}
    for name, tensor in tensors.items():
        if not name.endswith(_DERIVED):
            for pattern, replacement in _RULES[part]:
                name = re.sub(pattern, replacement, name)
            state[_OUR_PART[part] + _our_order(part, name, tensors)] = tensor
    return state


def _our_order(part: str, name: str, tensors: Mapping[str, Tensor]) -> str:
    """Number the upsamplings by the finer stage that they lead to, and the refiner's levels from fine to coarse."""
    match = re.match(r'(up_blocks|upsamples)\.(\d+)\.(.*)', name)
    if match is None:
        return name
    index = int(match[2])
    if part == 'refinenet':
        coarsest = max(int(other.split('.')[1]) for other in tensors if other.startswith('refine_decoder'))
        index = coarsest - index - (match[1] == 'upsamples')
    else:
        index -= 1
    return f'{match[1]}.{index}.{match[3]}'
