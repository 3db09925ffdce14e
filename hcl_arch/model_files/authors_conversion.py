"""Conversion of checkpoints in the authors' layout to options and states of our networks."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple, Optional

import torch
from torch import Tensor, nn

from hcl_arch.archs.registry import ARCHS
from hcl_arch.model_files.authors_checkpoint import CONV_STAGES, GENERATOR_PARTS, authors_name, is_derived
from hcl_arch.model_files.authors_config import (
    LEGACY_VERSIONS,
    SETTINGS,
    AuthorsConfig,
    check_sizes,
    checked_version,
    read_config,
)
from hcl_arch.model_files.authors_sizes import AuthorsCheckpointError, Part, discriminator_options, network_options

_PATHS = {
    **{part: f'inpaintnet.{part}' for part in GENERATOR_PARTS},
    **{part: part for part in ('refinenet', 'classifier', 'pdisc')},
}
_CONFIGS = ('config', 'cfg', 'opt', 'args')
_NOT_KEPT = re.compile(r'opt|sched|scaler', re.IGNORECASE)
# Content of an encoder's convolution stage: the position of its convolution gives the order.
_CONV_STAGE = re.compile(rf'{CONV_STAGES}\.\d+\.(\d+)\.')

Key = tuple[str, str]


class Conversion(NamedTuple):
    """The result of converting a checkpoint."""

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


def convert_checkpoint(
    checkpoint: object, *, legacy_v: Optional[int] = None, config: Optional[Mapping[Any, Any]] = None
) -> Conversion:
    """Read the sizes of the networks from a checkpoint in the authors' layout, and rename its tensors.

    Args:
        checkpoint: What ``torch.load`` returned.
        legacy_v: The authors' version, 1 to 4, by default that of the configuration, the checkpoint or the order in its
            convolution stages, else 4.
        config: The values of the authors' YAML file for this network; by default those in the checkpoint.

    Raises:
        AuthorsCheckpointError: If a part or a key is missing, unknown, of the wrong kind or of the wrong shape, or the
            stated settings contradict each other or the tensors.
    """
    checkpoint = _checked_layout(checkpoint)
    parts, notes = _parts(checkpoint), _not_kept(checkpoint)
    network_g = network_options(parts)
    stated = _stated(checkpoint, config)
    check_sizes(stated, network_g)
    gelu_first = _gelu_stands_first(parts['encoder'])
    version = _legacy_version(checkpoint, stated, legacy_v, gelu_first, notes)
    _add_unreadable_options(network_g, stated, version, notes)
    network_d = discriminator_options(parts['pdisc']) if 'pdisc' in parts else None
    discriminator = {'pdisc': parts.pop('pdisc')} if 'pdisc' in parts else {}
    levels = len(network_g['refiner']['dim_mults']) if 'refiner' in network_g else 1
    params_g = _matched_state(network_g, parts, coarsest_level=levels - 1, gelu_first=bool(gelu_first))
    params_d = _matched_state(network_d, discriminator) if network_d else {}
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
        # A sparse or integer tensor is not a network weight either.
        if not isinstance(value, Tensor) or value.layout != torch.strided:
            raise AuthorsCheckpointError(f'{path}: key {name!r} holds a value {_kind(value)}: expected a dense tensor')
        if not is_derived(str(name)) and not value.is_floating_point():
            raise AuthorsCheckpointError(f'{path}: key {name!r} is of {value.dtype}: expected floating point numbers')
    return {str(name): value for name, value in state.items() if not is_derived(str(name))}


def _not_kept(checkpoint: Mapping[str, Any]) -> list[str]:
    """Notes on the entries that are not networks; unknown tensors are refused."""
    notes = []
    for name, value in checkpoint.items():
        if name == 'step':
            notes.append(f'step {value!r}: not kept')
        elif name in _CONFIGS and isinstance(value, Mapping):
            notes.append(f'{name!r}: not kept, but for legacy_v, {", ".join(SETTINGS.values())}')
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


def _stated(checkpoint: Mapping[str, Any], config: Optional[Mapping[Any, Any]]) -> AuthorsConfig:
    """Stated settings of the network, from the given configuration or else from the checkpoint's."""
    if config is None:
        inside = [checkpoint[name] for name in _CONFIGS if isinstance(checkpoint.get(name), Mapping)]
        return read_config(inside[0] if inside else {})
    stated = read_config(config)
    if not stated.options and stated.legacy_v is None:
        raise AuthorsCheckpointError(
            f'configuration: none of legacy_v, {", ".join(SETTINGS.values())} is in it: expected the YAML file of the '
            "authors' program that belongs to the checkpoint"
        )
    return stated


def _gelu_stands_first(encoder: Part) -> Optional[bool]:
    """Order in the encoder's convolution stages, None without a stage."""
    places = {match[1]: name for name in encoder.tensors for match in [_CONV_STAGE.match(name)] if match}
    if len(places) > 1:
        first, second = sorted(places.values())[:2]
        raise AuthorsCheckpointError(
            f'{encoder.path}: keys {first!r} and {second!r} tell different orders of convolution and GELU: expected one'
        )
    return '1' in places if places else None


