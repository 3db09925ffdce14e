"""Where the authors' checkpoints keep our networks' tensors."""

from __future__ import annotations

import re
from typing import NamedTuple, Optional

# Buffers that follow from the configuration and need not be stored.
_DERIVED = ('relative_position_index', 'attn_mask')
GENERATOR_PARTS = ('encoder', 'project_heads', 'bottleneck', 'decoder')
# The strided convolutions before the finest stage: 0 is the convolution and 1 the GELU, or vice versa.
CONV_STAGES = 'conv_down_blocks'
_CONV_FIRST = re.compile(rf'({CONV_STAGES}\.\d+)\.0\.')


class _Rule(NamedTuple):
    """Two names of the same tensors: ``#`` stands for a number and ``*`` for the rest, in the same order in both.

    The first number in their name is ours plus ``offset``; if ``reverse``, it is the refiner's coarsest level plus
    ``offset`` minus ours.
    """

    theirs: str
    ours: str
    offset: int = 0
    reverse: bool = False


def _blocks(theirs: str, ours: str) -> tuple[_Rule, ...]:
    return (
        _Rule(f'{theirs}blocks.#.mlp.fc1.*', f'{ours}blocks.#.mlp.0.*'),
        _Rule(f'{theirs}blocks.#.mlp.fc2.*', f'{ours}blocks.#.mlp.2.*'),
        _Rule(f'{theirs}blocks.#.*', f'{ours}blocks.#.*'),
    )


def _gated_block(theirs: str, ours: str, *, reverse: bool = False) -> tuple[_Rule, ...]:
    return (
        _Rule(f'{theirs}.conv#.conv.conv.*', f'{ours}.conv#.conv.*', reverse=reverse),
        _Rule(f'{theirs}.conv#.gate.conv.*', f'{ours}.conv#.gate.*', reverse=reverse),
        _Rule(f'{theirs}.shortcut.*', f'{ours}.shortcut.*', reverse=reverse),
    )


# The first rule that matches a name of the part is used.
_RULES: dict[str, tuple[_Rule, ...]] = {
    'encoder': (
        _Rule('first_conv.conv.*', 'first_conv.*'),
        _Rule(f'{CONV_STAGES}.#.0.*', 'conv_stages.#.*'),
        _Rule(f'{CONV_STAGES}.#.1.*', 'conv_stages.#.*'),
        _Rule('down_blocks.#.1.conv.conv.*', 'downsamples.#.*'),
        _Rule('down_blocks.#.0.conv.conv.*', 'layers.#.conv.*'),
        *_blocks('down_blocks.#.0.', 'layers.#.'),
    ),
    'project_heads': (_Rule('proj_heads.*', 'heads.*'), _Rule('fuse.#.0.*', 'maps.#.*')),
    'bottleneck': (_Rule('bottleneck.conv.conv.*', 'conv.*'), *_blocks('bottleneck.', '')),
    'decoder': (
        _Rule('last_conv.conv.*', 'last_conv.*'),
        # In the order of application, like ours; 0.0 is the upsampling, 1 the GELU.
        _Rule('conv_up_blocks.#.0.1.*', 'conv_stages.#.*'),
        # They number an upsampling by its source stage, we by its target stage.
        _Rule('up_blocks.#.1.conv.conv.*', 'upsamples.#.*', offset=1),
        # A partial convolution: the bias is its own, the weight belongs to an inner convolution.
        _Rule('up_blocks.#.0.conv.*', 'layers.#.conv.*'),
        *_blocks('up_blocks.#.0.', 'layers.#.'),
    ),
    'refinenet': (
        _Rule('refine_first.conv.conv.*', 'first_conv.conv.*'),
        _Rule('refine_first.gate.conv.*', 'first_conv.gate.*'),
        _Rule('refine_last.conv.*', 'last_conv.*'),
        _Rule('refine_encoder.#.1.*', 'downsamples.#.*'),
        # They number the upward path from coarse to fine.
        _Rule('refine_decoder.#.1.1.*', 'upsamples.#.*', offset=-1, reverse=True),
        *_gated_block('refine_encoder.#.0', 'down_blocks.#'),
        *_gated_block('refine_bottleneck', 'bottleneck'),
        *_gated_block('refine_decoder.#.0', 'up_blocks.#', reverse=True),
    ),
    'classifier': (_Rule('cls.*', 'layers.*'),),
    'pdisc': (_Rule('disc.#.conv.*', 'convs.#.*'),),
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


def is_derived(name: str) -> bool:
    """Whether, according to its name, a tensor of the authors' file follows from the configuration."""
    return name.rpartition('.')[2] in _DERIVED


def authors_name(
    name: str, *, coarsest_level: int = 0, discriminator: bool = False, gelu_first: bool = False
) -> tuple[str, str]:
    """The place of one of our tensors in the authors' file.

    Args:
        name: Key in the state of an ``HCLNet`` or ``HCLPatchDiscriminator``.
        coarsest_level: Number of the refiner's coarsest level, counted from 0 at the finest.
        discriminator: Whether the key belongs to the discriminator.
        gelu_first: Whether the encoder's convolution stages apply GELU before the convolution.

    Returns:
        The part (``encoder``, ..., ``pdisc``) and the key in it.

    Raises:
        KeyError: If the authors' program has no such tensor.
    """
    for part, prefix in _OUR_PART.items():
        if (part == 'pdisc') == discriminator and name.startswith(prefix):
            for rule in _RULES[part]:
                theirs = _translate(name[len(prefix) :], rule, coarsest_level)
                if theirs is not None:
                    return part, _CONV_FIRST.sub(r'\1.1.', theirs) if gelu_first else theirs
    raise KeyError(f"The authors' checkpoints have no tensor for {name!r}.")


def _translate(name: str, rule: _Rule, coarsest_level: int) -> Optional[str]:
    """The authors' name, or None if the rule does not match ours."""
    match = re.fullmatch(rule.ours.replace('.', r'\.').replace('#', r'(\d+)').replace('*', '(.+)'), name)
    if match is None:
        return None
    found = list(match.groups())
    if rule.reverse:
        found[0] = str(coarsest_level + rule.offset - int(found[0]))
    elif rule.offset:
        found[0] = str(int(found[0]) + rule.offset)
    values = iter(found)
    return re.sub('[#*]', lambda _: next(values), rule.theirs)
