"""The guard around a training set: samples that follow from their seeds, unreadable images, errors."""

from __future__ import annotations

import errno
import os
import random
from pathlib import Path
from typing import Any, Callable, Optional

import cv2
import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset

from hcl_arch.data.storage.image_source import ImageSource
from hcl_arch.training.data_order import Draw, ResumableSampler
from hcl_arch.training.guarded_dataset import MOST_TRIES, GuardedDataset, SampleError
from hcl_arch.training.unreadable_log import TooManyUnreadableError, UnreadableLog
from hcl_arch.utils.unreadable_image import UnreadableImageError, UnusableImageError

BAD = (2, 5)


class Images(Dataset):
    """Twelve samples (index, three random numbers); some raise an error instead.

    Args:
        error: what the bad ones raise.
        bad: which these are.
    """

    def __init__(self, error: Optional[Exception] = None, *, bad: tuple[int, ...] = BAD) -> None:
        self.error = error
        self.bad = bad

    def __len__(self) -> int:
        return 12

    def __getitem__(self, index: int) -> tuple[int, float, float, float]:
        if self.error is not None and index in self.bad:
            raise self.error
        return index, random.random(), float(np.random.rand()), torch.rand(()).item()  # noqa: NPY002


class NamingImages(Images):
    """The bad ones raise errors that name them."""

    def __getitem__(self, index: int) -> Any:
        if index in self.bad:
            raise UnreadableImageError('the file is cut off.', f'images/{index}.png')
        return super().__getitem__(index)


class ReadImages(Images):
    """Reads an image for every sample."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.source = ImageSource(str(folder))

    def __getitem__(self, index: int) -> Any:
        return self.source.read_rgb(0)


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
        (first, *numbers), (second, *others) = dataset[Draw(3, 99)], dataset[Draw(3, 100)]
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
            runs.append(torch.cat([torch.stack([v.double() for v in batch]) for batch in loader], dim=1))
        assert torch.equal(*runs)

    @pytest.mark.parametrize(
        ('error', 'name'),
        [
            (UnreadableImageError('cut off', 'a.png'), 'a.png'),
            (UnusableImageError('no mask', 'a.png'), 'a.png'),
            (FileNotFoundError(2, 'No such file', 'b.png'), 'b.png'),
            (FileNotFoundError('in an archive'), "data set 'T', sample 5"),
            (PermissionError(13, 'Permission denied', 'c.png'), 'c.png'),
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

    @pytest.mark.parametrize(('method', 'workers'), [('fork', 2), pytest.param('spawn', 1, marks=pytest.mark.slow)])
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
            dataset = guarded(Images(FileNotFoundError('gone'), bad=tuple(range(12))), log_file)
            monkeypatch.setattr(dataset, '_name_of', lambda error, index, tried=tried: str(tried.append(index)))
            with pytest.raises(SampleError, match='the last one is number') as raised:
                dataset[Draw(5, seed)]
            assert f'number {tried[-1]}.' in str(raised.value)


def caused_by(number: int, *, steps: int = 1) -> UnreadableImageError:
    """An image that cannot be read because of an error of the system, some steps away."""
    cause: BaseException = OSError(number, os.strerror(number), 'a.png')
    for _ in range(steps):
        error = UnreadableImageError('it cannot be opened.', 'a.png')
        error.__cause__ = cause
        cause = error
    return error


class TestOtherErrors:
    @pytest.mark.parametrize(
        'error',
        [
            KeyError('gt'),
            RuntimeError('shapes'),
            IndexError('no such'),
            MemoryError(),
            ValueError('no pixels'),
            cv2.error('imdecode'),
            OSError(errno.EIO, 'Input/output error'),
        ],
    )
    @pytest.mark.parametrize('draw', [Draw(5, 1), 5])
    def test_name_data_set_and_sample(self, error: Exception, draw: Any, log_file: Path) -> None:
        with pytest.raises(SampleError, match="data set 'T': sample 5 cannot be made") as raised:
            guarded(Images(error), log_file)[draw]
        assert f'{type(error).__name__}: {error}' in str(raised.value)
        assert raised.value.__cause__ is error
        assert not log_file.exists()

    @pytest.mark.parametrize('number', [errno.EMFILE, errno.ENFILE, errno.ENOMEM])
    @pytest.mark.parametrize('steps', [1, 2])
    def test_no_image_is_to_blame_for_a_lack_of_means(self, number: int, steps: int, log_file: Path) -> None:
        with pytest.raises(SampleError, match="data set 'T': sample 5 cannot be made: UnreadableImageError: a.png"):
            guarded(Images(caused_by(number, steps=steps)), log_file)[Draw(5, 1)]
        assert not log_file.exists()

    def test_an_image_is_to_blame_for_other_errors_of_the_system(self, log_file: Path) -> None:
        assert guarded(Images(caused_by(errno.EIO)), log_file)[Draw(5, 1)][0] not in BAD
        assert log_file.read_text().startswith('a.png\t')

    def test_files_of_this_process_that_are_used_up(self, log_file: Path, image_folder: Callable[..., Path]) -> None:
        resource = pytest.importorskip('resource')
        dataset = guarded(ReadImages(image_folder(1)), log_file)
        dataset[Draw(5, 1)]
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, limits[1]))
        try:
            with pytest.raises(SampleError, match='sample 5 cannot be made: .*Too many open files'):
                dataset[Draw(5, 1)]
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        assert not log_file.exists()

    def test_reach_the_training_from_a_worker(self, log_file: Path) -> None:
        loader = loader_of(guarded(Images(KeyError('gt'), bad=(5,)), log_file), workers=2)
        with pytest.raises(SampleError, match="data set 'T': sample 5 cannot be made: KeyError: 'gt'"):
            read_to_the_error(loader)

    def test_ctrl_c_is_none_of_them(self, log_file: Path) -> None:
        dataset = guarded(Images(KeyboardInterrupt()), log_file)  # type: ignore[arg-type]
        with pytest.raises(KeyboardInterrupt):
            dataset[Draw(5, 1)]
