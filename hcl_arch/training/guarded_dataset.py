"""A training set that skips unreadable images, with seeded samples."""

from __future__ import annotations

import errno
from typing import Any, Optional, Union

import numpy as np
from torch.utils import data

from hcl_arch.training.data_order import Draw
from hcl_arch.training.unreadable_log import UnreadableLog
from hcl_arch.utils.errors import HCLError
from hcl_arch.utils.random_state import derived_seed, seed_generators
from hcl_arch.utils.unreadable_image import UnreadableImageError

# If a tenth of a data set is unreadable, ten in a row are unreadable once in ten thousand million samples.
MOST_TRIES = 10
# Errors of reading an image: those of this package's data sets, and a missing file in others. Anything else is a bug or
# a mistake in the options, which must not be skipped.
READING_ERRORS = (UnreadableImageError, FileNotFoundError, PermissionError)
# Too many open files, out of memory: not the fault of an image.
_SYSTEM_ERRORS = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)


class SampleError(HCLError, RuntimeError):
    """A sample cannot be made, for another reason than an unreadable image; the message names it."""


class GuardedDataset(data.Dataset[Any]):
    """Wraps a training set.

    Before each sample the default generators of Python, NumPy and torch are seeded from its draw, whichever of them the
    data set uses. If a sample's image cannot be read, it is logged and another sample takes its place.

    Args:
        dataset: the training set.
        name: its name in messages.
    """

    def __init__(self, dataset: data.Dataset[Any], name: str) -> None:
        self.dataset = dataset
        self.name = name
        self.log: Optional[UnreadableLog] = None
        """Where unreadable images are noted; without it they are an error at once."""

    def __len__(self) -> int:
        return len(self.dataset)  # type: ignore[arg-type]

    def __getitem__(self, draw: Union[Draw, int]) -> Any:
        """Return the sample of a draw, or another one if an image cannot be read.

        Raises:
            TooManyUnreadableError: more images are unreadable than the log allows.
            SampleError: the sample cannot be made for another reason.
            OSError: an image cannot be read, and there is no log, or `draw` is a plain index.
        """
        if not isinstance(draw, Draw):
            return self._read(draw)
        for attempt in range(MOST_TRIES):
            index = draw.index
            try:
                return self._read(draw.index, seed=draw.seed)
            except READING_ERRORS as error:
                if self.log is None:
                    raise
                self.log.add(self._name_of(error, index), getattr(error, 'reason', None) or str(error))
            seed = derived_seed(draw.seed, attempt)
            draw = Draw(int(np.random.default_rng(seed).integers(len(self))), seed)
        raise SampleError(f'{self.name}: {MOST_TRIES} samples in a row cannot be read, the last one is number {index}.')

    def _read(self, index: int, *, seed: Optional[int] = None) -> Any:
        if seed is not None:
            seed_generators(seed)
        try:
            return self.dataset[index]
        except Exception as error:
            if isinstance(error, READING_ERRORS) and not _is_of_the_system(error):
                raise
            raise SampleError(f'{self.name}: sample {index} cannot be made: {type(error).__name__}: {error}') from error

    def _name_of(self, error: BaseException, index: int) -> str:
        """Return the path of the image that an error is about, as far as the error states it."""
        path = getattr(error, 'path', None) or getattr(error, 'filename', None)
        return str(path) if path else f'{self.name}, sample {index}'


def _is_of_the_system(error: Optional[BaseException]) -> bool:
    """Whether an error, or its cause, is a lack of system resources."""
    while error is not None:
        if getattr(error, 'errno', None) in _SYSTEM_ERRORS:
            return True
        error = error.__cause__
    return False
