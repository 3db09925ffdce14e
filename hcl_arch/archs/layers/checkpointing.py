"""Activation checkpointing: compute again in the backward pass instead of keeping intermediate results."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch.utils.checkpoint import checkpoint

Result = TypeVar('Result')


def checkpointed(function: Callable[..., Result], *arguments: Any, enabled: bool) -> Result:
    """Call a function; if enabled and a graph is being made, keep its arguments only.

    Args:
        function: Draws no random numbers.
        *arguments: Of the function.
        enabled: Whether to.
    """
    if not enabled or not torch.is_grad_enabled():
        return function(*arguments)
    return checkpoint(function, *arguments, use_reentrant=False, preserve_rng_state=False)
