"""Conversion of the published weights of the paper's baselines."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Literal, Optional, get_args

import torch
from torch import Tensor

from hcl_arch.archs.baselines.vgg_hypercolumn import VGG_DIMS, FrozenVGG19
from hcl_arch.archs.registry import ARCHS
from hcl_arch.model_files.authors_conversion import Conversion
from hcl_arch.model_files.authors_sizes import AuthorsCheckpointError
from hcl_arch.model_files.official_names import OfficialNetwork, from_official
from hcl_arch.model_files.tensorflow_names import dhan_names, sirf_names, state_of

Baseline = Literal['BS2AM', 'BVMR', 'DHAN', 'MPRNet', 'SIRF', 'SplitThenRefine']
State = dict[str, Tensor]

_TENSORFLOW: dict[str, Callable[[], dict[str, str]]] = {'DHAN': dhan_names, 'SIRF': sirf_names}
_OURS_OF_VGG = 'vgg.'
_LICENCES = 'These weights have a licence of their own, that of their authors, which may forbid to pass them on.'
_STAND_IN = (
    'The VGG-19 is that of --vgg, which stands for the one that these weights were trained with: expect other results '
    'than the published ones.'
)


def convert_baseline(checkpoint: object, network: Baseline, *, vgg: Optional[str] = None) -> Conversion:
    """Read the sizes of a network from its published weights, and rename its tensors.

    Args:
        checkpoint: A state dict, or a mapping that holds one as ``state_dict``; for SIRF and DHAN the variables of
            TensorFlow's checkpoint by name.
        network: Which network it is.
        vgg: For SIRF and DHAN: a file of torchvision's VGG-19, needed if the variables have no ``vgg19/...``.

    Raises:
        AuthorsCheckpointError: If a tensor is missing, left over or of the wrong shape, or there is no VGG-19.
        ValueError: If ``network`` is none of these.
    """
    if network not in get_args(Baseline):
        raise ValueError(f'network: expects one of {", ".join(get_args(Baseline))}, got {network!r}.')
    state = _state_of(checkpoint)
    notes = [_LICENCES]
    try:
        options = {'type': network, **_SIZES[network](state)}
        with torch.device('meta'):
            net = ARCHS.build(dict(options))
    except KeyError as error:
        raise AuthorsCheckpointError(f'no {network}: tensor {error} is missing') from error
    except (ValueError, IndexError, ZeroDivisionError) as error:
        raise AuthorsCheckpointError(f'no {network}: sizes that are none: {error}') from error
    shapes = {name: tuple(value.shape) for name, value in net.state_dict().items()}
    if network in _TENSORFLOW:
        params = _from_tensorflow(network, shapes, state, vgg, notes)
    else:
        params = _from_torch(network, net, state)  # type: ignore[arg-type]  # the others are TensorFlow's
    for name, value in params.items():
        if tuple(value.shape) != shapes[name]:
            raise AuthorsCheckpointError(f'no {network}: {name} is of {tuple(value.shape)}, expected {shapes[name]}')
    params = {name: value.contiguous() for name, value in params.items()}
    return Conversion(network_g=options, params_g=params, network_d=None, params_d={}, notes=notes)


def _state_of(checkpoint: object) -> State:
    """The state dict in a file, without a prefix ``module.``."""
    if isinstance(checkpoint, Mapping) and isinstance(checkpoint.get('state_dict'), Mapping):
        checkpoint = checkpoint['state_dict']
    if not isinstance(checkpoint, Mapping) or not all(isinstance(value, Tensor) for value in checkpoint.values()):
        raise AuthorsCheckpointError("expected a state dict, or a dict that has one as 'state_dict'")
    return {str(name).removeprefix('module.'): value for name, value in checkpoint.items()}


def _from_torch(network: OfficialNetwork, net: torch.nn.Module, state: State) -> State:
    try:
        return from_official(network, net, state)
    except KeyError as error:
        raise AuthorsCheckpointError(str(error.args[0])) from error


def _from_tensorflow(
    network: str, shapes: Mapping[str, tuple[int, ...]], state: State, vgg: Optional[str], notes: list[str]
) -> State:
    names = _TENSORFLOW[network]()
    params: State = {}
    if not any(name.startswith('vgg19/') for name in state):
        if vgg is None:
            raise AuthorsCheckpointError("holds no VGG-19, which is part of the network: name torchvision's by --vgg")
        try:
            frozen = FrozenVGG19(vgg)
        except (FileNotFoundError, ValueError) as error:
            raise AuthorsCheckpointError(str(error)) from error
        params = {f'{_OURS_OF_VGG}{name}': value for name, value in frozen.state_dict().items()}
        names = {ours: theirs for ours, theirs in names.items() if not ours.startswith(_OURS_OF_VGG)}
        notes.append(_STAND_IN)
    missing = [theirs for theirs in names.values() if theirs not in state]
    if missing:
        raise AuthorsCheckpointError(f'no {network}: missing {missing[:3]} ({len(missing)} in all)')

    def stored(name: str, shape: tuple[int, ...]) -> Tensor:
        if tuple(state[name].shape) != shape:
            raise AuthorsCheckpointError(f'no {network}: {name} is of {tuple(state[name].shape)}, expected {shape}')
        return state[name]

    # Moving averages, optimizers and discriminators, which these files also hold, are ignored.
    return {**params, **state_of(shapes, names, stored)}


# ------------------------------------------------------------------ sizes


def _count(state: State, pattern: str) -> int:
    """Number of tensors with a name of this form."""
    return sum(re.fullmatch(pattern, name) is not None for name in state)


def _reduction(state: State, name: str, *, inputs: int = 1) -> int:
    """Reduction of a gate's first linear layer, which takes ``inputs`` numbers per channel."""
    hidden, width = state[name].shape
    return width // inputs // hidden


