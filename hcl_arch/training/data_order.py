"""The order of a training's samples: the same whether or not the run was interrupted."""

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
        index: its place in the data set.
        seed: of all that is random in it.
    """

    index: int
    seed: int


@dataclass(frozen=True)
class Position:
    """How far a training has come in its data.

    Attributes:
        iteration: iterations done.
        epoch: the epoch that the next batch is in.
        batch: batches of that epoch that are done.
        batches_per_epoch: batches of an epoch.
        batch_size: images of an iteration, of all processes together.
    """

    iteration: int
    epoch: int
    batch: int
    batches_per_epoch: int
    batch_size: int

    def after(self, iteration: int) -> Position:
        """Return the position when so many iterations are done, with data and processes as they are."""
        batches = self.batch + iteration - self.iteration
        epoch = self.epoch + batches // self.batches_per_epoch
        return Position(iteration, epoch, batches % self.batches_per_epoch, self.batches_per_epoch, self.batch_size)

    @classmethod
    def is_one(cls, numbers: dict[Any, Any]) -> bool:
        """Say whether a dictionary is what `as_dict` returns."""
        return {field.name for field in fields(cls)} == numbers.keys() and all(
            isinstance(number, int) and number >= 0 for number in numbers.values()
        )

    def as_dict(self) -> dict[str, int]:
        """Return plain numbers, for a training state."""
        return asdict(self)


def resumed_position(state: Optional[dict[str, Any]], *, batches_per_epoch: int, batch_size: int) -> Position:
    """Return where a run begins: at its start, or where its training state was saved.

    If batches have another size since then, it goes on after as many images of the epoch as were seen. A state without
    a position, which BasicSR's own models save, is one of the same batches.

    Args:
        state: the training state, None for a new run.
        batches_per_epoch: batches of an epoch now, at least 1.
        batch_size: images of an iteration now.
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
    """BasicSR's sampler, with a seed for every sample, which can begin in the middle of an epoch.

    The seed of a sample follows from the run's seed, the epoch and the sample's place in it, so that it does not matter
    which worker makes it, or of how many.

    Attributes:
        manual_seed: of the run.
        start_epoch: the epoch that begins in its middle.
        start_sample: the sample of this process that it begins with.
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