def _legacy_version(
    checkpoint: Mapping[str, Any],
    config: AuthorsConfig,
    wanted: Optional[int],
    gelu_first: Optional[bool],
    notes: list[str],
) -> int:
    """The version on which all sources agree, with a note on its origin."""
    sources = {
        f'--legacy-v {wanted}': wanted,
        f"the configuration's legacy_v {config.legacy_v}": config.legacy_v,
        f"the checkpoint's legacy_v {checkpoint.get('legacy_v')}": checked_version(checkpoint.get('legacy_v')),
    }
    stated = {source: version for source, version in sources.items() if version is not None}
    if len(set(stated.values())) > 1:
        raise AuthorsCheckpointError(f'{" and ".join(stated)} contradict each other: expected one version')
    if not stated and gelu_first:
        notes.append('legacy_v 3: told by the convolution stages, in which GELU stands first')
        return 3
    version = next(iter(stated.values()), 4)
    if gelu_first is not None and gelu_first != (LEGACY_VERSIONS[version][1] == 'gelu_conv'):
        order = 'GELU stands first, as in version 3' if gelu_first else 'GELU stands last, as in versions 1, 2 and 4'
        raise AuthorsCheckpointError(f'{next(iter(stated))} contradicts the convolution stages, in which {order}')
    notes.append(
        f'legacy_v {version}: stated by {next(iter(stated))}' if stated
        else 'legacy_v 4: supposed, since nothing states it; a network of another version restores badly so. The YAML '
        "file beside the authors' weights tells it: give it by --config, or the version by --legacy-v"
    )  # fmt: skip
    return version


def _add_unreadable_options(options: dict[str, Any], config: AuthorsConfig, legacy_v: int, notes: list[str]) -> None:
    """Add the options that shapes do not give: as stated, else the default."""
    refiner = options.pop('refiner', None)
    options.update(config.options)
    stages = len(options['dim_mults'])
    if stages != 3 and 'conf_thresholds' not in options:
        options['conf_thresholds'] = [1.0] + [0.95] * (stages - 1)
    supposed = [name for name in SETTINGS if name not in config.options]
    if supposed:
        notes.append(f'{", ".join(supposed)}: not stated, the defaults hold')
    options['upsample_mode'], options['conv_stage_order'] = LEGACY_VERSIONS[legacy_v]
    if refiner:
        upsample_mode, _ = LEGACY_VERSIONS[config.refiner_legacy_v or legacy_v]
        options['refiner'] = {**refiner, 'upsample_mode': upsample_mode}


def _matched_state(
    options: dict[str, Any],
    parts: Mapping[str, Part],
    *,
    coarsest_level: int = 0,
    gelu_first: bool = False,
) -> dict[str, Tensor]:
    """The state of the network with these options; each key has exactly one tensor in the file."""
    net = _network_without_memory(options)
    expected: dict[Key, tuple[str, tuple[int, ...]]] = {}
    for ours, tensor in net.state_dict().items():
        key = authors_name(ours, coarsest_level=coarsest_level, discriminator='pdisc' in parts, gelu_first=gelu_first)
        expected[key] = (ours, tuple(tensor.shape))
    found = {(part, name): tensor for part in parts for name, tensor in parts[part].tensors.items()}
    _refuse(found.keys() - expected.keys(), 'is foreign: nothing of that name in a network of these sizes')
    missing = [key for key in expected if key not in found]
    if missing:
        _refuse(missing, f'is missing: expected a tensor of shape {expected[min(missing)][1]}')
    for key, (_, shape) in expected.items():
        if tuple(found[key].shape) != shape:
            _refuse([key], f'has shape {tuple(found[key].shape)}: expected {shape}')
    # Copied: torch.save would write the whole storage even if a tensor uses only part of it.
    state = {
        ours: found[key].detach().to(torch.float32, copy=True, memory_format=torch.contiguous_format)
        for key, (ours, _) in expected.items()
    }
    net.load_state_dict(state, strict=True, assign=True)
    return state


def _network_without_memory(options: Mapping[str, Any]) -> nn.Module:
    """The network on the meta device."""
    options = dict(options)
    try:
        with torch.device('meta'):
            if 'refiner' in options:
                options['refiner'] = _network_without_memory(options['refiner'])
            return ARCHS.build(options)
    except (ValueError, TypeError) as error:
        raise AuthorsCheckpointError(f'the sizes read from the file make no network: {error}') from error


def _refuse(keys: Collection[Key], fault: str) -> None:
    """Raise with the first of the keys, as in the file; do nothing if there is none."""
    if not keys:
        return
    part, name = min(keys)
    more = f' (and {len(keys) - 1} more)' if len(keys) > 1 else ''
    raise AuthorsCheckpointError(f'{_PATHS[part]}: key {name!r}{more} {fault}')


def _kind(value: object) -> str:
    return f'of type {type(value).__name__}'
