"""Option files as models: networks with the weights that the options name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from hcl_arch.archs.registry import ARCHS
from hcl_arch.model_files.errors import ModelFileError
from hcl_arch.model_files.network import without_files
from hcl_arch.model_files.torch_file import TorchFile, read_torch_file
from hcl_arch.option_checks.files import is_file_argument
from hcl_arch.utils.apart import Apart
from hcl_arch.utils.option_file import OptionFileError, read_option_file

# Weights that a network begins with, and is no more than begun with.
_BEGINNINGS = ('backbone_weights', 'vgg_weights')


def read_option_file_model(path: Path) -> TorchFile:
    """Build the network of an option file and take its state.

    Args:
        path: An option file, as for ``hcl-test``, whose ``network_g`` names files of weights
            (``DetectThenRestore`` with ``detector_weights`` and ``restorer_weights``), or whose
            ``path: pretrain_network_g`` names those of all.

    Raises:
        ModelFileError: If it cannot be read, or names no weights, or those of one part only.
        ValueError: If the network or a file of weights does not fit.
    """
    try:
        options = read_option_file(path)
    except OptionFileError as error:
        raise ModelFileError(str(error)) from error
    network = options.get('network_g')
    if not isinstance(network, dict):
        raise ModelFileError(f'option file {path}: expected a section network_g with the options of the network.')
    if without_files(network) == network:
        paths = options.get('path')
        whole = paths.get('pretrain_network_g') if isinstance(paths, Mapping) else None
        if isinstance(whole, str):
            return read_torch_file(Path(whole), path)
        raise ModelFileError(
            f'option file {path}: neither its network_g nor path: pretrain_network_g names weights; give the .pth file '
            'itself, with the option file beside it.'
        )
    name = options.get('name')
    with Apart():
        state = ARCHS.build(network).state_dict()
    _check_parts(path, network, state)
    return TorchFile(without_files(network), state, name if isinstance(name, str) else path.stem, {})


def _check_parts(path: Path, network: Mapping[str, Any], state: Iterable[str]) -> None:
    """Refuse a detector or a restorer without weights, which would be a random one."""
    for part in ('detector', 'restorer'):
        options = network.get(part)
        if not isinstance(options, Mapping) or network.get(f'{part}_weights'):
            continue
        is_file = any(is_file_argument(key) and value and key not in _BEGINNINGS for key, value in options.items())
        if not is_file and any(name.startswith(f'{part}.') for name in state):
            raise ModelFileError(
                f'option file {path}: its {part} has no weights and would be a random one; name a trained file in '
                f'network_g: {part}_weights.'
            )
