"""A training set that passes over images which cannot be read, and whose samples follow from seeds."""

from __future__ import annotations

import atexit
import os
import signal
from typing import Any, Optional, Union

import cv2
import numpy as np
import torch
from torch.utils import data

from hcl_arch.training.data_order import Draw
from hcl_arch.training.random_state import derived_seed, seed_generators
from hcl_arch.training.unreadable_log import UnreadableLog

# In a data set of which a tenth is unreadable, ten in a row are unreadable once in ten thousand million samples.
MOST_TRIES = 10
# What reading an image raises. All else is a mistake in a program, which must not be passed over.
READING_ERRORS = (OSError, ValueError, cv2.error)
# Seconds that a worker lives on after a signal that asks its training to stop.
_GRACE_PERIOD = 120


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
        # Shared with the workers: whether the training is at its end, and a SIGTERM comes from it.
        self._ending = torch.zeros(1, dtype=torch.bool).share_memory_()
        atexit.register(self._ending.fill_, True)
        self._outlives_signals = False

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, '_outlives_signals': False}

    def __len__(self) -> int:
        return len(self.dataset)  # type: ignore[arg-type]

    def __getitem__(self, draw: Union[Draw, int]) -> Any:
        """Return the sample of a draw, or another one if an image cannot be read.

        Raises:
            TooManyUnreadableError: more images cannot be read than the log allows for.
            SampleError: the sample cannot be made for another reason.
        """
        if data.get_worker_info() is not None and not self._outlives_signals:
            self._outlive_signals()
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
        raise SampleError(
            f'{self.name}: {MOST_TRIES} samples in a row cannot be read, the last one is number {index}.'
        )

    def _read(self, index: int, *, seed: Optional[int] = None) -> Any:
        if seed is not None:
            seed_generators(seed)
        try:
            return self.dataset[index]
        except READING_ERRORS:
            raise
        except Exception as error:
            raise SampleError(f'{self.name}: sample {index} cannot be made: {type(error).__name__}: {error}') from error

    def _name_of(self, error: BaseException, index: int) -> str:
        """Return the path of the image that an error is about, as well as the error tells."""
        path = getattr(error, 'path', None) or getattr(error, 'filename', None)
        return str(path) if path else f'{self.name}, sample {index}'

    def _outlive_signals(self) -> None:
        """Let this worker go on for a while when a signal asks the whole run to stop.

        Ctrl-C, and the signal with which a cluster's scheduler ends a job, reach the workers too; but the training,
        which finishes its iteration before it stops, needs them until then.
        """
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, self._on_termination)
        self._outlives_signals = True

    def _on_termination(self, number: int, frame: Any) -> None:
        if self._ending:
            os._exit(0)
        if hasattr(signal, 'alarm'):
            signal.alarm(_GRACE_PERIOD)
