"""Parts of a network: built from options, with weights from files of the part or of a whole network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Optional, Union

from torch import Tensor, nn

from hcl_arch.archs.registry import ARCHS
from hcl_arch.utils.checkpoint_file import CheckpointFileError
from hcl_arch.utils.weights_file import load_weights, misfit, weights_path


def build_part(option: str, network: Union[nn.Module, Mapping[str, Any]]) -> nn.Module:
    """A network as it is, or built from options with a registered ``type``; the error names the option."""
    if isinstance(network, nn.Module):
        return network
    if not isinstance(network, Mapping) or 'type' not in network:
        raise ValueError(f'{option} must be a network or options with a registered `type`, got {network!r}.')
    return ARCHS.build(network)


def load_part(
    part: str, network: nn.Module, path: Optional[str], param_key: Optional[str] = None, *, option: Optional[str] = None
) -> None:
    """Load a part's weights from its own checkpoint, or from that of a network which holds it under a name.

    Args:
        part: This name, such as ``restorer``.
        network: The part.
        path: File (.pth, .safetensors) or a model's name; None loads nothing.
        param_key: Entry of the file; by default ``params_ema`` if it exists, else ``params``.
        option: What the option is called that gives the path, for errors; by default after the part.

    Raises:
        ValueError: If the file does not fit; the message names the option and the file.
        FileNotFoundError: If it does not exist.
    """
    option = option or f'{part}_weights'
    if path is None:
        if param_key is not None:
            raise ValueError(f'{part}_param_key chooses an entry of {option}, which is not given.')
        return
    state = _read_state(option, path, param_key)
    state = {name[len('module.') :] if name.startswith('module.') else name: value for name, value in state.items()}
    prefix = f'{part}.'
    if any(name.startswith(prefix) for name in state):
        state = {name[len(prefix) :]: value for name, value in state.items() if name.startswith(prefix)}
    wrong = misfit(network, state)
    if wrong:
        raise ValueError(f'{option}: {path} does not fit this {type(network).__name__}: {wrong}.')
    network.load_state_dict(state)


def _read_state(option: str, path: str, param_key: Optional[str]) -> dict[str, Tensor]:
    """The entry `param_key` of a checkpoint, by default `params_ema` or else `params`."""
    file = weights_path(path)
    if not file.is_file():
        raise FileNotFoundError(f'{option}: there is no file {path}, nor a model of this name.')
    try:
        checkpoint = load_weights(file)
    except (OSError, CheckpointFileError) as error:
        raise ValueError(f'{option}: {path} cannot be read as a checkpoint: {error}') from error
    entries: Mapping[Any, Any] = checkpoint if isinstance(checkpoint, Mapping) else {}
    wanted = [param_key] if param_key else ['params_ema', 'params']
    for key in wanted:
        state = entries.get(key)
        if isinstance(state, Mapping):
            _check_tensors(option, path, key, state)
            return dict(state)
    raise ValueError(
        f'{option}: {path} has no entry {" or ".join(wanted)}; expected a checkpoint of BasicSR, '
        f'found entries {list(entries)[:5]}.'
    )


def _check_tensors(option: str, path: str, key: str, state: Mapping[Any, Any]) -> None:
    """Refuse an entry that holds anything but named tensors."""
    for name, value in state.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            found = type(value).__name__
            raise ValueError(f'{option}: {path}, entry {key}: expected named tensors, found {found} under {name!r}.')
