"""Float32 islands: computations that keep their precision where autocast lowers everyone else's."""

from __future__ import annotations

import contextlib
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor

from hcl_arch.archs.layers.exporting import is_exporting


def without_autocast(like: Tensor) -> AbstractContextManager[Any]:
    """Context in which autocast leaves the tensors of this one's device as they are."""
    # Exported programs have no autocast, and other runtimes do not know what that is.
    return contextlib.nullcontext() if is_exporting() else torch.autocast(like.device.type, enabled=False)
