"""Build a timm backbone from a file of weights, without a network connection."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Optional

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from hcl_arch.archs.hcl import efficientnet_lite
from hcl_arch.archs.hcl.efficientnet_lite import EfficientNetLite0
from hcl_arch.utils.apart import Apart
from hcl_arch.utils.checkpoint_file import CheckpointFileError, load_checkpoint
from hcl_arch.utils.extras import of_extra

# Under which a file may hold its tensors.
_ENTRIES = ('state_dict', 'model', 'params_ema', 'params')
_COUNTER = 'num_batches_tracked'


def build_backbone(name: str, weights: Optional[str], strides: Sequence[int]) -> tuple[nn.Module, list[int], list[int]]:
    """Build a backbone that gives feature maps.

    Args:
        name: In timm.
        weights: File, or None for random weights.
        strides: Of the levels that ask for feature maps, fine to coarse, each twice the one before.

    Returns:
        The backbone, which of its maps belong to the coarser levels, and their widths; finer levels than its finest
        have none.

    Raises:
        ValueError: As :class:`TimmEncoder`.
        FileNotFoundError: If there is no such file.
    """
    if name == efficientnet_lite.NAME and weights is None:
        return EfficientNetLite0(), *_taken(name, strides, efficientnet_lite.REDUCTIONS, efficientnet_lite.CHANNELS)
    with of_extra('train', f'backbone {name}'):
        import timm  # slow to import

    _check_name(name)
    overlay: dict[str, Any] = {}
    if weights is not None:
        overlay = {'state_dict': _read_weights(name, weights)}
    try:
        backbone: Any = timm.create_model(
            name, features_only=True, pretrained=bool(overlay), pretrained_cfg_overlay=overlay or None
        )
    except (RuntimeError, NotImplementedError, AttributeError) as error:
        raise ValueError(f'backbone: {name} of timm gives no feature maps ({error}); choose another one.') from error
    return backbone, *_taken(name, strides, backbone.feature_info.reduction(), backbone.feature_info.channels())


def _taken(
    name: str, strides: Sequence[int], reductions: Sequence[int], channels: Sequence[int]
) -> tuple[list[int], list[int]]:
    """Which of a backbone's maps belong to the levels that it reaches, and their widths."""
    wanted = [stride for stride in strides if stride >= min(reductions)]
    missing = [stride for stride in wanted if stride not in reductions]
    if missing or not wanted:
        raise ValueError(
            f'backbone: {name} has feature maps at strides {list(reductions)}, but n_conv_stages, dim_mults and '
            f'context_widths ask for {list(strides)}.'
        )
    taken = [reductions.index(stride) for stride in wanted]
    return taken, [channels[index] for index in taken]


def normalisation(name: str) -> tuple[Sequence[float], Sequence[float]]:
    """Mean and deviation, by channel, of the images in [0, 1] that a backbone was trained on."""
    if name == efficientnet_lite.NAME:
        return efficientnet_lite.MEAN, efficientnet_lite.STD
    with of_extra('train', f'backbone {name}'):
        import timm

    config = timm.get_pretrained_cfg(name)
    if config is None:
        return timm.data.IMAGENET_DEFAULT_MEAN, timm.data.IMAGENET_DEFAULT_STD
    return config.mean, config.std


def _check_name(name: str) -> None:
    import timm

    if not isinstance(name, str) or not timm.is_model(name):
        near = difflib.get_close_matches(str(name), timm.list_models(), n=3)
        hint = f'did you mean {" or ".join(near)}?' if near else 'timm.list_models() lists them.'
        raise ValueError(f'backbone: timm {timm.__version__} has no model {name!r}; {hint}')


def _read_weights(name: str, path: str) -> dict[str, Tensor]:
    """The tensors of a file under the names that timm's model has."""
    import timm

    if not Path(path).is_file():
        raise FileNotFoundError(f'backbone_weights: there is no file {path}; give the weights of {name}.')
    state = {key: value for key, value in _load_state(path).items() if not key.endswith(_COUNTER)}
    with Apart('meta'):
        model = timm.create_model(name)
    expected = {key: value.shape for key, value in model.state_dict().items() if not key.endswith(_COUNTER)}
    shapes = {key: value.shape for key, value in state.items()}
    if shapes == expected:
        return state
    # Another program's names: the same tensors in the same order.
    if list(shapes.values()) == list(expected.values()):
        return dict(zip(expected, state.values()))
    raise ValueError(f'backbone_weights: {path} does not fit backbone {name}: {_first_difference(shapes, expected)}.')


def _load_state(path: str) -> dict[str, Tensor]:
    try:
        found: Any = load_file(path) if path.endswith('.safetensors') else load_checkpoint(path)
    except (OSError, CheckpointFileError, SafetensorError) as error:
        raise ValueError(f'backbone_weights: {path} cannot be read as weights: {error}') from error
    for entry in _ENTRIES:
        if isinstance(found, Mapping) and isinstance(found.get(entry), Mapping):
            found = found[entry]
    if not isinstance(found, Mapping) or not all(isinstance(value, Tensor) for value in found.values()):
        raise ValueError(f'backbone_weights: {path} holds no named tensors; expected the state dict of a backbone.')
    return {str(key).removeprefix('module.'): value for key, value in found.items()}


def _first_difference(shapes: Mapping[str, torch.Size], expected: Mapping[str, torch.Size]) -> str:
    if len(shapes) != len(expected):
        return f'it holds {len(shapes)} tensors, expected {len(expected)}'
    for (name, shape), (key, wanted) in zip(shapes.items(), expected.items()):
        if shape != wanted:
            return f'its {name} is {tuple(shape)} where {key} of {tuple(wanted)} is expected'
    return 'its tensors have other names and another order'
