"""Load untrusted files of torch.save: tensors and plain values, and nothing that could run code."""

from __future__ import annotations

import os
import pickle
import re
import warnings
from pathlib import Path

import torch

from hcl_arch.utils.regular_file import check_regular_file

# Larger sizes do not matter here: they are refused only where a system uses signed sizes.
_MAX_BYTES = 2**63 - 1


class CheckpointFileError(ValueError):
    """A file cannot be loaded as a checkpoint; the message says why, without the file's name.

    Args:
        reason: what was found and what was expected.
        holds_code: whether the file holds Python objects other than tensors.
    """

    def __init__(self, reason: str, *, holds_code: bool = False) -> None:
        super().__init__(reason)
        self.holds_code = holds_code


def load_checkpoint(path: str | os.PathLike[str]) -> object:
    """Load tensors, numbers, texts and containers to the CPU; nothing else in the file is ever unpickled.

    Args:
        path: a file of torch.save.

    Raises:
        OSError: the file cannot be read, or is not a regular file.
        CheckpointFileError: it is damaged, not a file of torch.save, or holds other Python objects, which could run
            code.
    """
    check_regular_file(path, max_bytes=_MAX_BYTES)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')  # about pickles that it then refuses
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
