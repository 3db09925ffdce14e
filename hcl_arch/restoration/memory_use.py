"""Memory that a network needs for a picture, estimated from one run on a small one."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

# Allowance for what the tensor count misses: a convolution's workspace and the allocator's reserve. With it, 3.0 GiB
# were estimated for a picture of 2400 x 3300 in a small HCLNet; the process grew by 3.1 GiB, which includes its arrays
# of the picture's size.
_ALLOWANCE = 1.3


def peak_bytes(run: Callable[[], object], device: torch.device) -> float:
    """Peak memory, in bytes, that a computation holds beyond what was allocated before.

    On a GPU the allocator reports it. On a CPU the memory of all tensors returned by operations is summed while they
    live, which is independent of other threads and the same in every run; an allowance is added for memory outside
    tensors.

    Args:
        run: The computation; returns its result.
        device: Where it runs.
    """
    if device.type == 'cuda':
        torch.cuda.synchronize(device)
        before = torch.cuda.memory_allocated(device)
        torch.cuda.reset_peak_memory_stats(device)
        run()
        torch.cuda.synchronize(device)
        return float(torch.cuda.max_memory_allocated(device) - before) * _ALLOWANCE
    with _LiveMemory() as memory:
        run()
    return memory.peak * _ALLOWANCE


class _LiveMemory(TorchDispatchMode):
    """Sums the storages of tensors returned by operations of this thread, as long as they live."""

    def __init__(self) -> None:
        super().__init__()
        self.live: dict[int, weakref.ref] = {}
        self.now = 0
        self.peak = 0

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        # PyTorch's own answer makes it import its compiler at the first operation, for a second and 100 MB.
        return False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        known = {id(leaf.untyped_storage()) for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)}
        for leaf in tree_leaves(result):
            if isinstance(leaf, Tensor):
                self._count(leaf.untyped_storage(), known)
        return result

    def _count(self, storage: torch.UntypedStorage, known: set[int]) -> None:
        key, size = id(storage), storage.nbytes()
        if key in self.live or key in known:
            return

        def forget(_: object) -> None:
            self.now -= size
            self.live.pop(key, None)

        self.live[key] = weakref.ref(storage, forget)
        self.now += size
        self.peak = max(self.peak, self.now)
