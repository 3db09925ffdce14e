"""Signals that ask a training to stop, and how several processes stop at the same iteration."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterable
from typing import Any, Optional

import torch
import torch.distributed as dist
from basicsr.utils.dist_util import get_dist_info

SIGNALS = (signal.SIGTERM, signal.SIGINT)
_MESSAGE = b'\nAsked to stop: the iteration will be finished and a checkpoint saved.\n'
_HOW_AT_ONCE = b'(Ctrl-C again: at once, without a checkpoint.)\n'


class Interruption:
    """Notes SIGTERM and Ctrl-C instead of ending the process.

    Attributes:
        signal: the number of the signal that came, 0 if none did.
    """

    def __init__(self) -> None:
        self.signal = 0
        self._previous: dict[int, Any] = {}

    def install(self, signals: Iterable[signal.Signals] = SIGNALS) -> None:
        """Begin to note signals. Only a program's main thread can; in another, nothing is changed."""
        self.signal = 0
        if self._previous or threading.current_thread() is not threading.main_thread():
            return
        for number in signals:
            if signal.getsignal(number) is not signal.SIG_IGN:  # as shells set it for programs in the background
                self._previous[number] = signal.signal(number, self._note)

    def remove(self) -> None:
        """Forget the signal that came, and let signals do again what they did before."""
        self.signal = 0
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        self._previous = {}

    def _note(self, number: int, frame: Any) -> None:
        # A launcher hands Ctrl-C on to processes that the terminal has told already.
        can_insist = 'TORCHELASTIC_RUN_ID' not in os.environ
        if number == signal.SIGINT and self.signal and can_insist:
            raise KeyboardInterrupt
        if self.signal:
            return
        self.signal = int(number)
        if get_dist_info()[0] == 0:
            # Not by print, which may be what was interrupted; and there may be nobody to read it any more.
            with contextlib.suppress(OSError):
                os.write(2, _MESSAGE + (_HOW_AT_ONCE if can_insist else b''))


interruption = Interruption()
"""Of this process."""


class StopVote:
    """Lets all processes learn in the same iteration that one of them was asked to stop.

    Each iteration's vote is counted in the next one, so that nobody waits for it.
    """

    def __init__(self) -> None:
        self._group: Optional[dist.ProcessGroup] = None
        self._pending: Optional[tuple[Any, torch.Tensor]] = None
        if get_dist_info()[1] > 1:
            self._group = dist.new_group(backend='gloo')  # on the CPU: no wait for a GPU

    def count(self, own_signal: int) -> int:
        """Hand in this process's vote; every process does so once an iteration.

        Args:
            own_signal: the signal that this process got, 0 for none.

        Returns:
            The signal that a process got, 0 for none; the same in all of them.
        """
        if self._group is None:
            return own_signal
        counted = 0
        if self._pending is not None:
            work, ballot = self._pending
            work.wait()
            counted = int(ballot)
        ballot = torch.tensor(own_signal)
        work = dist.all_reduce(ballot, op=dist.ReduceOp.MAX, group=self._group, async_op=True)
        self._pending = work, ballot
        if counted:
            work.wait()
        return counted

    def count_now(self, own_signal: int) -> int:
        """As `count`, but of this vote, for which the others are waited for."""
        self.count(own_signal)
        return self.count(own_signal)

    def wait_for_all(self) -> None:
        """Wait until every process has come here."""
        if self._group is not None:
            dist.barrier(self._group)
