"""Options of our networks, read from the tensor shapes in a checkpoint of the authors' program."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from hcl_arch.model_files.authors_checkpoint import CONV_STAGES
from hcl_arch.utils.errors import HCLError


class AuthorsCheckpointError(HCLError, ValueError):
    """A checkpoint differs from those the authors' program writes; the text names the part and the key of the file."""


class Part:
    """A state dict of the authors' checkpoint.

    Args:
        path: Its place in the file, such as ``inpaintnet.encoder``.
        tensors: The state dict, without derived buffers.
    """

    def __init__(self, path: str, tensors: Mapping[str, Tensor]) -> None:
        self.path = path
        self.tensors = tensors

    def size(self, name: str, axis: int, n_axes: int) -> int:
        """Length of an axis of a tensor that has ``n_axes``.

        Raises:
            AuthorsCheckpointError: If there is no such tensor, or it has another number of axes or length 0 along
                ``axis``.
        """
        if name not in self.tensors:
            raise AuthorsCheckpointError(f'{self.path}: key {name!r} is missing: expected a tensor of {n_axes} axes')
        shape = tuple(self.tensors[name].shape)
        if len(shape) != n_axes or shape[axis] < 1:
            raise AuthorsCheckpointError(
                f'{self.path}: key {name!r} has shape {shape}: expected {n_axes} axes, none of them empty'
            )
        return shape[axis]

    def count(self, pattern: str) -> int:
        """Number of different values of the group in ``pattern``, matched at the start of the keys."""
        # Not the largest one: a stray key with a large number must be refused instead of creating a giant network.
        return len({match[1] for match in (re.match(pattern, name) for name in self.tensors) if match})

    def window_size(self, blocks: str) -> int:
        """Side of the windows, from the relative position bias table of the first block: (2 * side - 1)**2 rows."""
        name = f'{blocks}.0.attn.relative_position_bias_table'
        rows = self.size(name, 0, 2)
        side = math.isqrt(rows)
        if side * side != rows or side % 2 == 0:
            raise AuthorsCheckpointError(
                f'{self.path}: key {name!r} has {rows} rows: expected (2 * window size - 1)**2, such as 225 for 8'
            )
        return (side + 1) // 2

    def multiples(self, widths: Sequence[int], name: str) -> list[int]:
        """``dim_mults``: widths divided by the first; ``name`` (with ``#`` for the number) selects the tensors."""
        for index, width in enumerate(widths):
            if width % widths[0]:
                key = name.replace('#', str(index))
                raise AuthorsCheckpointError(
                    f'{self.path}: key {key!r} has width {width}: expected a multiple of the first width, {widths[0]}'
                )
        return [width // widths[0] for width in widths]


def network_options(parts: Mapping[str, Part]) -> dict[str, Any]:
    """Options of ``HCLNet`` that can be read from the tensors, including those of its refiner, if any.

    Args:
        parts: ``encoder``, ``project_heads``, ``bottleneck``, ``decoder`` and, optionally, ``refinenet``.

    Raises:
        AuthorsCheckpointError: If a tensor that tells a size is missing or makes no sense.
    """
    encoder, heads, bottleneck = parts['encoder'], parts['project_heads'], parts['bottleneck']
    stages = range(max(1, encoder.count(r'down_blocks\.(\d+)\.0\.')))
    dim = encoder.size('first_conv.conv.weight', 0, 4)
    widths = [encoder.size(f'down_blocks.{stage}.0.conv.conv.weight', 0, 4) for stage in stages]
    if widths[0] != dim:
        raise AuthorsCheckpointError(
            f"{encoder.path}: key 'first_conv.conv.weight' has width {dim}: expected that of "
            f"'down_blocks.0.0.conv.conv.weight', {widths[0]}"
        )
    table = 'down_blocks.{}.0.blocks.0.attn.relative_position_bias_table'
    options = {
        'type': 'HCLNet',
        'dim': dim,
        'dim_mults': encoder.multiples(widths, 'down_blocks.#.0.conv.conv.weight'),
        'n_conv_stages': encoder.count(rf'{CONV_STAGES}\.(\d+)\.'),
        'encoder_depths': [encoder.count(rf'down_blocks\.{stage}\.0\.blocks\.(\d+)\.') for stage in stages],
        'decoder_depths': [parts['decoder'].count(rf'up_blocks\.{stage}\.0\.blocks\.(\d+)\.') for stage in stages],
        'num_heads': [encoder.size(table.format(stage), 1, 2) for stage in stages],
        'window_size': encoder.window_size('down_blocks.0.0.blocks'),
        'bottleneck_depth': bottleneck.count(r'bottleneck\.blocks\.(\d+)\.'),
        'bottleneck_window_size': bottleneck.window_size('bottleneck.blocks'),
        'proj_dim': heads.size(f'proj_heads.{stages[-1]}.2.weight', 0, 4),
        'fuse': heads.count(r'fuse\.(\d+)\.') > 0,
    }
    if 'refinenet' in parts:
        options['refiner'] = _refiner_options(parts['refinenet'])
    return options


def _refiner_options(refiner: Part) -> dict[str, Any]:
    name = 'refine_encoder.#.0.conv1.conv.conv.weight'
    levels = range(max(1, refiner.count(r'refine_encoder\.(\d+)\.0\.')))
    widths = [refiner.size(name.replace('#', str(level)), 0, 4) for level in levels]
    return {'type': 'HCLRefineNet', 'dim': widths[0], 'dim_mults': refiner.multiples(widths, name)}


def discriminator_options(discriminator: Part) -> dict[str, Any]:
    """Options of ``HCLPatchDiscriminator``, read from the tensors.

    Raises:
        AuthorsCheckpointError: If a tensor that tells a size is missing or makes no sense.
    """
    name = 'disc.#.conv.parametrizations.weight.original'
    layers = range(max(1, discriminator.count(r'disc\.(\d+)\.')))
    widths = [discriminator.size(name.replace('#', str(layer)), 0, 4) for layer in layers]
    dim_mults = discriminator.multiples(widths, name)
    return {'type': 'HCLPatchDiscriminator', 'dim': widths[0], 'dim_mults': dim_mults}
