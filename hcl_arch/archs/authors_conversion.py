"""From a checkpoint in the authors' layout to options and states of our networks."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple, Optional

import torch
from basicsr.utils.registry import ARCH_REGISTRY
from torch import Tensor, nn

from hcl_arch.archs.authors_checkpoint import CONV_STAGES, GENERATOR_PARTS, authors_name, is_derived
from hcl_arch.archs.authors_sizes import AuthorsCheckpointError, Part, discriminator_options, network_options

# The authors' versions: upsampling of the conv stages and of the refiner, and order in the encoder's conv stages.
LEGACY_VERSIONS = {
    1: ('nearest', 'conv_gelu'),
    2: ('nearest', 'conv_gelu'),
    3: ('bilinear', 'gelu_conv'),
    4: ('bilinear', 'conv_gelu'),
}
_PATHS = {
    **{part: f'inpaintnet.{part}' for part in GENERATOR_PARTS},
    **{part: part for part in ('refinenet', 'classifier', 'pdisc')},
}
_CONFIGS = ('config', 'cfg', 'opt', 'args')
_NOT_KEPT = re.compile(r'opt|sched|scaler', re.IGNORECASE)
# Options that shapes do not tell; a configuration in the file may.
_UNREADABLE = ('conf_thresholds', 'temperature', 'kmeans_iters', 'kmeans_repeats')
# A strided or upsampling convolution in a list of its own, named as the others of the part are.
_CONV_STAGE = re.compile(r'(\w*conv\w*)\.(\d+)\.conv\.conv\.(weight|bias)')

Key = tuple[str, str]


class Conversion(NamedTuple):
    """What became of a checkpoint."""

    network_g: dict[str, Any]
    """Options of the ``HCLNet``, with ``type``, for ``build_network``."""
    params_g: dict[str, Tensor]
    """Its state."""
    network_d: Optional[dict[str, Any]]
    """Options of the ``HCLPatchDiscriminator``, if the file has one."""
    params_d: dict[str, Tensor]
    """Its state."""
    notes: list[str]
    """What the user should know: what was not kept, and what was supposed."""


def convert_checkpoint(checkpoint: object, *, legacy_v: Optional[int] = None) -> Conversion:
    """Read the sizes of the networks from a checkpoint in the authors' layout, and rename its tensors.

    Args:
        checkpoint: What ``torch.load`` returned.
        legacy_v: The authors' version, 1 to 4, by default the one that the file states, else 4.

    Raises:
        AuthorsCheckpointError: If a part or a key is missing, foreign, of the wrong kind or of the wrong shape.
    """
    checkpoint = _checked_layout(checkpoint)
    parts, notes = _parts(checkpoint), _not_kept(checkpoint)
    shown_names = {part: _rename_conv_stages(parts[part], notes) for part in ('encoder', 'decoder')}
    network_g = network_options(parts)
    _check_conv_stages(parts, shown_names)
    configs = [checkpoint[name] for name in _CONFIGS if isinstance(checkpoint.get(name), Mapping)]
    config: Mapping[str, Any] = configs[0] if configs else {}
    legacy_v = _legacy_version(checkpoint, config, legacy_v, notes)
    _add_unreadable_options(network_g, config, legacy_v)
    network_d = discriminator_options(parts['pdisc']) if 'pdisc' in parts else None
    discriminator = {'pdisc': parts.pop('pdisc')} if 'pdisc' in parts else {}
    levels = len(network_g['refiner']['dim_mults']) if 'refiner' in network_g else 1
    params_g = _matched_state(network_g, parts, shown_names, coarsest_level=levels - 1)
    params_d = _matched_state(network_d, discriminator, {}) if network_d else {}
    return Conversion(network_g, params_g, network_d, params_d, notes)


def _checked_layout(checkpoint: object) -> Mapping[str, Any]:
    expected = "expected a dict with 'inpaintnet', 'classifier' and, perhaps, 'refinenet', 'pdisc'"
    if not isinstance(checkpoint, Mapping):
        found = f'an object {_kind(checkpoint)}'
        raise AuthorsCheckpointError(f"not a checkpoint of the authors' program: {expected}, found {found}")
    if 'inpaintnet' not in checkpoint:
        if {'params', 'params_ema'} & set(checkpoint):
            raise AuthorsCheckpointError(
                "in BasicSR's layout already ('params'): nothing to convert, name it in path: pretrain_network_g"
            )
        found = ', '.join(repr(name) for name in list(checkpoint)[:4]) or 'nothing'
        raise AuthorsCheckpointError(f"part 'inpaintnet' is missing: {expected}, found {found}")
    return checkpoint


def _parts(checkpoint: Mapping[str, Any]) -> dict[str, Part]:
    """The state dicts, without derived buffers; a missing refiner or discriminator is left out."""
    nets = checkpoint['inpaintnet']
    if not isinstance(nets, Mapping):
        raise AuthorsCheckpointError(f"part 'inpaintnet' is {_kind(nets)}: expected a dict of state dicts")
    foreign = [name for name in nets if name not in GENERATOR_PARTS]
    if foreign:
        expected = ', '.join(GENERATOR_PARTS)
        raise AuthorsCheckpointError(f'inpaintnet: part {foreign[0]!r} is foreign: expected {expected}')
    parts = {}
    for part, path in _PATHS.items():
        holder = nets if part in GENERATOR_PARTS else checkpoint
        if holder.get(part) is not None:
            parts[part] = Part(path, _tensors(path, holder[part]))
        elif part not in ('refinenet', 'pdisc'):
            raise AuthorsCheckpointError(f'part {path!r} is missing: expected a state dict')
    return parts


def _tensors(path: str, state: object) -> dict[str, Tensor]:
    if not isinstance(state, Mapping):
        raise AuthorsCheckpointError(f'part {path!r} is {_kind(state)}: expected a state dict')
    for name, value in state.items():
        # A sparse or integer tensor is none of a network's weights either.
        if not isinstance(value, Tensor) or value.layout != torch.strided:
            raise AuthorsCheckpointError(f'{path}: key {name!r} holds a value {_kind(value)}: expected a dense tensor')
        if not is_derived(str(name)) and not value.is_floating_point():
            raise AuthorsCheckpointError(f'{path}: key {name!r} is of {value.dtype}: expected floating point numbers')
    return {str(name): value for name, value in state.items() if not is_derived(str(name))}


def _not_kept(checkpoint: Mapping[str, Any]) -> list[str]:
    """Notes on the entries that are no networks; tensors that nobody knows are refused."""
    notes = []
    for name, value in checkpoint.items():
        if name == 'step':
            notes.append(f'step {value!r}: not kept')
        elif name in _CONFIGS and isinstance(value, Mapping):
            notes.append(f'{name!r}: not kept, but for legacy_v, {", ".join(_UNREADABLE)}')
        elif name not in ('inpaintnet', 'legacy_v', *_PATHS):
            if not _NOT_KEPT.search(str(name)) and _holds_tensors(value):
                raise AuthorsCheckpointError(
                    f'part {name!r} is foreign: expected inpaintnet, refinenet, classifier, pdisc, optimizers and step'
                )
            notes.append(f'{name!r}: not kept')
    return notes


def _holds_tensors(value: object) -> bool:
    if isinstance(value, Mapping):
        return any(_holds_tensors(item) for item in value.values())
    if isinstance(value, (list, tuple)):
        return any(_holds_tensors(item) for item in value)
    return isinstance(value, Tensor)


def _rename_conv_stages(part: Part, notes: list[str]) -> dict[str, str]:
    """Give the convolution stages' list the name that our rules know; returns new -> old names."""
    renamed: dict[str, str] = {}
    tensors = {}
    for name, tensor in part.tensors.items():
        match = _CONV_STAGE.fullmatch(name)
        if match:
            new = f'{CONV_STAGES}.{match[2]}.conv.conv.{match[3]}'
            if new in renamed:
                raise AuthorsCheckpointError(
                    f'{part.path}: keys {renamed[new]!r} and {name!r} both look like a convolution stage: expected one'
                )
            renamed[new] = name
        tensors[new if match else name] = tensor
    if renamed:
        lists = sorted({name.split('.')[0] for name in renamed.values()})
        notes.append(f'{part.path}: took {", ".join(lists)} for the convolution stages (their name is not documented)')
    part.tensors = tensors
    return renamed


