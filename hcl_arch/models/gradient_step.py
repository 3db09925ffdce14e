"""The gradient step of one network: backward pass, loss scaling where the precision needs it, optimizer."""

from __future__ import annotations

from typing import Optional

import torch
from torch import Tensor

from hcl_arch.precision import Precision


class GradientStep:
    """Adds up gradients over the parts of a batch, then takes one step.

    Args:
        optimizer: Of the network.
        device: Where the network is.
        precision: In float16 losses are scaled, so that small gradients do not vanish; steps whose gradients overflow
            are left out, and the scale is lowered.
    """

    def __init__(
        self, optimizer: torch.optim.Optimizer, device: torch.device, precision: Precision = 'fp32'
    ) -> None:
        self._optimizer = optimizer
        self.scaler: Optional[torch.amp.GradScaler] = None
        if precision == 'fp16':
            self.scaler = torch.amp.GradScaler(device.type)

    def start(self) -> None:
        """Forget the gradients of the last step."""
        self._optimizer.zero_grad(set_to_none=True)

    def backward(self, loss: Tensor) -> None:
        """Add a loss's gradients."""
        (loss if self.scaler is None else self.scaler.scale(loss)).backward()

    def step(self) -> None:
        """Move the parameters."""
        if self.scaler is None:
            self._optimizer.step()
        else:
            self.scaler.step(self._optimizer)
            self.scaler.update()
