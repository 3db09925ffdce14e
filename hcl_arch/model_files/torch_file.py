"""Files of torch.save: networks of BasicSR, with options in another file, and the authors' checkpoints."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, Optional

from hcl_arch.model_files.authors_conversion import convert_checkpoint
from hcl_arch.model_files.authors_sizes import AuthorsCheckpointError
from hcl_arch.model_files.errors import ModelFileError
from hcl_arch.model_files.network import without_files
from hcl_arch.model_files.state import check_stored_whole
from hcl_arch.utils.checkpoint_file import CheckpointFileError, load_checkpoint
from hcl_arch.utils.option_file import OptionFileError, read_option_file
from hcl_arch.utils.regular_file import reason_of

# Keys of the weights' running mean, which is used in tests, and of the weights themselves.
_ENTRIES = ('params_ema', 'params')
_NETWORK = 'network_g'


class TorchFile(NamedTuple):
    """The content of a file and of the options that belong to it."""

    network: dict[str, Any]
    """Options with ``type``."""
    state: Mapping[str, Any]
    """Tensors by their names, not yet checked."""
    name: str
    """Of the experiment, or of the file."""
    info: dict[str, Any]
    """Remarks."""


def read_torch_file(path: Path, options: Optional[Path]) -> TorchFile:
    """Read a file of BasicSR or of the authors' program.

    Args:
        path: The file.
        options: See ``load_model``.

    Raises:
        ModelFileError: It cannot be read, is neither, or no option file is found for it.
        ValueError: Its tensors claim more data than it can hold.
    """
    try:
        content = load_checkpoint(path)
    except OSError as error:
        raise ModelFileError(f'{path}: cannot be read: {reason_of(error)}.') from error
    except CheckpointFileError as error:
        raise ModelFileError(f'{path}: {error}.') from error
    check_stored_whole(content, path.stat().st_size)
    if isinstance(content, Mapping) and 'inpaintnet' in content:
        return _of_authors(path, content, options)
    return _of_basicsr(path, content, options)


def _of_authors(path: Path, content: Mapping[str, Any], options: Optional[Path]) -> TorchFile:
    if options is not None:
        raise ModelFileError(f"{path}: is a checkpoint of the authors' program, which needs no option file.")
    try:
        conversion = convert_checkpoint(content)
    except AuthorsCheckpointError as error:
        raise ModelFileError(f'{path}: {error}.') from error
    info = {'description': "converted from a checkpoint of the authors' program"}
    return TorchFile(conversion.network_g, conversion.params_g, path.stem, info)


def _of_basicsr(path: Path, content: object, options: Optional[Path]) -> TorchFile:
    entries: Mapping[Any, Any] = content if isinstance(content, Mapping) else {}
    state = next((entries[key] for key in _ENTRIES if isinstance(entries.get(key), Mapping)), None)
    if state is None:
        found = ', '.join(repr(key) for key in list(entries)[:4]) or 'none of a mapping'
        raise ModelFileError(
            f"{path}: expected a network of BasicSR ('params' or 'params_ema') or a checkpoint of the authors' program "
            f"('inpaintnet'), found {found}."
        )
    options = options or _option_file_beside(path)
    network, name = _read_network(options)
    return TorchFile(network, state, name or path.stem, {})


def _option_file_beside(path: Path) -> Path:
    """The option file that BasicSR copied into the experiment's folder, whose networks are in its models/."""
    folder = path.absolute().parent.parent
    found = sorted(file for pattern in ('*.yml', '*.yaml') for file in folder.glob(pattern))
    if len(found) == 1:
        return found[0]
    what = 'none' if not found else ', '.join(file.name for file in found[:4])
    raise ModelFileError(
        f"{path}: expected the experiment's one option file in {folder}, found {what}; name one (--options)."
    )


def _read_network(path: Path) -> tuple[dict[str, Any], Optional[str]]:
    """Options of the network in an option file, and the experiment's name if there is one."""
    try:
        options = read_option_file(path)
    except OptionFileError as error:
        raise ModelFileError(str(error)) from error
    network = options.get(_NETWORK, options if 'type' in options else None)
    if not isinstance(network, Mapping):
        raise ModelFileError(f'option file {path}: expected a section {_NETWORK} with the options of the network.')
    name = options.get('name')
    return without_files(network), name if isinstance(name, str) and _NETWORK in options else None
