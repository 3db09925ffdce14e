"""Tensor names of the published programs for the networks reimplemented here.

The programs themselves are not needed: their state dicts are converted to ours. Their weights have their own licences.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal, NamedTuple

from torch import Tensor, nn

from hcl_arch.model_files.s2am_names import network_name

OfficialNetwork = Literal['BS2AM', 'BVMR', 'MPRNet', 'SplitThenRefine']


class _Rule(NamedTuple):
    """A part of our names and its counterpart in theirs: ``#`` stands for a number, in the same order in both.

    The first number in their name is ours plus ``offset``.
    """

    ours: str
    theirs: str
    offset: int = 0

    def apply(self, name: str) -> str:
        """The name with every such part replaced; ``^`` and ``$`` in ``ours`` mark the start and end of the name."""
        pattern = self.ours.replace('.', r'\.').replace('#', r'(\d+)')
        return re.sub(pattern, self._replacement, name)

    def _replacement(self, found: re.Match[str]) -> str:
        numbers = [int(number) for number in found.groups()]
        if numbers:
            numbers[0] += self.offset
        pieces = self.theirs.split('#')
        return ''.join(f'{piece}{number}' for piece, number in zip(pieces, numbers)) + pieces[-1]


_UNET = (
    _Rule('encoder.blocks.#.first.0.', 'encoder.down_convs.#.conv1.'),
    _Rule('encoder.blocks.#.first.1.', 'encoder.down_convs.#.norm1.'),
    _Rule('encoder.blocks.#.units.#.conv.', 'encoder.down_convs.#.conv2.#.'),
    _Rule('encoder.blocks.#.units.#.norm.', 'encoder.down_convs.#.bn.#.'),
    _Rule('decoder.blocks.#.enlarge.0.', 'decoder.up_convs.#.up_conv.'),
    _Rule('decoder.blocks.#.enlarge.1.', 'decoder.up_convs.#.norm0.'),
    _Rule('decoder.blocks.#.join.0.', 'decoder.up_convs.#.conv1.'),
    _Rule('decoder.blocks.#.join.1.', 'decoder.up_convs.#.norm1.'),
    _Rule('decoder.blocks.#.units.#.conv.', 'decoder.up_convs.#.conv2.#.'),
    _Rule('decoder.blocks.#.units.#.norm.', 'decoder.up_convs.#.bn.#.'),
)
_BVMR = (
    *_UNET,
    *(_Rule(f'^{ours}_head.', f'{theirs}_decoder.conv_final.')
      for ours, theirs in (('image', 'image'), ('mask', 'mask'), ('motif', 'vm'))),
    _Rule('^motif_decoder.', 'vm_decoder.'),
)  # fmt: skip
_S2AM = (
    _Rule('_gate.layers.#.', '_attention.fc.#.'),
    _Rule('.learned.0.', '.connection.rconv1.'),
    _Rule('.learned.1.', '.connection.rbn1.'),
    _Rule('.learned.3.', '.connection.rconv2.'),
    _Rule('.learned.4.', '.connection.rbn2.'),
)
_SPLIT_THEN_REFINE = (
    _Rule('^refine_net.encoder.blocks.#.first.0.', 's2am.down#.model.conv1.', offset=1),
    _Rule('^refine_net.encoder.blocks.#.units.#.conv.', 's2am.down#.model.conv2.#.', offset=1),
    _Rule('^refine_net.up_blocks.#.enlarge.0.', 's2am.up#.model.up_conv.', offset=1),
    _Rule('^refine_net.up_blocks.#.join.0.', 's2am.up#.model.conv1.', offset=1),
    _Rule('^refine_net.up_blocks.#.units.#.conv.', 's2am.up#.model.conv2.#.', offset=1),
    _Rule('^refine_net.attentions.#.attention.', 's2am.s2am#.', offset=2),
    _Rule('^refine_net.head.', 's2am.im.'),
    *_S2AM,
    *(
        rule
        for ours, gates, theirs in (('image', 'im', 'image'), ('mask', 'mask', 'mask'), ('watermark', 'vm', 'vm'))
        for rule in (
            _Rule(f'^split_net.gates.{ours}.#.layers.#.', f'shared_decoder.{gates}_atts.#.fc.#.'),
            _Rule(f'^split_net.decoders.{ours}.', f'{theirs}_decoder.'),
            _Rule(f'^split_net.heads.{ours}.', f'{theirs}_decoder.conv_final.'),
        )
    ),
    _Rule('^split_net.', ''),
    *_UNET,
)
_MPRNET = (
    _Rule('^shallow.#.#.', 'shallow_feat#.#.', offset=1),
    _Rule('^encoders.#.', 'stage#_encoder.', offset=1),
    _Rule('^decoders.#.', 'stage#_decoder.', offset=1),
    _Rule('_encoder.levels.#.', '_encoder.encoder_level#.', offset=1),
    _Rule('_decoder.levels.#.', '_decoder.decoder_level#.', offset=1),
    _Rule('.fuse_encoded.#.', '.csff_enc#.', offset=1),
    _Rule('.fuse_decoded.#.', '.csff_dec#.', offset=1),
    _Rule('_decoder.skips.#.', '_decoder.skip_attn#.', offset=1),
    _Rule('.downs.0.', '.down12.down.'),
    _Rule('.downs.1.', '.down23.down.'),
    _Rule('.ups.0.', '.up21.up.'),
    _Rule('.ups.1.', '.up32.up.'),
    *(
        rule
        for number, theirs in ((0, 'sam12'), (1, 'sam23'))
        for rule in (
            _Rule(f'^attentions.{number}.features.', f'{theirs}.conv1.'),
            _Rule(f'^attentions.{number}.to_picture.', f'{theirs}.conv2.'),
            _Rule(f'^attentions.{number}.weights.', f'{theirs}.conv3.'),
        )
    ),
    _Rule('^joins.0.', 'concat12.'),
    _Rule('^joins.1.', 'concat23.'),
    _Rule('^last_stage.', 'stage3_orsnet.'),
    _Rule('_orsnet.blocks.#.', '_orsnet.orb#.', offset=1),
    *(
        rule
        for ours, theirs in (('encoded', 'enc'), ('decoded', 'dec'))
        for rule in (
            _Rule(f'.from_{ours}.0.0.', f'.conv_{theirs}1.'),
            _Rule(f'.from_{ours}.1.0.', f'.up_{theirs}1.up.'),
            _Rule(f'.from_{ours}.1.1.', f'.conv_{theirs}2.'),
            _Rule(f'.from_{ours}.2.2.', f'.conv_{theirs}3.'),
            _Rule(f'.from_{ours}.2.#.', f'.up_{theirs}2.#.up.'),
        )
    ),
    _Rule('.convs.#.', '.body.#.'),
    _Rule('.gate.1.', '.CA.conv_du.0.'),
    _Rule('.gate.3.', '.CA.conv_du.2.'),
)
_RULES: dict[OfficialNetwork, tuple[_Rule, ...]] = {
    'BVMR': _BVMR,
    'MPRNet': _MPRNET,
    'SplitThenRefine': _SPLIT_THEN_REFINE,
}
# Constants that follow from the construction.
_DERIVED = '.gaussianMask.weight'


def official_name(network: OfficialNetwork, name: str) -> str:
    """The published program's name for one of our tensors."""
    if network == 'BS2AM':
        return network_name(name)
    for rule in _RULES[network]:
        name = rule.apply(name)
    return name


def from_official(network: OfficialNetwork, net: nn.Module, official: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Convert a state dict of the published program for our network.

    Args:
        network: Which network it is.
        net: Our network, for its names.
        official: Their names -> tensors; a prefix ``module.`` is removed.

    Returns:
        Our names -> the same tensors.

    Raises:
        KeyError: If a tensor is missing or left over; they are named.
    """
    left = {name[len('module.') :] if name.startswith('module.') else name: value for name, value in official.items()}
    names = {name: official_name(network, name) for name in net.state_dict()}
    missing = [theirs for theirs in names.values() if theirs not in left]
    known = set(names.values())
    unknown = [theirs for theirs in left if theirs not in known and not theirs.endswith(_DERIVED)]
    if missing or unknown:
        raise KeyError(
            f'The state dict is no {network} of these sizes: missing {missing[:3]} ({len(missing)} in all), '
            f'unknown {unknown[:3]} ({len(unknown)} in all).'
        )
    return {ours: left[theirs] for ours, theirs in names.items()}
