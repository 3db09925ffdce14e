"""Reports steps skipped because of a non-finite loss or gradient, with a delay that avoids waiting for the GPU."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Optional

import torch
from torch import Tensor

from hcl_arch.utils.atomic_file import open_to_append
from hcl_arch.utils.errors import HCLError

# Iterations after which a GPU has normally finished: its flags can then be read without waiting.
_LAG = 8


# Default of `train: max_skipped_steps`: more than float16 needs to find its scale, which it halves in each such step.
DEFAULT_SKIPPED_STEPS = 30


class NonFiniteError(HCLError, RuntimeError):
    """Too many steps in a row had a non-finite loss or gradient."""


class _Record(NamedTuple):
    iteration: int
    nets: tuple[str, ...]
    losses: tuple[str, ...]
    flags: Tensor
    copied: Optional[Any]
    images: tuple[str, ...]


class StepWatch:
    """Counts and logs skipped steps.

    Args:
        limit: this many skipped steps in a row are too many.
        log_file: receives a line for each, with the images of this process's part of the batch. None: nothing is
            written.
        lag: a step is judged once this many others have started after it. None: several on a GPU, none on a CPU.
    """

    def __init__(self, *, limit: int, log_file: Optional[Path], lag: Optional[int] = None) -> None:
        self.limit = limit
        self.in_a_row = 0
        """Steps left out since the last one that was taken."""
        self._log_file = log_file
        self._lag = lag
        self._records: deque[_Record] = deque()
        self._last_line = ''

    def record(
        self, iteration: int, skipped: Mapping[str, Tensor], losses: Mapping[str, Tensor], images: Sequence[str]
    ) -> None:
        """Record a step without waiting for it.

        Args:
            iteration: its number.
            skipped: name of a network -> whether its step was skipped, scalars.
            losses: name -> value, scalars.
            images: images of the batch, for the log.
        """
        bad_losses = [~loss.isfinite() for loss in losses.values()]
        flags = torch.stack([flag.reshape(()) for flag in (*skipped.values(), *bad_losses)])
        copied = None
        if flags.is_cuda:
            if self._lag is None:
                self._lag = _LAG
            flags = torch.empty(flags.shape, dtype=flags.dtype, pin_memory=True).copy_(flags, non_blocking=True)
            copied = torch.cuda.Event()
            copied.record()
        self._records.append(_Record(iteration, tuple(skipped), tuple(losses), flags, copied, tuple(images)))

    def judge(self, *, all_of_them: bool = False) -> list[str]:
        """Judge the finished steps, or all steps, which waits for the GPU.

        Returns:
            A line for each skipped step.

        Raises:
            NonFiniteError: too many steps in a row were skipped.
        """
        lines, most_in_a_row = [], self.in_a_row
        while self._records and (all_of_them or len(self._records) > (self._lag or 0)):
            record = self._records.popleft()
            if record.copied is not None:
                record.copied.synchronize()
            line = _describe(record)
            if line is None:
                self.in_a_row = 0
                continue
            self.in_a_row += 1
            if self.in_a_row > most_in_a_row:
                most_in_a_row, self._last_line = self.in_a_row, line
            lines.append(line)
        self._write(lines)
        if most_in_a_row >= self.limit:
            raise NonFiniteError(
                f'{most_in_a_row} steps in a row had a loss or a gradient that is not finite, the last one in '
                f'{self._last_line}. No such step was taken, so the parameters are good. '
                f'{self._where_listed()}Lower the learning rate or train in fp32, look at the images, and '
                'resume with --auto_resume: it goes back to the last checkpoint from which a step was taken, and takes '
                'the learning rate of the option file. `train: max_skipped_steps` is the limit.'
            )
        return lines

    def _write(self, lines: list[str]) -> None:
        if not lines or self._log_file is None:
            return
        try:
            self._log_file.parent.mkdir(parents=True, exist_ok=True)  # it may not exist on another machine
            with open_to_append(self._log_file) as file:
                file.writelines(line + '\n' for line in lines)
        except OSError as error:  # not a reason to end a training
            print(f'{self._log_file} cannot be written ({error}): {"; ".join(lines)}', file=sys.stderr)

    def _where_listed(self) -> str:
        return '' if self._log_file is None else f'{self._log_file} lists them. '


def _describe(record: _Record) -> Optional[str]:
    """Return a line about a skipped step, None if it was not skipped."""
    flags = record.flags.tolist()
    nets = [net for net, skipped in zip(record.nets, flags) if skipped]
    if not nets:
        return None
    losses = [loss for loss, bad in zip(record.losses, flags[len(record.nets) :]) if bad]
    cause = f'not finite: {", ".join(losses)}' if losses else 'no loss of this process is the cause, a gradient is'
    left_out = ', '.join(f'no step of {net}' for net in nets)
    return f'iteration {record.iteration}: {left_out}; {cause}; images: {", ".join(record.images)}'
