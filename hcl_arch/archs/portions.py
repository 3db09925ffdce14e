"""Blocks that go through their windows in portions, with little memory beside the windows themselves.

On a CPU a portion's intermediate results stay in the cache: at 64 channels and 256 x 256 pixels a block without gradients
takes two thirds of its time so, and one with gradients no longer than if it kept everything. On a GPU, which
wants much work at a time, portions only bound the memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Optional

import torch
from torch import Tensor, nn

_PORTION_TOKENS = {'cpu': 4096}
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
        ctx.block, ctx.device_type = block, windows.device.type
        ctx.autocast = {
            'enabled': torch.is_autocast_enabled(ctx.device_type),
            'dtype': torch.get_autocast_dtype(ctx.device_type),
            'cache_enabled': False,
        }
        ctx.n_per_window = len(per_window)
        # The parameters too, although the block holds them: so autograd notices if they are changed in between.
        ctx.save_for_backward(windows, *per_window, *parameters)
        out = windows.clone()
        overwrite_in_portions(block, out, *per_window)
        return out

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Optional[Tensor], ...]:
        windows, *per_window = ctx.saved_tensors[: 1 + ctx.n_per_window]
        parameters = [parameter for parameter in ctx.block.parameters() if parameter.requires_grad]
        totals = [torch.zeros_like(parameter) for parameter in parameters]
        grad_windows = torch.empty_like(windows)
        for part in _portions(windows):
            with torch.enable_grad(), torch.autocast(ctx.device_type, **ctx.autocast):
                tokens = windows[part].detach().requires_grad_(True)
                out = ctx.block(tokens, *_cut(tuple(per_window), part))
            grad_windows[part], *parts = torch.autograd.grad(out, [tokens, *parameters], grad[part])
            if parts:
                torch._foreach_add_(totals, parts)
        of_trained = iter(totals)
        of_parameters = [next(of_trained) if p.requires_grad else None for p in ctx.block.parameters()]
        return None, grad_windows, None, *of_parameters