def _mprnet_sizes(state: State) -> dict[str, Any]:
    dim = state['shallow_feat1.0.weight'].shape[0]
    return {
        'dim': dim,
        'dim_step': state['stage1_encoder.down12.down.1.weight'].shape[0] - dim,
        'last_dim_step': state['tail.weight'].shape[1] - dim,
        'n_blocks': _count(state, r'stage3_orsnet\.orb1\.body\.\d+\.CA\.conv_du\.0\.weight'),
        'reduction': dim // state['shallow_feat1.1.CA.conv_du.0.weight'].shape[0],
    }


def _unet_sizes(state: State) -> dict[str, Any]:
    return {
        'dim': state['encoder.down_convs.0.conv1.weight'].shape[0],
        'n_units': _count(state, r'encoder\.down_convs\.0\.conv2\.\d+\.weight'),
    }


def _bvmr_sizes(state: State) -> dict[str, Any]:
    return {**_unet_sizes(state), 'predict_motif': 'vm_decoder.conv_final.weight' in state}


def _split_then_refine_sizes(state: State) -> dict[str, Any]:
    attention = 's2am.s2am2.background_attention.fc.0.weight'
    return {
        **_unet_sizes(state),
        'gate_reduction': _reduction(state, 'shared_decoder.im_atts.0.fc.0.weight'),
        'attention_reduction': _reduction(state, attention, inputs=2),
    }


def _bs2am_sizes(state: State) -> dict[str, Any]:
    gate = 'model.model.sub.model.attention.background_attention.fc.0.weight'
    return {
        'dim': state['model.model.down.0.weight'].shape[0],
        'n_levels': _count(state, r'.*\.up\.1\.weight'),
        'reduction': _reduction(state, gate, inputs=2),
    }


def _hypercolumn_sizes(state: State) -> dict[str, Any]:
    vgg = [f'vgg19/conv{group}_1/weights' for group in range(1, len(VGG_DIMS) + 1)]
    options: dict[str, Any] = {'dim': state['g_conv1/weights'].shape[-1], 'bgr': True}
    if vgg[0] in state:
        options['vgg_dims'] = [state[name].shape[-1] for name in vgg]
    return options


_SIZES: dict[str, Callable[[State], dict[str, Any]]] = {
    'BS2AM': _bs2am_sizes,
    'BVMR': _bvmr_sizes,
    'DHAN': _hypercolumn_sizes,
    'MPRNet': _mprnet_sizes,
    'SIRF': _hypercolumn_sizes,
    'SplitThenRefine': _split_then_refine_sizes,
}
