"""Float32 islands: computations that keep their precision where autocast lowers everyone else's."""

from __future__ import annotations

import torch
from torch import Tensor


def without_autocast(like: Tensor) -> torch.autocast:
    """Context in which autocast leaves the tensors of this one's device as they are."""
    return torch.autocast(like.device.type, enabled=False)
