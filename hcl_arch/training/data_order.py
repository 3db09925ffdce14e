"""The order of a training's samples, which does not depend on interruptions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from typing import Any, Optional

from basicsr.data.data_sampler import EnlargedSampler

from hcl_arch.utils.random_state import derived_seed


@dataclass(frozen=True)
class Draw:
    """A sample to make.

    Attributes:
        index: its index in the data set.
        seed: seed of everything random in it.
    """

    index: int
    seed: int


@dataclass(frozen=True)
class Position:
    """Progress of a training through its data.

    Attributes:
        iteration: iterations done.
        epoch: the epoch of the next batch.
        batch: number of finished batches of that epoch.
        batches_per_epoch: number of batches in an epoch.
        batch_size: images per iteration, over all processes.
    """

    iteration: int
    epoch: int
    batch: int
    batches_per_epoch: int
    batch_size: int

    def after(self, iteration: int) -> Position:
        """Return the position after this number of iterations, with unchanged data and processes."""
        batches = self.batch + iteration - self.iteration
        epoch = self.epoch + batches // self.batches_per_epoch
        return Position(iteration, epoch, batches % self.batches_per_epoch, self.batches_per_epoch, self.batch_size)

    @classmethod
    def is_one(cls, numbers: dict[Any, Any]) -> bool:
        """Whether a dictionary has the form that `as_dict` returns."""
        return {field.name for field in fields(cls)} == numbers.keys() and all(
            isinstance(number, int) and number >= 0 for number in numbers.values()
        )

    def as_dict(self) -> dict[str, int]:
        """Return plain numbers, for a training state."""
        return asdict(self)


def resumed_position(state: Optional[dict[str, Any]], *, batches_per_epoch: int, batch_size: int) -> Position:
    """Return the position at which a run starts: the beginning, or where its training state was saved.

    If the batch size has changed since then, it continues after the number of images of the epoch already seen. A state
    without a position, as BasicSR's own models save it, is assumed to have the same batches.

    Args:
        state: the training state, None for a new run.
        batches_per_epoch: current number of batches in an epoch, at least 1.
        batch_size: current images per iteration.
    """
    if state is None:
        return Position(0, 0, 0, batches_per_epoch, batch_size)
    iteration, epoch = state['iter'], state['epoch']
    saved = state.get('position')
    if saved is None:
        batch = min(max(iteration - epoch * batches_per_epoch, 0), batches_per_epoch)
    else:
        batch = min(saved['batch'] * saved['batch_size'] // batch_size, batches_per_epoch)
    return Position(iteration, epoch, batch, batches_per_epoch, batch_size)


class ResumableSampler(EnlargedSampler):
    """BasicSR's sampler, with a seed for every sample, and able to start in the middle of an epoch.

    The seed of a sample follows from the run's seed, the epoch and the sample's place in it, regardless of which worker
    makes it and of the number of workers.

    Attributes:
        manual_seed: seed of the run.
        start_epoch: the epoch that starts in its middle.
        start_sample: the sample of this process that it starts with.
    """

    manual_seed: int = 0
    start_epoch: int = 0
    start_sample: int = 0

    def __iter__(self) -> Iterator[Draw]:
        epoch = self.epoch
        start = self.start_sample if epoch == self.start_epoch else 0
        for number, index in enumerate(super().__iter__()):
            if number >= start:
                place = number * self.num_replicas + self.rank
                yield Draw(index, derived_seed(self.manual_seed, epoch, place))
