"""Activations that store less for the backward pass, or nothing."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def gelu_(x: Tensor) -> Tensor:
    """Exact GELU in place, without gradients."""
    return torch.ops.aten.gelu_(x)


class OverwritingGELU(nn.Module):
    """Exact GELU for an input that is not used elsewhere: without gradients it overwrites its input."""

    def forward(self, x: Tensor) -> Tensor:
        """Any shape -> the same shape."""
        return F.gelu(x) if torch.is_grad_enabled() else gelu_(x)


def gated_gelu(features: Tensor, gate: Tensor) -> Tensor:
    """GELU(features) * sigmoid(gate).

    For the backward pass it keeps its two inputs; composed of PyTorch's functions it would keep five tensors. Without
    gradients it overwrites both inputs.

    Args:
        features: Any shape.
        gate: The same shape.

    Returns:
        The same shape.
    """
    if torch.is_grad_enabled():
        return _GatedGELU.apply(features, gate)
    return gelu_(features).mul_(gate.sigmoid_())


class _GatedGELU(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, features: Tensor, gate: Tensor) -> Tensor:
        ctx.save_for_backward(features, gate)
        # Not in place: torch.compile would take the product for a changed input and lose the gradients.
        return F.gelu(features) * torch.sigmoid(gate)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor]:
        features, gate = ctx.saved_tensors
        share = torch.sigmoid(gate)
        grad_features = torch.ops.aten.gelu_backward(grad * share, features)
        # The sigmoid's slope is share * (1 - share).
        grad_gate = F.gelu(features).mul_(grad).mul_(share).mul_(1 - share)
        return grad_features, grad_gate
