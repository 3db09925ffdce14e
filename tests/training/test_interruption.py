"""Signals that are noted instead of ending the process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from hcl_arch.training import interruption as module
from hcl_arch.training.interruption import SIGNALS, Interruption, StopVote, interruption


def handlers() -> list[object]:
    return [signal.getsignal(number) for number in SIGNALS]


@pytest.fixture
def noted(monkeypatch: pytest.MonkeyPatch) -> Iterator[Interruption]:
    """An interruption that is installed, outside of a launcher."""
    monkeypatch.delenv('TORCHELASTIC_RUN_ID', raising=False)
    before = handlers()
    result = Interruption()
    result.install()
    yield result
    result.remove()
    assert handlers() == before


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT])
def test_a_signal_is_noted(number: signal.Signals, noted: Interruption, capfd: pytest.CaptureFixture[str]) -> None:
    assert noted.signal == 0
    os.kill(os.getpid(), number)
    assert noted.signal == number
    assert type(noted.signal) is int
    message = capfd.readouterr().err
    assert 'Asked to stop: the iteration will be finished and a checkpoint saved.' in message
    assert 'Ctrl-C again: at once' in message


def test_nobody_reads_the_message_any_more(noted: Interruption) -> None:
    """As after `hcl-train ... 2>&1 | head`, or when the terminal is closed."""
    stderr = os.dup(2)
    os.close(2)
    try:
        os.kill(os.getpid(), signal.SIGTERM)
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
    assert noted.signal == signal.SIGTERM


def test_a_message_into_a_broken_pipe(noted: Interruption) -> None:
    stderr, (reader, writer) = os.dup(2), os.pipe()
    os.close(reader)
    os.dup2(writer, 2)
    try:
        os.kill(os.getpid(), signal.SIGTERM)
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        os.close(writer)
    assert noted.signal == signal.SIGTERM


def test_the_first_one_counts(noted: Interruption, capfd: pytest.CaptureFixture[str]) -> None:
    os.kill(os.getpid(), signal.SIGTERM)
    os.kill(os.getpid(), signal.SIGTERM)
    assert noted.signal == signal.SIGTERM
    assert capfd.readouterr().err.count('Asked to stop') == 1


def test_only_the_first_process_says_so(
    noted: Interruption, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, 'get_dist_info', lambda: (1, 2))
    os.kill(os.getpid(), signal.SIGTERM)
    assert noted.signal == signal.SIGTERM
    assert capfd.readouterr().err == ''


def test_second_ctrl_c_is_impatient(noted: Interruption) -> None:
    os.kill(os.getpid(), signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)
    assert noted.signal == signal.SIGINT


def test_ctrl_c_after_a_termination_is_impatient(noted: Interruption) -> None:
    os.kill(os.getpid(), signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)


def test_a_launcher_repeats_ctrl_c(
    noted: Interruption, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv('TORCHELASTIC_RUN_ID', 'x')
    for _ in range(3):
        os.kill(os.getpid(), signal.SIGINT)
    assert noted.signal == signal.SIGINT
    message = capfd.readouterr().err
    assert message.count('Asked to stop') == 1
    assert 'Ctrl-C' not in message  # a second one would not help


def test_handlers_are_restored() -> None:
    def own(number: int, frame: object) -> None:
        pass

    previous = signal.signal(signal.SIGTERM, own)
    try:
        noted = Interruption()
        before = handlers()
        noted.install()
        noted.install()  # a second time does not lose what was before
        assert own not in handlers()
        noted.remove()
        assert handlers() == before
        noted.remove()
        assert signal.getsignal(signal.SIGTERM) is own
    finally:
        signal.signal(signal.SIGTERM, previous)


@pytest.mark.parametrize(('ignored', 'other'), [SIGNALS, SIGNALS[::-1]])
def test_a_signal_that_is_ignored_stays_ignored(ignored: signal.Signals, other: signal.Signals) -> None:
    """Shells let programs in the background ignore Ctrl-C, which is meant for the one in the foreground."""
    previous = signal.signal(ignored, signal.SIG_IGN)
    noted = Interruption()
    try:
        noted.install()
        os.kill(os.getpid(), ignored)
        assert noted.signal == 0
        os.kill(os.getpid(), other)
        assert noted.signal == other
        noted.remove()
        assert signal.getsignal(ignored) is signal.SIG_IGN
    finally:
        noted.remove()
        signal.signal(ignored, previous)


def test_installed_anew_it_has_forgotten(noted: Interruption) -> None:
    os.kill(os.getpid(), signal.SIGTERM)
    noted.remove()
    noted.install()
    assert noted.signal == 0


def test_installed_twice_it_has_forgotten(noted: Interruption) -> None:
    os.kill(os.getpid(), signal.SIGTERM)
    noted.install()
    assert noted.signal == 0


def test_only_some_signals() -> None:
    noted, before = Interruption(), handlers()
    noted.install([signal.SIGTERM])
    try:
        assert [now != then for now, then in zip(handlers(), before)] == [True, False]
    finally:
        noted.remove()


def test_not_in_another_thread() -> None:
    noted, before, errors = Interruption(), handlers(), []

    def install() -> None:
        try:
            noted.install()
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=install)
    thread.start()
    thread.join()
    assert errors == []
    assert handlers() == before


def test_importing_changes_nothing() -> None:
    assert interruption.signal == 0
    assert all(getattr(handler, '__self__', None) is not interruption for handler in handlers())


class TestStopVoteOfOneProcess:
    def test_counts_at_once(self) -> None:
        vote = StopVote()
        assert [vote.count(number) for number in (0, 0, 15, 0)] == [0, 0, 15, 0]

    def test_counts_now(self) -> None:
        vote = StopVote()
        assert [vote.count_now(number) for number in (0, 15, 0)] == [0, 15, 0]

    def test_waits_for_nobody(self) -> None:
        StopVote().wait_for_all()


class TestStopVoteOfTwoProcesses:
    """Each prints what it counts of the votes that it is given."""

    CODE = (
        'import sys, torch.distributed as dist\n'
        'from hcl_arch.training.interruption import StopVote\n'
        'store, rank, *votes = sys.argv[1:]\n'
        'dist.init_process_group("gloo", init_method=f"file://{store}", rank=int(rank), world_size=2)\n'
        'vote = StopVote()\n'
        'counted = []\n'
        'for word in votes:\n'
        '    name, number = word.split(":")\n'
        '    counted.append(getattr(vote, name)(int(number)))\n'
        'print(*counted)\n'
        'vote.wait_for_all()\n'
        'dist.destroy_process_group()\n'
    )

    def counted(self, folder: Path, *votes: str) -> list[list[int]]:
        processes = [
            subprocess.Popen(
                [sys.executable, '-c', self.CODE, str(folder / 'store'), str(rank), *own.split()],
                stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2],
            )
            for rank, own in enumerate(votes)
        ]  # fmt: skip
        outputs = [process.communicate(timeout=60)[0] for process in processes]
        assert [process.returncode for process in processes] == [0, 0]
        return [[int(number) for number in output.splitlines()[-1].split()] for output in outputs]

    @pytest.mark.slow
    def test_all_learn_of_it_in_the_same_iteration(self, tmp_path: Path) -> None:
        one, other = self.counted(tmp_path, 'count:0 count:15 count:15', 'count:0 count:0 count:0')
        assert one == other == [0, 0, 15]

    @pytest.mark.slow
    def test_at_the_end_it_is_counted_at_once(self, tmp_path: Path) -> None:
        one, other = self.counted(tmp_path, 'count:0 count:0 count_now:0', 'count:0 count:0 count_now:2')
        assert one == other == [0, 0, 2]

    @pytest.mark.slow
    def test_a_vote_of_the_last_but_one_is_not_lost(self, tmp_path: Path) -> None:
        one, other = self.counted(tmp_path, 'count:0 count:15 count_now:15', 'count:0 count:0 count_now:0')
        assert one == other == [0, 0, 15]
