"""Compute blocks in portions, or again in the backward pass, to trade time for memory.

On a CPU the intermediate results of a portion stay in the cache. A block of 64 channels on 256 x 256 pixels without
gradients then takes two thirds of the time. A GPU needs much work at once; there, portions only limit the memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Optional, TypeVar

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

_PORTION_TOKENS = {'cpu': 8192}
_PORTION_TOKENS_ELSEWHERE = 2**18


def overwrite_in_portions(block: nn.Module, windows: Tensor, *per_window: Optional[Tensor]) -> None:
    """Put ``block(windows, *per_window)`` in the place of the windows, without gradients.

    Args:
        block: Treats every window by itself and returns a tensor of the windows' shape.
        windows: (W, N, C).
        *per_window: More arguments of the block, W in their first dimension, or None.
    """
    for part in _portions(windows):
        windows[part] = block(windows[part], *_cut(per_window, part))


def recomputed_in_portions(block: nn.Module, windows: Tensor, *per_window: Optional[Tensor]) -> Tensor:
    """``block(windows, *per_window)``, keeping nothing but the arguments for the backward pass.

    Args:
        block: As for :func:`overwrite_in_portions`; draws no random numbers. The backward pass uses the parameters that
            it has by then.
        windows: (W, N, C).
        *per_window: More arguments of the block, without gradients, W in their first dimension, or None.

    Returns:
        (W, N, C).
    """
    return _Recomputed.apply(block, windows, per_window, *block.parameters())


def _portions(windows: Tensor) -> Iterator[slice]:
    size = max(1, _PORTION_TOKENS.get(windows.device.type, _PORTION_TOKENS_ELSEWHERE) // windows.shape[1])
    return (slice(start, start + size) for start in range(0, windows.shape[0], size))


def _cut(arguments: tuple[Optional[Tensor], ...], part: slice) -> list[Optional[Tensor]]:
    return [None if argument is None else argument[part] for argument in arguments]


class _Recomputed(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, block: nn.Module, windows: Tensor, per_window: tuple, *parameters: Tensor) -> Tensor:
        ctx.block, ctx.device_type, ctx.n_per_window = block, windows.device.type, len(per_window)
        ctx.autocast = {
            'enabled': torch.is_autocast_enabled(ctx.device_type),
            'dtype': torch.get_autocast_dtype(ctx.device_type),
            'cache_enabled': False,
        }
        # The parameters too, although the block holds them: so autograd notices if they are changed in between.
        ctx.save_for_backward(windows, *per_window, *parameters)
        out = windows.clone()
        overwrite_in_portions(block, out, *per_window)
        return out

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Optional[Tensor], ...]:
        windows, *per_window = ctx.saved_tensors[: 1 + ctx.n_per_window]
        with torch.enable_grad(), torch.autocast(ctx.device_type, **ctx.autocast):
            grad_windows, totals = _gradients(ctx.block, windows, tuple(per_window), grad)
        return None, grad_windows, None, *(totals.get(name) for name, _ in ctx.block.named_parameters())


def _gradients(
    block: nn.Module, windows: Tensor, per_window: tuple[Optional[Tensor], ...], grad: Tensor
) -> tuple[Tensor, dict[str, Tensor]]:
    """Gradients of the windows and, by name, of the parameters that are trained, added up over the portions."""
    totals = {name: torch.zeros_like(p) for name, p in block.named_parameters() if p.requires_grad}
    trained = [parameter for parameter in block.parameters() if parameter.requires_grad]
    grad_windows = torch.empty_like(windows)
    for part in _portions(windows):
        tokens = windows[part].detach().requires_grad_(True)
        out = block(tokens, *_cut(per_window, part))
        grad_windows[part], *of_part = torch.autograd.grad(out, [tokens, *trained], grad[part])
        for total, gradient in zip(totals.values(), of_part):
            total += gradient
    return grad_windows, totals


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