def _check_conv_stages(parts: Mapping[str, Part], shown_names: Mapping[str, Mapping[str, str]]) -> None:
    counts = {name: parts[name].count(rf'{CONV_STAGES}\.(\d+)\.') for name in shown_names}
    found = ', '.join(
        f'{parts[part].path} {name!r}' for part, names in shown_names.items() for name in names.values()
    )
    if counts['encoder'] != counts['decoder']:
        raise AuthorsCheckpointError(
            f'{counts["encoder"]} convolution stages in the encoder and {counts["decoder"]} in the decoder: expected '
            f'as many in both, found {found}'
        )
    if counts['decoder'] > 1:  # all of one shape, so that nothing would tell a wrong order
        raise AuthorsCheckpointError(
            f'{counts["decoder"]} convolution stages: expected at most 1, the order of more is unknown: found {found}'
        )


def _legacy_version(
    checkpoint: Mapping[str, Any], config: Mapping[str, Any], wanted: Optional[int], notes: list[str]
) -> int:
    stated = checkpoint.get('legacy_v', config.get('legacy_v'))
    if stated is None:
        return 4 if wanted is None else wanted
    if isinstance(stated, bool) or not isinstance(stated, int) or stated not in LEGACY_VERSIONS:
        raise AuthorsCheckpointError(f"'legacy_v' is {stated!r}: expected one of {[*LEGACY_VERSIONS]}")
    if wanted not in (None, stated):
        raise AuthorsCheckpointError(f"'legacy_v' is {stated}, but --legacy-v {wanted} was given: leave the option out")
    notes.append(f'legacy_v {stated}: stated by the file')
    return stated


