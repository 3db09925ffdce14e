"""Signals that are noted instead of ending the process."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator

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
    assert 'Asked to stop' in capfd.readouterr().err


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


def test_a_launcher_repeats_ctrl_c(noted: Interruption, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('TORCHELASTIC_RUN_ID', 'x')
    for _ in range(3):
        os.kill(os.getpid(), signal.SIGINT)
    assert noted.signal == signal.SIGINT


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

    def test_waits_for_nobody(self) -> None:
        StopVote().wait_for_all()
