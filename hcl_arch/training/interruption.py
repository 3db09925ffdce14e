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
        signal: the number of the received signal, 0 if none.
    """

    def __init__(self) -> None:
        self.signal = 0
        self._previous: dict[int, Any] = {}

    def install(self, signals: Iterable[signal.Signals] = SIGNALS) -> None:
        """Start to note signals. Works in a program's main thread only; in another, nothing is changed."""
        self.signal = 0
        if self._previous or threading.current_thread() is not threading.main_thread():
            return
        for number in signals:
            if signal.getsignal(number) is not signal.SIG_IGN:  # as shells set it for background programs
                self._previous[number] = signal.signal(number, self._note)

    def remove(self) -> None:
        """Forget the received signal and restore the previous signal handlers."""
        self.signal = 0
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        self._previous = {}

    def _note(self, number: int, frame: Any) -> None:
        # A launcher forwards Ctrl-C to processes that have already received it from the terminal.
        can_insist = 'TORCHELASTIC_RUN_ID' not in os.environ
        if number == signal.SIGINT and self.signal and can_insist:
            raise KeyboardInterrupt
        if self.signal:
            return
        self.signal = int(number)
        if get_dist_info()[0] == 0:
            # Not with print, which may itself be interrupted; and the reader may be gone.
            with contextlib.suppress(OSError):
                os.write(2, _MESSAGE + (_HOW_AT_ONCE if can_insist else b''))


interruption = Interruption()
"""Of this process."""


class StopVote:
    """Tells all processes in the same iteration that one of them was asked to stop.

    Each iteration's vote is counted in the next one, so no process waits for it.
    """

    def __init__(self) -> None:
        self._group: Optional[dist.ProcessGroup] = None
        self._pending: Optional[tuple[Any, torch.Tensor]] = None
        if get_dist_info()[1] > 1:
            self._group = dist.new_group(backend='gloo')  # on the CPU, to avoid waiting for a GPU

    def count(self, own_signal: int) -> int:
        """Cast this process's vote; every process does so once per iteration.

        Args:
            own_signal: the signal that this process received, 0 for none.

        Returns:
            The signal that any process received, 0 for none; the same in all processes.
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
        """Like `count`, but for the current vote, waiting for the other processes."""
        self.count(own_signal)
        return self.count(own_signal)

    def wait_for_all(self) -> None:
        """Wait until every process has reached this point."""
        if self._group is not None:
            dist.barrier(self._group)