def _add_unreadable_options(options: dict[str, Any], config: Mapping[str, Any], legacy_v: int) -> None:
    """Add what the shapes do not tell: from the file's configuration, else by default."""
    refiner = options.pop('refiner', None)
    for name in _UNREADABLE:
        if name in config:
            options[name] = _number_or_numbers(name, config[name])
    stages = len(options['dim_mults'])
    if stages != 3 and 'conf_thresholds' not in options:
        options['conf_thresholds'] = [1.0] + [0.95] * (stages - 1)
    options['upsample_mode'], options['conv_stage_order'] = LEGACY_VERSIONS[legacy_v]
    if refiner:
        options['refiner'] = {**refiner, 'upsample_mode': options['upsample_mode']}


def _number_or_numbers(name: str, value: object) -> object:
    """A value of the configuration, a tuple as a list; what an option file could not hold is refused."""
    numbers = list(value) if isinstance(value, (list, tuple)) else [value]
    if any(isinstance(number, bool) or not isinstance(number, (int, float)) for number in numbers):
        raise AuthorsCheckpointError(f'configuration: {name!r} is {value!r}: expected a number or a list of numbers')
    return numbers if isinstance(value, (list, tuple)) else value


def _matched_state(
    options: dict[str, Any],
    parts: Mapping[str, Part],
    shown_names: Mapping[str, Mapping[str, str]],
    *,
    coarsest_level: int = 0,
) -> dict[str, Tensor]:
    """The state of the network with these options, each key of which has its one tensor in the file."""
    net = _network_without_memory(options)
    expected: dict[Key, tuple[str, tuple[int, ...]]] = {}
    for ours, tensor in net.state_dict().items():
        key = authors_name(ours, coarsest_level=coarsest_level, discriminator='pdisc' in parts)
        expected[key] = (ours, tuple(tensor.shape))
    found = {(part, name): tensor for part in parts for name, tensor in parts[part].tensors.items()}
    _refuse(found.keys() - expected.keys(), 'is foreign: nothing of that name in a network of these sizes', shown_names)
    missing = [key for key in expected if key not in found]
    if missing:
        _refuse(missing, f'is missing: expected a tensor of shape {expected[min(missing)][1]}', shown_names)
    for key, (_, shape) in expected.items():
        if tuple(found[key].shape) != shape:
            _refuse([key], f'has shape {tuple(found[key].shape)}: expected {shape}', shown_names)
    # Copied: torch.save would write the whole of a storage of which a tensor is but a part.
    state = {
        ours: found[key].detach().to(torch.float32, copy=True, memory_format=torch.contiguous_format)
        for key, (ours, _) in expected.items()
    }
    net.load_state_dict(state, strict=True, assign=True)
    return state


def _network_without_memory(options: Mapping[str, Any]) -> nn.Module:
    """The network on the meta device. Not by BasicSR's ``build_network``, which writes to the log."""
    options = dict(options)
    network = ARCH_REGISTRY.get(options.pop('type'))
    try:
        with torch.device('meta'):
            if 'refiner' in options:
                options['refiner'] = _network_without_memory(options['refiner'])
            return network(**options)
    except (ValueError, TypeError) as error:
        raise AuthorsCheckpointError(f'the sizes read from the file make no network: {error}') from error


def _refuse(keys: Collection[Key], fault: str, shown_names: Mapping[str, Mapping[str, str]]) -> None:
    """Raise with the first of the keys, as the file has it; nothing if there is none."""
    if not keys:
        return
    part, name = min(keys)
    name = shown_names.get(part, {}).get(name, name)
    more = f' (and {len(keys) - 1} more)' if len(keys) > 1 else ''
    raise AuthorsCheckpointError(f'{_PATHS[part]}: key {name!r}{more} {fault}')


def _kind(value: object) -> str:
    return f'of type {type(value).__name__}'
