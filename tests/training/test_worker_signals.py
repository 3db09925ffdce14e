"""Workers that outlive the signals which ask a training to stop, from their first moment to the training's end."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest
import torch

import hcl_arch  # noqa: F401  (before BasicSR, also in a spawned worker)

# isort: split
from basicsr.data.prefetch_dataloader import CPUPrefetcher, CUDAPrefetcher, PrefetchDataLoader
from torch.utils.data import DataLoader, Dataset

from hcl_arch.training import worker_signals
from hcl_arch.training.worker_signals import protect_workers, protected_prefetcher

SIGNALS = (signal.SIGTERM, signal.SIGINT)
SAMPLES = 24
# Most seconds for a program that spawns workers, each of which imports all anew, on a busy machine.
SPAWNING = 300


class Processes(Dataset):
    """Samples (index, process that made it).

    Args:
        pause: seconds that a sample takes.
    """

    def __init__(self, *, pause: float = 0) -> None:
        self.pause = pause

    def __len__(self) -> int:
        return SAMPLES

    def __getitem__(self, index: int) -> tuple[int, int]:
        time.sleep(self.pause)
        return index, os.getpid()


class SlowToStart(Processes):
    """Arrives late in a spawned worker, which cannot have its handlers before."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        time.sleep(1)
        self.__dict__.update(state)


class Note:
    """A `worker_init_fn` that leaves a file named like the worker's number."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, worker: int) -> None:
        (self.folder / str(worker)).touch()


def protected(dataset: Dataset, *, workers: int = 2, method: str = 'fork', **options: Any) -> DataLoader:
    context = method if workers else None
    loader: DataLoader = DataLoader(dataset, 2, num_workers=workers, multiprocessing_context=context, **options)
    protect_workers(loader)
    return loader


def begin(loader: DataLoader) -> Any:
    """Start the workers of an epoch as BasicSR's pipeline does, and return its batches."""
    prefetcher = protected_prefetcher(CPUPrefetcher)(loader)
    prefetcher.reset()
    return prefetcher.loader


def tell_all(pids: Any, *numbers: int, pause: float = 0.05) -> None:
    for number in numbers:
        for pid in pids:
            os.kill(pid, number)
        time.sleep(pause)


def pids_of(batches: Any) -> list[int]:
    return [worker.pid for worker in batches._workers]


def indices_of(batches: Any) -> list[int]:
    return sorted(index for batch in batches for index in batch[0].tolist())


def read_first(batches: Any) -> tuple[list[int], list[int]]:
    """Read until every worker has made a sample; return their pids and the indices read."""
    pids = pids_of(batches)
    seen: set[int] = set()
    indices: list[int] = []
    while seen != set(pids):
        batch = next(batches)
        seen.update(batch[1].tolist())
        indices += batch[0].tolist()
    return pids, indices


