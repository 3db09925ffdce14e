"""The gradient step of one network: backward pass, loss scaling if the precision needs it, optimizer."""

from __future__ import annotations

import math
from typing import Any, Optional

import torch
from torch import Tensor

from hcl_arch.utils.precision import Precision


class GradientStep:
    """Sums gradients over the parts of a batch, then takes one step unless a gradient or loss is not finite.

    The decision is made on the device, so with a fused optimizer, such as the default Adam, the host does not wait for
    it. Processes that exchange gradients make the same decision, because a value that is not finite in one process
    spreads to all.

    Args:
        optimizer: Of the network.
        device: Where the network is.
        precision: In float16 losses are scaled, so that small gradients do not vanish. If gradients overflow, the scale
            is reduced.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, device: torch.device, precision: Precision = 'fp32') -> None:
        self._optimizer = optimizer
        self.scaler: Optional[torch.amp.GradScaler] = None
        if precision == 'fp16':
            self.scaler = torch.amp.GradScaler(device.type)

    def start(self) -> None:
        """Forget the gradients of the last step."""
        self._optimizer.zero_grad(set_to_none=True)

    def backward(self, loss: Tensor) -> None:
        """Add a loss's gradients; those of a loss that is not finite are NaN."""
        # Infinite losses can have finite gradients, which would go unnoticed, in other processes above all.
        marked = loss * torch.where(loss.detach().isfinite(), 1.0, math.nan)
        (marked if self.scaler is None else self.scaler.scale(marked)).backward()

    def step(self) -> Tensor:
        """Move the parameters, unless a gradient is not finite.

        Returns:
            A scalar, whether they were left where they are.
        """
        if self.scaler is not None:
            self.scaler.unscale_(self._optimizer)
        skipped = ~self._gradient_norm().isfinite()
        if all(group.get('fused') for group in self._optimizer.param_groups):
            # As GradScaler.step tells it of gradients that overflow: the update's kernel looks at it.
            self._optimizer.found_inf = skipped.float()  # type: ignore[attr-defined]
            self._optimizer.step()
        elif not skipped.item():
            self._optimizer.step()
        if self.scaler is not None:
            self.scaler.update()
        return skipped

    def state_dict(self) -> dict[str, Any]:
        """The scaler's state, for a training state."""
        return {} if self.scaler is None else self.scaler.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on with a saved state; one without a scaler's leaves the scaler at its start."""
        if self.scaler is not None and state:
            self.scaler.load_state_dict(state)

    def _gradient_norm(self) -> Tensor:
        gradients = [
            parameter.grad
            for group in self._optimizer.param_groups
            for parameter in group['params']
            if parameter.grad is not None
        ]
        return torch.nn.utils.get_total_norm(gradients)
