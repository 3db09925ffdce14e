"""Make networks without touching what all threads of a process share."""

from __future__ import annotations

import threading
from typing import Any, Optional

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

_NUMBERS = (torch.empty, torch.zeros, torch.ones, torch.eye, torch.linspace, torch.logspace, torch.rand, torch.randn)
# Of whole numbers or not, as what they are given.
_FACTORIES = (*_NUMBERS, torch.tensor, torch.as_tensor, torch.full, torch.arange, torch.randint, torch.randperm)
_DRAWS = (
    torch.rand, torch.randn, torch.randint, torch.randperm, torch.normal, torch.bernoulli, torch.multinomial,
    *(getattr(torch.Tensor, name) for name in (
        'uniform_', 'normal_', 'random_', 'bernoulli_', 'exponential_', 'cauchy_', 'geometric_', 'log_normal_',
    )),
    *(getattr(nn.init, name) for name in (
        'uniform_', 'normal_', 'trunc_normal_', 'xavier_uniform_', 'xavier_normal_', 'kaiming_uniform_',
        'kaiming_normal_', 'orthogonal_', 'sparse_',
    )),
)  # fmt: skip
_of_thread = threading.local()


class Apart(TorchFunctionMode):
    """A block in which this thread makes tensors of float32 and draws from a generator of its own.

    The process's default type, its default generator and all other threads stay as they are and do not matter.
    (`torch.device` as a context and `torch.random.fork_rng` do the like with variables of the process.)

    Args:
        device: Where tensors are made that name no device; `meta` holds shapes and no numbers.
    """

    def __init__(self, device: Optional[str] = None) -> None:
        super().__init__()
        self._device = device
        self._generator = torch.Generator()

    def __enter__(self) -> Apart:
        _of_thread.depth = getattr(_of_thread, 'depth', 0) + 1
        return super().__enter__()

    def __exit__(self, *error: Any) -> None:
        _of_thread.depth -= 1
        super().__exit__(*error)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if func in _FACTORIES and kwargs.get('device') is None and self._device is not None:
            kwargs['device'] = self._device
        if func in _DRAWS and kwargs.get('generator') is None:
            place = args[0].device if args and isinstance(args[0], Tensor) else kwargs.get('device') or 'cpu'
            if torch.device(place).type == 'cpu':
                kwargs['generator'] = self._generator
        if func in _NUMBERS and kwargs.get('dtype') is None:
            kwargs['dtype'] = torch.float32
        result = func(*args, **kwargs)
        if func not in _FACTORIES or kwargs.get('dtype') is not None or hasattr(args[0] if args else None, 'dtype'):
            return result
        # Of numbers without a type: again if they are not whole.
        return func(*args, **{**kwargs, 'dtype': torch.float32}) if result.is_floating_point() else result


def is_apart() -> bool:
    """Whether this thread is within such a block: remarks on how a network will be trained are out of place there."""
    return getattr(_of_thread, 'depth', 0) > 0