def is_running(pid: int) -> bool:
    """Say whether a process is there and no zombie."""
    try:
        state = Path(f'/proc/{pid}/stat').read_text().rsplit(')', 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != 'Z'


def start_program(code: str) -> subprocess.Popen[str]:
    """Run code in a fresh interpreter that has this module's names."""
    folder = Path(__file__).parent
    environment = {**os.environ, 'PYTHONPATH': os.pathsep.join(map(str, (folder, folder.parents[1])))}
    names = 'import os, signal, time\nimport hcl_arch\nfrom test_worker_signals import *\n'
    return subprocess.Popen(
        [sys.executable, '-c', names + code], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def pids_printed_by(program: subprocess.Popen[str]) -> list[int]:
    assert program.stdout is not None
    return [int(pid) for pid in program.stdout.readline().split()]


# A program in the middle of an epoch, whose workers have been told to stop.
IN_THE_MIDDLE = (
    'batches = begin(protected(Processes(pause=0.05)))\n'
    'pids, _ = read_first(batches)\n'
    'tell_all(pids, *SIGNALS)\n'
    'print(*pids, flush=True)\n'
)


class TestInTheMiddle:
    @pytest.mark.parametrize('numbers', [(signal.SIGTERM,), (signal.SIGINT,) * 3, (signal.SIGINT, signal.SIGTERM)])
    def test_workers_finish_the_epoch(self, numbers: tuple[int, ...]) -> None:
        batches = begin(protected(Processes(pause=0.01)))
        pids, indices = read_first(batches)
        tell_all(pids, *numbers)
        assert sorted(indices + indices_of(batches)) == list(range(SAMPLES))

    def test_workers_outlive_the_same_request_by_two_senders(self) -> None:
        """Torchrun ends a process with its group, and Slurm may have told all of them already."""
        batches = begin(protected(Processes(pause=0.02)))
        pids, indices = read_first(batches)
        tell_all(pids, signal.SIGTERM, signal.SIGTERM, pause=0.1)
        assert sorted(indices + indices_of(batches)) == list(range(SAMPLES))

    def test_each_epochs_workers_are_protected(self) -> None:
        loader = protected(Processes(pause=0.005))
        for _ in range(2):
            batches = begin(loader)
            pids, indices = read_first(batches)
            tell_all(pids, signal.SIGTERM)
            assert sorted(indices + indices_of(batches)) == list(range(SAMPLES))

    def test_workers_that_stay(self) -> None:
        loader = protected(Processes(pause=0.005), persistent_workers=True)
        batches = begin(loader)
        pids, indices = read_first(batches)
        assert sorted(indices + indices_of(batches)) == list(range(SAMPLES))
        tell_all(pids, signal.SIGTERM)
        batches = begin(loader)
        assert pids_of(batches) == pids
        assert indices_of(batches) == list(range(SAMPLES))
        batches._shutdown_workers()


class TestFromTheirFirstMoment:
    @pytest.mark.parametrize('number', SIGNALS)
    @pytest.mark.parametrize('pause', [0, 0.002, 0.01, 0.03])
    def test_forked(self, number: int, pause: float) -> None:
        batches = begin(protected(Processes()))
        time.sleep(pause)
        tell_all(pids_of(batches), number)
        assert indices_of(batches) == list(range(SAMPLES))

    @pytest.mark.parametrize('number', SIGNALS)
    def test_forked_while_others_are_started(self, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
        """The earliest that anybody can tell them: each one right after it is there."""
        start = multiprocessing.process.BaseProcess.start

        def start_and_tell(process: Any) -> None:
            start(process)
            os.kill(process.pid, number)

        monkeypatch.setattr(multiprocessing.process.BaseProcess, 'start', start_and_tell)
        assert indices_of(begin(protected(Processes()))) == list(range(SAMPLES))

    @pytest.mark.slow
    def test_spawned(self) -> None:
        """In a program of its own, whose first spawned workers these are."""
        program = start_program(
            'batches = begin(protected(SlowToStart(), method="spawn"))\n'
            'for pause in (0, 0.3, 1):\n'
            '    time.sleep(pause)\n'
            '    tell_all(pids_of(batches), signal.SIGTERM, signal.SIGINT)\n'
            'print(*indices_of(batches))\n'
        )
        output, _ = program.communicate(timeout=SPAWNING)
        assert output.split() == [str(index) for index in range(SAMPLES)]
        assert program.returncode == 0

    def test_they_are_not_deaf_for_ever(self) -> None:
        """A blocked SIGTERM could not end them at the end of the program."""
        batches = begin(protected(Processes()))
        pids, _ = read_first(batches)
        for pid in pids:
            status = Path(f'/proc/{pid}/status').read_text()
            (blocked,) = (int(line.split()[1], 16) for line in status.splitlines() if line.startswith('SigBlk'))
            assert not any(blocked >> (number - 1) & 1 for number in SIGNALS)


class TestStartedOnce:
    """BasicSR makes a prefetcher, which begins an epoch, and begins it anew right after."""

    @pytest.mark.parametrize('persistent', [False, True])
    def test_for_each_epoch(self, persistent: bool, monkeypatch: pytest.MonkeyPatch) -> None:
        started: list[Any] = []
        start = multiprocessing.process.BaseProcess.start

        def start_and_count(process: Any) -> None:
            started.append(process)
            start(process)

        monkeypatch.setattr(multiprocessing.process.BaseProcess, 'start', start_and_count)
        prefetcher = protected_prefetcher(CPUPrefetcher)(protected(Processes(), persistent_workers=persistent))
        for epoch in (1, 2):
            prefetcher.reset()
            assert len(started) == (2 if persistent else 2 * epoch)
            assert indices_of(iter(prefetcher.next, None)) == list(range(SAMPLES))

    def test_workers_that_stay_have_one_reader(self) -> None:
        """Of two threads on their iterator, each would miss what the other reads: the training ended after an epoch."""
        loader = PrefetchDataLoader(
            2, dataset=Processes(), batch_size=2, num_workers=2, multiprocessing_context='fork', persistent_workers=True
        )
        protect_workers(loader)
        prefetcher = protected_prefetcher(CPUPrefetcher)(loader)
        for _ in range(3):
            prefetcher.reset()
            assert indices_of(iter(prefetcher.next, None)) == list(range(SAMPLES))

    def test_spawned_ones_find_their_queues(self) -> None:
        """They need longer to start than torch waits for workers that it needs no more: here 0.1 instead of 5 s."""
        program = start_program(
            'import torch\n'
            'torch.utils.data._utils.MP_STATUS_CHECK_INTERVAL = 0.1\n'
            'prefetcher = protected_prefetcher(CPUPrefetcher)(protected(SlowToStart(), method="spawn"))\n'
            'prefetcher.reset()\n'
            'print(*indices_of(iter(prefetcher.next, None)))\n'
        )
        output, errors = program.communicate(timeout=SPAWNING)
        assert output.split() == [str(index) for index in range(SAMPLES)]
        assert 'SemLock' not in errors

    def test_of_the_prefetcher_for_gpus(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ('Stream', 'current_stream'):
            monkeypatch.setattr(torch.cuda, name, MagicMock())
        monkeypatch.setattr(torch.cuda, 'stream', lambda stream: contextlib.nullcontext())
        prefetcher = protected_prefetcher(CUDAPrefetcher)([{'lq': 0}, {'lq': 1}], {'num_gpu': 0})
        prefetcher.reset()
        assert list(iter(prefetcher.next, None)) == [{'lq': 0}, {'lq': 1}]


class TestTheTraining:
    def test_keeps_its_handlers_and_blocks_nothing(self) -> None:
        before = [signal.getsignal(number) for number in SIGNALS]
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, [])
        batches = begin(protected(Processes()))
        assert [signal.getsignal(number) for number in SIGNALS] == before
        assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == blocked
        assert indices_of(batches) == list(range(SAMPLES))

    def test_gets_a_signal_that_came_while_workers_were_started(self, monkeypatch: pytest.MonkeyPatch) -> None:
        came: list[int] = []
        previous = signal.signal(signal.SIGTERM, lambda number, frame: came.append(number))
        start = multiprocessing.process.BaseProcess.start

        def start_and_be_told(process: Any) -> None:
            os.kill(os.getpid(), signal.SIGTERM)
            start(process)

        monkeypatch.setattr(multiprocessing.process.BaseProcess, 'start', start_and_be_told)
        try:
            assert indices_of(begin(protected(Processes()))) == list(range(SAMPLES))
        finally:
            signal.signal(signal.SIGTERM, previous)
        assert set(came) == {signal.SIGTERM}  # one for each worker, or one for all

    def test_without_workers_nothing_changes(self) -> None:
        loader = protected(Processes(), workers=0)
        before = [signal.getsignal(number) for number in SIGNALS]
        assert indices_of(begin(loader)) == list(range(SAMPLES))
        assert [signal.getsignal(number) for number in SIGNALS] == before

    def test_an_error_at_the_start_unblocks_signals(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(process: Any) -> None:
            raise OSError('no more processes')

        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, [])
        monkeypatch.setattr(multiprocessing.process.BaseProcess, 'start', fail)
        with pytest.raises(OSError, match='no more processes'):
            begin(protected(Processes()))
        assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == blocked


class TestLoaders:
    def test_what_workers_did_before_is_still_done(self, tmp_path: Path) -> None:
        """BasicSR seeds its workers there."""
        loader = protected(Processes(), worker_init_fn=Note(tmp_path))
        assert indices_of(begin(loader)) == list(range(SAMPLES))
        assert sorted(path.name for path in tmp_path.iterdir()) == ['0', '1']

    def test_basicsrs_prefetching_loader(self) -> None:
        loader = PrefetchDataLoader(
            2, dataset=Processes(pause=0.01), batch_size=2, num_workers=2, multiprocessing_context='fork'
        )
        protect_workers(loader)
        assert isinstance(loader, PrefetchDataLoader)
        prefetcher = protected_prefetcher(CPUPrefetcher)(loader)
        for _ in range(2):
            prefetcher.reset()
            tell_all(pids_of(prefetcher.loader.generator), *SIGNALS, pause=0)
            indices = []
            while (batch := prefetcher.next()) is not None:
                indices += batch[0].tolist()
            assert sorted(indices) == list(range(SAMPLES))


class TestTheEnd:
    def test_idle_workers_shut_down_at_once(self) -> None:
        batches = begin(protected(Processes()))
        pids, _ = read_first(batches)
        tell_all(pids, signal.SIGTERM)
        start = time.monotonic()
        del batches
        assert time.monotonic() - start < 4
        assert not any(is_running(pid) for pid in pids)

    def test_in_the_middle_of_an_epoch(self) -> None:
        batches = begin(protected(Processes(pause=0.01)))
        pids, _ = read_first(batches)
        tell_all(pids, *SIGNALS)
        start = time.monotonic()
        batches._shutdown_workers()
        assert time.monotonic() - start < 4
        assert not any(is_running(pid) for pid in pids)

    def test_of_the_program_they_can_be_terminated(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """As multiprocessing does with workers that do not answer, before it waits for them without limit."""
        at_exit: list[Any] = []
        monkeypatch.setattr(worker_signals.atexit, 'register', lambda *call: at_exit.append(call))
        batches = begin(protected(Processes(), workers=1))
        (worker,) = batches._workers
        read_first(batches)
        tell_all([worker.pid], signal.SIGTERM, pause=0.1)
        assert worker.is_alive()
        for function, *arguments in at_exit:
            function(*arguments)
        worker.terminate()
        worker.join(5)
        assert worker.exitcode == 0

    @pytest.mark.parametrize(
        ('ending', 'code'), [pytest.param('', 0, marks=pytest.mark.slow), ('raise SystemExit(143)', 143)]
    )
    def test_of_a_program_in_the_middle_of_an_epoch(self, ending: str, code: int) -> None:
        with start_program(IN_THE_MIDDLE + ending) as program:
            pids = pids_printed_by(program)
            start = time.monotonic()
            assert program.wait(60) == code
        assert time.monotonic() - start < 8
        assert len(pids) == 2
        assert not any(is_running(pid) for pid in pids)

    @pytest.mark.slow
    def test_of_the_training_by_force(self) -> None:
        """Nobody tells them: they look every few seconds whether the training is still there."""
        with start_program(IN_THE_MIDDLE + 'os.kill(os.getpid(), signal.SIGKILL)') as program:
            pids = pids_printed_by(program)
            assert program.wait(60) == -signal.SIGKILL
        assert len(pids) == 2
        deadline = time.monotonic() + 20
        while any(is_running(pid) for pid in pids) and time.monotonic() < deadline:
            time.sleep(0.2)
        assert not any(is_running(pid) for pid in pids)
