"""Weights of a network, from every form of file that this package writes, or by the name of a model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Optional

import safetensors
import safetensors.torch
from torch import Tensor, nn

from hcl_arch.utils.checkpoint_file import CheckpointFileError, load_checkpoint
from hcl_arch.utils.json_text import load_json
from hcl_arch.utils.model_folders import SUFFIX, named_model
from hcl_arch.utils.option_file import OptionFileError, read_option_file
from hcl_arch.utils.option_lines import shown
from hcl_arch.utils.regular_file import read_regular_file

_MOST_BYTES = 8 * 2**30
_MOST_OPTIONS = 5


def weights_path(name: str) -> Path:
    """The file that an option names by its path or, of a model, by its name."""
    return named_model(name) or Path(name)


def load_weights(path: Path) -> object:
    """Load what a file of weights holds, as BasicSR's have it: the tensors under `params`.

    Raises:
        OSError: It cannot be read.
        CheckpointFileError: It is no such file; without the file's name.
    """
    if path.suffix != SUFFIX:
        return load_checkpoint(path)
    try:
        return {'params': safetensors.torch.load(read_regular_file(path, max_bytes=_MOST_BYTES))}
    except OSError:
        raise
    except Exception as error:  # the library checks less than it claims
        raise CheckpointFileError(f'damaged or no safetensors file ({" ".join(str(error).split())})') from error


def entry_of(content: Any, key: Optional[str]) -> Mapping[str, Any]:
    """The tensors of an entry, or of `params` if there is no such; of the whole content without a key, as in BasicSR.

    Raises:
        ValueError: There are none.
    """
    entries = content if isinstance(content, Mapping) else {}
    state = content if key is None else entries.get(key, entries.get('params'))
    if not isinstance(state, Mapping) or not state or not all(isinstance(value, Tensor) for value in state.values()):
        found = ', '.join(str(name)[:60] for name in [*entries][:4]) or 'none'
        raise ValueError(f'has no named tensors under {key or "its top"}; found {found}')
    return {str(name).removeprefix('module.'): value for name, value in state.items()}


def stored_options(path: Path) -> Optional[Mapping[str, Any]]:
    """The options of the network in a file: those inside, or of the experiment's one option file; None if unknown."""
    try:
        if path.suffix == SUFFIX:
            with safetensors.safe_open(path, 'pt') as file:
                network = load_json((file.metadata() or {}).get('network', 'null'))
        else:
            files = [*path.absolute().parent.parent.glob('*.yml')]
            network = read_option_file(files[0]).get('network_g') if len(files) == 1 else None
    except (OSError, ValueError, OptionFileError, safetensors.SafetensorError):
        return None
    return network if isinstance(network, Mapping) else None


def misfit(
    network: nn.Module,
    state: Mapping[str, Any],
    *,
    options: Optional[Mapping[str, Any]] = None,
    stored: Optional[Mapping[str, Any]] = None,
) -> Optional[str]:
    """Say in one line how a file's tensors differ from those of a network; None if they fit.

    Args:
        network: It.
        state: Of the file.
        options: Of the network, as in an option file.
        stored: Those of the file's network.
    """
    expected = network.state_dict()
    found = {str(name).removeprefix('module.'): value for name, value in state.items()}
    shapes = {name: tuple(value.shape) if isinstance(value, Tensor) else None for name, value in found.items()}
    wrong = [name for name in {**expected, **shapes} if name not in shapes or name not in expected
             or shapes[name] != tuple(expected[name].shape)]  # fmt: skip
    if not wrong:
        return None
    first = wrong[0]
    here = tuple(expected[first].shape) if first in expected else 'missing'
    there = shapes.get(first, 'missing')
    text = (
        f'{len(wrong)} of {len({**expected, **shapes})} tensors differ, first {first}: {there} in the file, {here} here'
    )
    differing = _differences(stored or {}, options or {}) if stored and options else []
    return '; '.join([*differing[:_MOST_OPTIONS], text])


def _differences(stored: Mapping[str, Any], options: Mapping[str, Any], place: str = '') -> list[str]:
    found = []
    for key in {**stored, **options}:
        one, other = stored.get(key), options.get(key)
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            found += _differences(one, other, f'{place}{key}: ')
        elif _plain(one) != _plain(other) and not key.endswith(('_weights', '_param_key')):
            there = shown(_plain(one)) if key in stored else 'the default'
            here = shown(_plain(other)) if key in options else 'the default'
            found.append(f'the file has {place}{key} {there}, the options {here}')
    return found


def _plain(value: Any) -> Any:
    return [*map(_plain, value)] if isinstance(value, (list, tuple)) else value
