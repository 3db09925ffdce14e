"""The guard around a training set: samples that follow from their seeds, unreadable images, errors, signals."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Optional

import cv2
import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset

from hcl_arch.data.unreadable_image import UnreadableImageError, UnusableImageError
from hcl_arch.training import guarded_dataset
from hcl_arch.training.data_order import Draw, ResumableSampler
from hcl_arch.training.guarded_dataset import MOST_TRIES, GuardedDataset, SampleError
from hcl_arch.training.unreadable_log import TooManyUnreadableError, UnreadableLog

BAD = (2, 5)


class Images(Dataset):
    """Twelve samples (index, three random numbers, process); some raise an error instead.

    Args:
        error: what the bad ones raise.
        bad: which these are.
        pause: seconds that a sample takes.
    """

    def __init__(self, error: Optional[Exception] = None, *, bad: tuple[int, ...] = BAD, pause: float = 0) -> None:
        self.error = error
        self.bad = bad
        self.pause = pause

    def __len__(self) -> int:
        return 12

    def __getitem__(self, index: int) -> tuple[int, float, float, float, int]:
        time.sleep(self.pause)
        if self.error is not None and index in self.bad:
            raise self.error
        return index, random.random(), float(np.random.rand()), torch.rand(()).item(), os.getpid()  # noqa: NPY002


class NamingImages(Images):
    """The bad ones raise errors that name them."""

    def __getitem__(self, index: int) -> Any:
        if index in self.bad:
            raise UnreadableImageError('the file is cut off.', f'images/{index}.png')
        return super().__getitem__(index)


@pytest.fixture
def log_file(tmp_path: Path) -> Path:
    return tmp_path / 'unreadable_images.log'


def guarded(dataset: Images, log_file: Optional[Path] = None, *, most: int = 12) -> GuardedDataset:
    result = GuardedDataset(dataset, "data set 'T'")
    if log_file is not None:
        result.log = UnreadableLog(log_file, most=most, share=0.5)
    return result


def loader_of(dataset: GuardedDataset, *, workers: int = 0, epoch: int = 0, method: str = 'fork') -> DataLoader:
    sampler = ResumableSampler(dataset, 1, 0, 2)
    sampler.set_epoch(epoch)
    context = method if workers else None
    return DataLoader(dataset, 2, sampler=sampler, num_workers=workers, multiprocessing_context=context)


def read_to_the_error(loader: DataLoader) -> None:
    batches: Any = iter(loader)
    try:
        for _ in batches:
            pass
    finally:
        batches._shutdown_workers()  # which takes seconds where the garbage collector does it


class TestSeeds:
    def test_same_draw_same_sample(self) -> None:
        dataset = guarded(Images())
        first = dataset[Draw(3, 99)]
        random.random()
        torch.rand(5)
        np.random.rand(3)  # noqa: NPY002
        assert dataset[Draw(3, 99)] == first

    def test_other_seed_other_sample(self) -> None:
        dataset = guarded(Images())
        (first, *numbers, _), (second, *others, _) = dataset[Draw(3, 99)], dataset[Draw(3, 100)]
        assert first == second == 3
        assert all(a != b for a, b in zip(numbers, others))

    def test_plain_index_draws_from_the_generators_as_they_are(self) -> None:
        dataset = guarded(Images())
        torch.manual_seed(4)
        expected = torch.rand(()).item()
        torch.manual_seed(4)
        assert dataset[3][3] == expected

    def test_length(self) -> None:
        assert len(guarded(Images())) == 12


class TestUnreadableImages:
    def test_another_one_takes_its_place(self, log_file: Path) -> None:
        dataset = guarded(NamingImages(), log_file)
        sample = dataset[Draw(5, 99)]
        assert sample[0] not in BAD
        assert log_file.read_text().startswith('images/5.png\t')
        for seed in range(30):
            assert dataset[Draw(5, seed)][0] not in BAD

    def test_the_replacement_follows_from_the_draw(self, log_file: Path) -> None:
        first = guarded(NamingImages(), log_file)[Draw(5, 99)]
        random.seed(8)
        torch.manual_seed(8)
        np.random.seed(8)  # noqa: NPY002
        assert guarded(NamingImages(), log_file)[Draw(5, 99)] == first

    def test_replacements_are_spread_over_the_set(self, log_file: Path) -> None:
        dataset = guarded(NamingImages(), log_file)
        assert {dataset[Draw(5, seed)][0] for seed in range(200)} == set(range(12)) - set(BAD)

    @pytest.mark.parametrize('workers', [0, 2])
    def test_logged_once_whoever_meets_it(self, workers: int, log_file: Path) -> None:
        for epoch in range(3):
            indices = torch.cat([batch[0] for batch in loader_of(guarded(NamingImages(), log_file), workers=workers)])
            assert len(indices) == 24
            assert not set(indices.tolist()) & set(BAD), f'epoch {epoch}'
        assert sorted(line.split('\t')[0] for line in log_file.read_text().splitlines()) == [
            'images/2.png',
            'images/5.png',
        ]

    def test_replacements_do_not_depend_on_workers(self, log_file: Path) -> None:
        runs = []
        for workers in (0, 2):
            loader = loader_of(guarded(NamingImages(), log_file), workers=workers)
            runs.append(torch.cat([torch.stack([v.double() for v in batch[:4]]) for batch in loader], dim=1))
        assert torch.equal(*runs)

    @pytest.mark.parametrize(
        ('error', 'name'),
        [
            (UnreadableImageError('cut off', 'a.png'), 'a.png'),
            (UnusableImageError('no mask', 'a.png'), 'a.png'),
            (FileNotFoundError(2, 'No such file', 'b.png'), 'b.png'),
            (OSError('input/output error'), "data set 'T', sample 5"),
            (ValueError('no pixels'), "data set 'T', sample 5"),
            (cv2.error('imdecode'), "data set 'T', sample 5"),
        ],
    )
    def test_what_counts_and_how_it_is_named(self, error: Exception, name: str, log_file: Path) -> None:
        sample = guarded(Images(error), log_file)[Draw(5, 1)]
        assert sample[0] not in BAD
        assert log_file.read_text().split('\t')[0] in (name, "data set 'T', sample 2")

    def test_without_a_log_it_is_an_error(self) -> None:
        with pytest.raises(UnreadableImageError, match='images/5.png: the file is cut off'):
            guarded(NamingImages())[Draw(5, 1)]

    def test_plain_index_is_an_error(self, log_file: Path) -> None:
        with pytest.raises(UnreadableImageError, match='images/5.png: the file is cut off'):
            guarded(NamingImages(), log_file)[5]
        assert not log_file.exists()


class TestTooMany:
    def test_names_file_log_and_option(self, log_file: Path) -> None:
        dataset = guarded(NamingImages(), log_file, most=1)
        dataset[Draw(2, 0)]
        with pytest.raises(TooManyUnreadableError) as raised:
            dataset[Draw(5, 0)]
        for part in ('images/5.png', 'cut off', str(log_file), 'max_unreadable_share: 0.5'):
            assert part in str(raised.value)

    def test_names_the_file_once(self, log_file: Path) -> None:
        with pytest.raises(TooManyUnreadableError) as raised:
            guarded(NamingImages(), log_file, most=0)[Draw(5, 0)]
        assert str(raised.value).count('images/5.png') == 1

    @pytest.mark.parametrize(('method', 'workers'), [('fork', 2), ('spawn', 1)])  # spawning one takes seconds
    def test_reaches_the_training_from_a_worker(self, method: str, workers: int, log_file: Path) -> None:
        loader = loader_of(guarded(NamingImages(), log_file, most=1), workers=workers, method=method)
        with pytest.raises(TooManyUnreadableError) as raised:
            read_to_the_error(loader)
        for part in ('.png', 'cut off', str(log_file), 'max_unreadable_share: 0.5'):
            assert part in str(raised.value)

    def test_all_bad_within_the_share(self, log_file: Path) -> None:
        dataset = guarded(NamingImages(bad=tuple(range(12))), log_file)
        with pytest.raises(SampleError, match=f"data set 'T': {MOST_TRIES} samples in a row cannot be read"):
            dataset[Draw(5, 1)]

    def test_as_many_tries_as_it_says(self, log_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        tried: list[int] = []
        dataset = guarded(NamingImages(bad=tuple(range(12))), log_file)
        read = NamingImages.__getitem__
        monkeypatch.setattr(NamingImages, '__getitem__', lambda self, index: (tried.append(index), read(self, index)))
        with pytest.raises(SampleError):
            dataset[Draw(5, 1)]
        assert len(tried) == MOST_TRIES

    def test_names_the_last_one_that_was_tried(self, log_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        for seed in range(5):
            tried: list[int] = []
            dataset = guarded(Images(OSError('cut off'), bad=tuple(range(12))), log_file)
            monkeypatch.setattr(dataset, '_name_of', lambda error, index, tried=tried: str(tried.append(index)))
            with pytest.raises(SampleError, match='the last one is number') as raised:
                dataset[Draw(5, seed)]
            assert f'number {tried[-1]}.' in str(raised.value)


class TestOtherErrors:
    @pytest.mark.parametrize('error', [KeyError('gt'), RuntimeError('shapes'), IndexError('no such'), MemoryError()])
    @pytest.mark.parametrize('draw', [Draw(5, 1), 5])
    def test_name_data_set_and_sample(self, error: Exception, draw: Any, log_file: Path) -> None:
        with pytest.raises(SampleError, match="data set 'T': sample 5 cannot be made") as raised:
            guarded(Images(error), log_file)[draw]
        assert f'{type(error).__name__}: {error}' in str(raised.value)
        assert raised.value.__cause__ is error
        assert not log_file.exists()

    def test_reach_the_training_from_a_worker(self, log_file: Path) -> None:
        loader = loader_of(guarded(Images(KeyError('gt'), bad=(5,)), log_file), workers=2)
        with pytest.raises(SampleError, match="data set 'T': sample 5 cannot be made: KeyError: 'gt'"):
            read_to_the_error(loader)

    def test_ctrl_c_is_none_of_them(self, log_file: Path) -> None:
        dataset = guarded(Images(KeyboardInterrupt()), log_file)  # type: ignore[arg-type]
        with pytest.raises(KeyboardInterrupt):
            dataset[Draw(5, 1)]


def worker_pids(batches: Iterator[Any], *, count: int = 2) -> tuple[set[int], list[int]]:
    """Read until so many workers have made a sample; return their pids and the indices read."""
    pids: set[int] = set()
    indices: list[int] = []
    while len(pids) < count:
        batch = next(batches)
        pids.update(batch[4].tolist())
        indices += batch[0].tolist()
    return pids, indices


class TestSignals:
    @pytest.mark.parametrize('numbers', [(signal.SIGTERM,), (signal.SIGINT,) * 3, (signal.SIGINT, signal.SIGTERM)])
    def test_workers_finish_the_epoch(self, numbers: tuple[int, ...]) -> None:
        batches = iter(loader_of(guarded(Images(pause=0.01)), workers=2))
        pids, indices = worker_pids(batches)
        for number in numbers:
            for pid in pids:
                os.kill(pid, number)
            time.sleep(0.05)
        indices += [index for batch in batches for index in batch[0].tolist()]
        assert sorted(indices) == sorted([*range(12), *range(12)])

    def test_workers_outlive_the_same_request_by_two_senders(self) -> None:
        """Torchrun ends a process with its group, and Slurm may have told all of them already."""
        batches = iter(loader_of(guarded(Images(pause=0.02)), workers=2))
        pids, _ = worker_pids(batches)
        for _ in range(2):
            for pid in pids:
                os.kill(pid, signal.SIGTERM)
            time.sleep(0.1)
        assert all(len(batch[0]) == 2 for batch in batches)

    def test_idle_workers_shut_down_at_once(self) -> None:
        batches = iter(loader_of(guarded(Images()), workers=2))
        pids, _ = worker_pids(batches)
        for pid in pids:
            os.kill(pid, signal.SIGTERM)
        start = time.monotonic()
        del batches
        assert time.monotonic() - start < 4
        assert not any(is_running(pid) for pid in pids)

    def test_at_the_end_of_the_program_they_can_be_terminated(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """As multiprocessing does with workers that do not answer, before it waits for them without limit."""
        at_exit: list[Any] = []
        monkeypatch.setattr(guarded_dataset.atexit, 'register', lambda *call: at_exit.append(call))
        batches = iter(loader_of(guarded(Images()), workers=1))
        worker = batches._workers[0]  # type: ignore[attr-defined]
        worker_pids(batches, count=1)
        os.kill(worker.pid, signal.SIGTERM)
        time.sleep(0.1)
        assert worker.is_alive()
        for function, *arguments in at_exit:
            function(*arguments)
        worker.terminate()
        worker.join(5)
        assert worker.exitcode == 0

    def test_the_training_itself_keeps_its_handlers(self) -> None:
        before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
        list(loader_of(guarded(Images())))
        assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == before

    def test_a_worker_that_is_forgotten_ends_by_itself(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(guarded_dataset, '_GRACE_PERIOD', 1)
        dataset = guarded(Images())
        pid = os.fork()
        if pid == 0:
            dataset._outlive_signals()
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(20)
            os._exit(0)
        _, status = os.waitpid(pid, 0)
        assert os.WTERMSIG(status) == signal.SIGALRM


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
