"""Reading and writing of safetensors files, completely or not at all; nothing in them is ever run."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np
from safetensors import SafetensorError

from hcl_arch.model_files.errors import ModelFileError
from hcl_arch.utils.atomic_file import atomic_file
from hcl_arch.utils.json_text import load_json
from hcl_arch.utils.regular_file import check_regular_file, read_regular_file, reason_of

if TYPE_CHECKING:
    from torch import Tensor

SUFFIX = '.safetensors'
_Array = TypeVar('_Array')
# A file begins with the length of its header, as eight bytes in little-endian order.
_LENGTH_BYTES = 8
# For a network with a thousand layers it is a few hundred KiB; a longer one would only keep a reader busy.
_MAX_HEADER_BYTES, _MAX_HEADER_VALUES = 4 * 2**20, 10**6
_MAX_FILE_BYTES = 8 * 2**30


class Header(NamedTuple):
    """The header of a file."""

    metadata: dict[str, str]
    """Texts by their keys."""
    size: int
    """Of the file, in bytes."""


def read_header(path: Path) -> Header:
    """Read the metadata, and check that the file is complete; its tensors are not read.

    Raises:
        ModelFileError: It cannot be read, is no safetensors file, or is damaged.
    """
    try:
        check_regular_file(path, max_bytes=_MAX_FILE_BYTES)
        with path.open('rb') as file:
            size = os.fstat(file.fileno()).st_size
            length = _header_length(path, file.read(_LENGTH_BYTES), size)
            text = file.read(length)
    except OSError as error:
        raise ModelFileError(f'{path}: cannot be read: {reason_of(error)}.') from error
    return Header(_checked_metadata(path, text, size - _LENGTH_BYTES - length), size)


def read_tensors(path: Path) -> tuple[Header, dict[str, Tensor]]:
    """Read a file.

    Returns:
        Its header, and its tensors as stored, on the CPU.

    Raises:
        ModelFileError: It cannot be read, is no safetensors file, or is damaged.
    """
    import safetensors.torch

    return _read(path, safetensors.torch.load)


def read_arrays(path: Path) -> tuple[Header, dict[str, np.ndarray]]:
    """Like :func:`read_tensors`, without PyTorch; of bfloat16, which NumPy lacks, it knows nothing.

    Raises:
        ModelFileError: As there.
    """
    import safetensors.numpy

    return _read(path, safetensors.numpy.load)


def _read(path: Path, load: Callable[[bytes], dict[str, _Array]]) -> tuple[Header, dict[str, _Array]]:
    header = read_header(path)
    try:
        return header, load(read_regular_file(path, max_bytes=_MAX_FILE_BYTES))
    except OSError as error:
        raise ModelFileError(f'{path}: cannot be read: {reason_of(error)}.') from error
    # The library supports number types that PyTorch or NumPy lacks (KeyError); its checks are less than it claims.
    except (SafetensorError, KeyError, ValueError, TypeError, RuntimeError) as error:
        raise ModelFileError(f'{path}: is damaged, get it again ({" ".join(str(error).split())}).') from error


def write_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write a file, completely or not at all; the folder must exist.

    Raises:
        ModelFileError: It cannot be written.
    """
    import safetensors.torch

    # Copied, because the format supports neither strides nor shared storages.
    content = safetensors.torch.save(
        {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}, dict(metadata)
    )
    try:
        with atomic_file(path) as file:
            file.write(content)
    except OSError as error:
        raise ModelFileError(f'{path}: cannot be written: {reason_of(error)}.') from error


def _header_length(path: Path, prefix: bytes, size: int) -> int:
    length = int.from_bytes(prefix, 'little')
    if len(prefix) < _LENGTH_BYTES or not 2 <= length <= min(size - _LENGTH_BYTES, 2**40):
        raise ModelFileError(f'{path}: is no safetensors file, or cut short; expected one with a network in it.')
    if length > _MAX_HEADER_BYTES:
        raise ModelFileError(
            f'{path}: its header is {length:,} bytes long, expected at most {_MAX_HEADER_BYTES:,}: no model of ours.'
        )
    return length


def _checked_metadata(path: Path, text: bytes, n_data: int) -> dict[str, str]:
    """The metadata of a header whose tensors fill ``n_data`` bytes."""
    try:
        header = load_json(text, max_values=_MAX_HEADER_VALUES)
    except ValueError as error:
        raise ModelFileError(f'{path}: is no safetensors file: its header is no JSON.') from error
    metadata = header.pop('__metadata__', {}) if isinstance(header, dict) else None
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise ModelFileError(f'{path}: is no safetensors file: its header does not hold tensors and texts.')
    ends = [_end(entry) for entry in header.values()]
    if None in ends:
        raise ModelFileError(f'{path}: is no safetensors file: its header does not say where the tensors are.')
    needed = max(ends, default=0)
    if needed != n_data:
        raise ModelFileError(f'{path}: is damaged, get it again: expected {needed:,} bytes of tensors, got {n_data:,}.')
    return metadata


def _end(entry: Any) -> Any:
    """The end position of a tensor, None if its entry is invalid."""
    offsets = entry.get('data_offsets') if isinstance(entry, dict) else None
    if not isinstance(offsets, list) or len(offsets) != 2 or not all(type(offset) is int for offset in offsets):
        return None
    return offsets[1]
