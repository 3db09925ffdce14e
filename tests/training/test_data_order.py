"""Where a run goes on in its data, and that its samples are those of a run without interruption."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
import torch
from basicsr.data.data_sampler import EnlargedSampler
from torch.utils.data import DataLoader, Dataset

from hcl_arch.training.data_order import Draw, Position, ResumableSampler, resumed_position
from hcl_arch.training.guarded_dataset import GuardedDataset
from hcl_arch.utils.random_state import derived_seed

COUNT = 13


class RandomNumbers(Dataset):
    """Samples that hold their index and a number of each default generator."""

    def __len__(self) -> int:
        return COUNT

    def __getitem__(self, index: int) -> tuple[int, float, float, float]:
        return index, random.random(), float(np.random.rand()), torch.rand(()).item()  # noqa: NPY002


def sampler_of(*, rank: int = 0, replicas: int = 1, ratio: int = 1, epoch: int = 0, seed: int = 5) -> ResumableSampler:
    sampler = ResumableSampler(RandomNumbers(), replicas, rank, ratio)
    sampler.manual_seed = seed
    sampler.set_epoch(epoch)
    return sampler


def position(iteration: int, epoch: int, batch: int, *, batches: int = 10, size: int = 4) -> Position:
    return Position(iteration, epoch, batch, batches, size)


class TestPosition:
    @pytest.mark.parametrize(
        ('iteration', 'epoch', 'batch'),
        [(7, 0, 7), (8, 0, 8), (9, 0, 9), (10, 1, 0), (11, 1, 1), (19, 1, 9), (20, 2, 0), (345, 34, 5)],
    )
    def test_after(self, iteration: int, epoch: int, batch: int) -> None:
        assert position(7, 0, 7).after(iteration) == position(iteration, epoch, batch)

    def test_iterations_need_not_begin_with_an_epoch(self) -> None:
        # As after a change of the batch size: the fifth epoch's third batch follows iteration 100.
        start = position(100, 5, 2)
        assert start.after(100) == start
        assert start.after(107) == position(107, 5, 9)
        assert start.after(108) == position(108, 6, 0)

    def test_steps_add_up(self) -> None:
        start = position(3, 1, 8, batches=9)
        for first in range(3, 40):
            assert start.after(first).after(41) == start.after(41)

    def test_an_epoch_that_is_done(self) -> None:
        assert position(10, 0, 10).after(11) == position(11, 1, 1)

    def test_as_dict(self) -> None:
        numbers = position(7, 0, 7).as_dict()
        assert all(type(value) is int for value in numbers.values())
        assert Position(**numbers) == position(7, 0, 7)


class TestResumedPosition:
    def test_new_run(self) -> None:
        assert resumed_position(None, batches_per_epoch=10, batch_size=4) == position(0, 0, 0)

    def test_own_state(self) -> None:
        state = {'iter': 27, 'epoch': 2, 'position': position(27, 2, 7).as_dict()}
        assert resumed_position(state, batches_per_epoch=10, batch_size=4) == position(27, 2, 7)

    def test_own_state_whose_epochs_are_out_of_step_with_its_iterations(self) -> None:
        state = {'iter': 100, 'epoch': 5, 'position': position(100, 5, 2).as_dict()}
        assert resumed_position(state, batches_per_epoch=10, batch_size=4) == position(100, 5, 2)

    @pytest.mark.parametrize(
        ('iteration', 'epoch', 'batch'),
        [(27, 2, 7), (20, 2, 0), (30, 2, 10), (35, 2, 10), (15, 2, 0)],  # the last two: other data since then
    )
    def test_state_of_basicsr(self, iteration: int, epoch: int, batch: int) -> None:
        state = {'iter': iteration, 'epoch': epoch}
        resumed = resumed_position(state, batches_per_epoch=10, batch_size=4)
        assert resumed == position(iteration, epoch, batch)

    @pytest.mark.parametrize(
        ('size', 'batches', 'expected'),
        [(2, 20, 14), (8, 5, 3), (5, 8, 5), (3, 13, 9), (100, 1, 0), (1, 20, 20)],
    )
    def test_changed_batch_size_goes_on_after_as_many_images(self, size: int, batches: int, expected: int) -> None:
        state = {'iter': 27, 'epoch': 2, 'position': position(27, 2, 7).as_dict()}  # 28 images
        resumed = resumed_position(state, batches_per_epoch=batches, batch_size=size)
        assert resumed == Position(27, 2, expected, batches, size)


class TestResumableSampler:
    @pytest.mark.parametrize('epoch', [0, 1, 7])
    @pytest.mark.parametrize(('rank', 'replicas', 'ratio'), [(0, 1, 1), (1, 2, 1), (2, 3, 4)])
    def test_same_indices_as_basicsrs(self, epoch: int, rank: int, replicas: int, ratio: int) -> None:
        stock = EnlargedSampler(RandomNumbers(), replicas, rank, ratio)
        stock.set_epoch(epoch)
        ours = sampler_of(rank=rank, replicas=replicas, ratio=ratio, epoch=epoch)
        assert [draw.index for draw in ours] == list(stock)
        assert len(ours) == len(stock)

    @pytest.mark.parametrize('start', [0, 1, 6, COUNT - 1, COUNT])
    def test_start_in_the_middle_gives_the_rest(self, start: int) -> None:
        whole = list(sampler_of(epoch=2))
        resumed = sampler_of(epoch=2)
        resumed.start_epoch, resumed.start_sample = 2, start
        assert list(resumed) == whole[start:]

    def test_other_epochs_are_whole(self) -> None:
        resumed = sampler_of()
        resumed.start_epoch, resumed.start_sample = 2, 6
        for epoch in (0, 1, 3):
            resumed.set_epoch(epoch)
            assert list(resumed) == list(sampler_of(epoch=epoch))

    def test_seeds(self) -> None:
        draws = [draw for epoch in range(3) for draw in sampler_of(epoch=epoch)]
        assert len({draw.seed for draw in draws}) == 3 * COUNT
        assert draws[COUNT + 4].seed == derived_seed(5, 1, 4)
        assert not {draw.seed for draw in draws} & {draw.seed for draw in sampler_of(seed=6)}

    def test_an_image_has_another_seed_each_time_it_comes(self) -> None:
        draws = list(sampler_of(ratio=3))
        assert len({draw.index for draw in draws}) == COUNT
        assert len(set(draws)) == 3 * COUNT

    @pytest.mark.parametrize('replicas', [2, 3, 4])
    def test_processes_together_have_the_samples_of_one(self, replicas: int) -> None:
        ratio = 12  # 156 samples can be dealt out evenly
        whole = list(sampler_of(ratio=ratio, epoch=1))
        for rank in range(replicas):
            assert list(sampler_of(rank=rank, replicas=replicas, ratio=ratio, epoch=1)) == whole[rank::replicas]

    def test_processes_resume_together(self) -> None:
        whole = list(sampler_of(ratio=2))
        for rank in range(2):
            resumed = sampler_of(rank=rank, replicas=2, ratio=2)
            resumed.start_sample = 5
            assert list(resumed) == whole[10 + rank :: 2]

    def test_draws_are_draws(self) -> None:
        assert all(isinstance(draw, Draw) for draw in sampler_of())


def batches_of(workers: int, start_batch: int = 0) -> list[Any]:
    sampler = sampler_of(epoch=1)
    sampler.start_epoch, sampler.start_sample = 1, start_batch * 3
    options: dict[str, Any] = {'multiprocessing_context': 'fork'} if workers else {}
    loader = DataLoader(
        GuardedDataset(RandomNumbers(), 'set'), 3, sampler=sampler, num_workers=workers, drop_last=True, **options
    )
    torch.manual_seed(workers)  # the loader draws its workers' seeds from it
    return [torch.stack([values.double() for values in batch]) for batch in loader]


def test_batches_depend_neither_on_workers_nor_on_an_interruption() -> None:
    whole = batches_of(0)
    assert len(whole) == 4
    for workers, start in ((2, 0), (1, 0), (2, 1), (0, 3)):
        batches = batches_of(workers, start)
        assert len(batches) == 4 - start
        assert all(torch.equal(*pair) for pair in zip(batches, whole[start:]))
    assert len(torch.cat(whole, dim=1)[1].unique()) == 12
