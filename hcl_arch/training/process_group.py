"""Joining and leaving the group of processes that train together."""

from __future__ import annotations

import atexit
import functools
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist

# How long a process waits at its end for the others; one of them may be writing a large checkpoint.
_FAREWELL_TIMEOUT = timedelta(minutes=10)


def joined_then_left(join: Callable[..., None]) -> Callable[..., None]:
    """Return a function that joins the process group like `join`, and leaves it when the process ends.

    BasicSR never leaves it explicitly; the process then occasionally aborts while another is still writing.
    """

    @functools.wraps(join)
    def join_and_leave_at_exit(*args: Any, **kwargs: Any) -> None:
        join(*args, **kwargs)
        # The wait at the end uses gloo, which supports a timeout, whatever backend the training uses.
        group = dist.new_group(backend='gloo', timeout=_FAREWELL_TIMEOUT)
        atexit.register(leave_group, group)

    return join_and_leave_at_exit


def leave_group(group: dist.ProcessGroup) -> None:
    """Wait for the other processes and leave the group; do neither after an error.

    Args:
        group: a gloo group of all processes.
    """
    if not dist.is_initialized():
        return
    failed = getattr(sys, 'last_type', None) is not None  # set if an error ended the program
    if failed or ended_by_error():
        return  # an orderly exit could wait for a process that is gone
    try:
        dist.monitored_barrier(group)
    except RuntimeError as error:
        print(f'A process of the training did not end with the others: {error}', file=sys.stderr)
    dist.destroy_process_group()


_ended_by_error = False


def note_error() -> None:
    """Record that this process ends because of an error that it has reported itself."""
    global _ended_by_error
    _ended_by_error = True


def ended_by_error() -> bool:
    """Whether `note_error` was called."""
    return _ended_by_error


def init_gloo(backend: str, **kwargs: Any) -> None:
    """Join the process group with gloo, the backend that works on CPUs.

    Args:
        backend: the backend that BasicSR asks for (`nccl`); not used.
        **kwargs: passed on to `torch.distributed.init_process_group`.
    """
    torch.distributed.init_process_group(backend='gloo', **kwargs)
