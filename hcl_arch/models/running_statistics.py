"""What normalisation layers remember of batches, set back with a step that is left out."""

from __future__ import annotations

import torch
from torch import Tensor, nn

_NAMES = ('running_mean', 'running_var', 'num_batches_tracked')


class RunningStatistics:
    """The running statistics of a network: a forward pass changes them, also one whose step is not taken.

    Args:
        net: The network, on its device.
    """

    def __init__(self, net: nn.Module) -> None:
        self._buffers = [buffer for name, buffer in net.named_buffers() if name.rpartition('.')[2] in _NAMES]
        self._noted: list[Tensor] = []

    def note(self) -> None:
        """Remember the present ones."""
        self._noted = [buffer.clone() for buffer in self._buffers]

    @torch.no_grad()
    def set_back(self, skipped: Tensor) -> None:
        """Return to those that were noted, if a step was left out; the host does not wait for the answer.

        Args:
            skipped: A scalar, whether it was.
        """
        for buffer, noted in zip(self._buffers, self._noted):
            buffer.copy_(torch.where(skipped, noted, buffer))
