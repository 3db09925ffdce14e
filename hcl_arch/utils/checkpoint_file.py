"""Load untrusted files of torch.save: tensors and plain values, and nothing that could run code."""

from __future__ import annotations

import mmap
import os
import pickle
import re
import zipfile
from pathlib import Path

import torch

from hcl_arch.utils.errors import HCLError
from hcl_arch.utils.pickle_cost import PickleCost, PickleError
from hcl_arch.utils.regular_file import check_regular_file

# Pickles in a file of the old format: two numbers, the machine, the content, the order of the storages behind them.
_OLD_PICKLES = 5
# Larger sizes do not matter here: they are refused only where a system uses signed sizes.
_MAX_BYTES = 2**63 - 1


class CheckpointFileError(HCLError, ValueError):
    """A file cannot be loaded as a checkpoint; the message says why, without the file's name.

    Args:
        reason: what was found and what was expected.
        holds_code: whether the file holds Python objects other than tensors.
    """

    def __init__(self, reason: str, *, holds_code: bool = False) -> None:
        super().__init__(reason)
        self.holds_code = holds_code


def load_checkpoint(path: str | os.PathLike[str], *, expanded: bool = False) -> object:
    """Load tensors, numbers, texts and containers to the CPU; nothing else in the file is ever unpickled.

    Args:
        path: a file of torch.save.
        expanded: whether a tensor may use a stored number several times, so that a copy takes more memory than the
            file: only where the file does not decide what is copied.

    Raises:
        OSError: the file cannot be read, or is not a regular file.
        CheckpointFileError: it is damaged, not a file of torch.save, or holds other Python objects, which could run
            code.
    """
    check_regular_file(path, max_bytes=_MAX_BYTES)
    _check_cost(Path(path), expanded=expanded)
    try:
        return torch.load(Path(path), map_location='cpu', weights_only=True)
    except OSError:
        raise
    except pickle.UnpicklingError as error:
        found = re.search(r'GLOBAL (\S+)', str(error)) or re.search(r'class (\S+)', str(error))
        if 'weights_only' in str(error) and found:
            raise CheckpointFileError(
                f'holds a Python object ({found[1]}), which could run any code when loaded: expected nothing but '
                'tensors, numbers and texts; let its maker save the state dicts alone',
                holds_code=True,
            ) from error
        raise CheckpointFileError('not a checkpoint of torch.save') from error
    except Exception as error:  # a damaged file can fail in any way
        reason = f'{type(error).__name__}: {error}'.partition('. ')[0]
        raise CheckpointFileError(f'not a whole checkpoint of torch.save (cut short?): {reason}') from error


def _check_cost(path: Path, *, expanded: bool) -> None:
    """Refuse a file that states more than it holds, or whose values take much more memory than the file.

    Raises:
        OSError: the file cannot be read.
        CheckpointFileError: see above.
    """
    size = path.stat().st_size
    try:
        if zipfile.is_zipfile(path):
            for content in _pickles(path, size):
                PickleCost(content, size, expanded=expanded).follow()
        else:
            with path.open('rb') as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
                cost = PickleCost(mapped, size, expanded=expanded)
                for _ in range(_OLD_PICKLES):
                    cost.follow()
    except CheckpointFileError:
        raise
    except PickleError as error:
        raise CheckpointFileError(str(error)) from error
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError) as error:
        raise CheckpointFileError(f'not a whole checkpoint of torch.save (cut short?): {error}') from error


def _pickles(path: Path, size: int) -> list[bytes]:
    """The pickles in an archive, whose parts must be stored as they are, as torch.save does."""
    with zipfile.ZipFile(path) as archive:
        parts = archive.infolist()
        if any(part.compress_type != zipfile.ZIP_STORED for part in parts) or sum(p.file_size for p in parts) > size:
            raise CheckpointFileError(
                f'its parts are compressed: they unpack to {sum(p.file_size for p in parts):,} bytes, the file has '
                f'{size:,}. torch.save stores them as they are: save it again'
            )
        return [archive.read(part) for part in parts if part.filename.endswith('/data.pkl')]
