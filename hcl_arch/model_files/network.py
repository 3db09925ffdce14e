"""Building of networks from untrusted options: everything is checked before memory is allocated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor, nn

from hcl_arch.archs.registry import ARCHS
from hcl_arch.model_files.state import check_state
from hcl_arch.option_checks.files import is_file_argument
from hcl_arch.option_checks.network_inspection import inspect_network
from hcl_arch.option_checks.signatures import Arguments
from hcl_arch.utils.apart import Apart

# Arguments that a restorer passes to a network besides the images.
_CALL = ('return_all', 'true_mask', 'guidance', 'reverse', 'restore')
# Limit of quantities not visible in a file's tensors: indices of attention windows, rounds, sides of tiles.
_MOST_DERIVED_BYTES = 2**28
_MOST_ROUNDS = 100
_MOST_MULTIPLE = 1024


def without_files(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options without files of weights, which a trained network's state replaces."""
    kept: dict[str, Any] = {}
    for key, value in options.items():
        if is_file_argument(key) or key.endswith('_param_key'):
            continue
        kept[key] = without_files(value) if isinstance(value, Mapping) else value
    return kept


def build_trained(options: Mapping[str, Any], state: Mapping[str, Tensor]) -> nn.Module:
    """The network of these options with this state.

    Args:
        options: ``type`` and its arguments, without files.
        state: Its tensors, of any floating-point type; they are converted to float32.

    Returns:
        The network in evaluation mode, on the CPU, in float32.

    Raises:
        ValueError: If the options or the tensors do not make a network; one line, without the file's name.
    """
    state = check_state(check_network(options), state)
    # Random initial weights, which are replaced at once, must not change the user's random state.
    with Apart():
        network = _built(options).float()
    network.load_state_dict(state, strict=True)
    return network.eval().requires_grad_(False)


def check_network(options: Mapping[str, Any]) -> nn.Module:
    """The network on torch's ``meta`` device, without memory.

    Raises:
        ValueError: If the options do not make a network for blind restoration, or one whose size is not accounted for
            by anything in a file.
    """
    for place in _files(options, 'network'):
        raise ValueError(f'{place}: names a file, which a model file must not; expected all weights inside.')
    problems, network = inspect_network(options, ('network',))
    if problems:
        raise ValueError(problems[0])
    if network is None:
        found = options['type']
        raise ValueError(f'network: {found} or a network in it cannot be checked before it is built; expected HCLNet.')
    parameters = Arguments.of(network.forward)
    if not parameters.takes_any and not set(_CALL) <= set(parameters.parameters):
        raise ValueError(
            f'network: {options["type"]} is no network for blind restoration; expected one such as HCLNet, '
            'DetectThenRestore or VCNet.'
        )
    _check_bounds(options, network)
    return network


def _files(options: Mapping[str, Any], place: str) -> Iterator[str]:
    for key, value in options.items():
        if isinstance(value, Mapping):
            yield from _files(value, f'{place}: {key}')
        elif is_file_argument(key) and value is not None:
            yield f'{place}: {key}'


def _check_bounds(options: Mapping[str, Any], network: nn.Module) -> None:
    kept = set(network.state_dict())
    derived = sum(buffer.nbytes for name, buffer in network.named_buffers() if name not in kept)
    if derived > _MOST_DERIVED_BYTES:
        raise ValueError(
            f'network: its attention windows take {derived:,} bytes, expected at most {_MOST_DERIVED_BYTES:,}; '
            'see window_size.'
        )
    for module in network.modules():
        for name, most in (
            ('size_multiple', _MOST_MULTIPLE), ('restorer_multiple', _MOST_MULTIPLE),
            ('kmeans_iters', _MOST_ROUNDS), ('kmeans_repeats', _MOST_ROUNDS),
        ):  # fmt: skip
            value = getattr(module, name, 0)
            if isinstance(value, int) and value > most:
                raise ValueError(f'network: {name} is {value:,}, expected at most {most:,}.')


def _built(options: Mapping[str, Any]) -> nn.Module:
    """The network, including networks described in its options."""
    return ARCHS.build({
        key: _built(value) if isinstance(value, Mapping) and 'type' in value else value
        for key, value in options.items()
    })  # fmt: skip
