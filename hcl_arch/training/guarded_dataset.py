"""A training set that passes over images which cannot be read, and whose samples follow from seeds."""

from __future__ import annotations

import errno
from typing import Any, Optional, Union

import numpy as np
from torch.utils import data

from hcl_arch.training.data_order import Draw
from hcl_arch.training.unreadable_log import UnreadableLog
from hcl_arch.utils.random_state import derived_seed, seed_generators
from hcl_arch.utils.unreadable_image import UnreadableImageError

# In a data set of which a tenth is unreadable, ten in a row are unreadable once in ten thousand million samples.
MOST_TRIES = 10
# What reading an image raises: in data sets of this package, and where a file is not there in others. All else is a
# mistake in a program or in the options, which must not be passed over.
READING_ERRORS = (UnreadableImageError, FileNotFoundError, PermissionError)
# Too many open files, no memory: no image is to blame.
_SYSTEM_ERRORS = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)


class SampleError(RuntimeError):
    """A sample cannot be made, for another reason than an image that cannot be read; the message names it."""


class GuardedDataset(data.Dataset[Any]):
    """Wraps a training set.

    Every sample is made with the default generators of Python, NumPy and torch seeded from its draw, whatever the data
    set draws from. One whose images cannot be read is noted in the log, and another takes its place.

    Args:
        dataset: the training set.
        name: how messages call it.
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
            TooManyUnreadableError: more images cannot be read than the log allows for.
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
        """Return the path of the image that an error is about, as well as the error tells."""
        path = getattr(error, 'path', None) or getattr(error, 'filename', None)
        return str(path) if path else f'{self.name}, sample {index}'


def _is_of_the_system(error: Optional[BaseException]) -> bool:
    """Say whether an error, or what caused it, is a lack of the system's means."""
    while error is not None:
        if getattr(error, 'errno', None) in _SYSTEM_ERRORS:
            return True
        error = error.__cause__
    return False
