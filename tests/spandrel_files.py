"""Small files as spandrel recognises them: each tensor is one number, expanded to its shape."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

LAMA_FILLS_WITH = (0.2689, 0.5, 0.7311)
"""The colour of all holes: the sigmoid of the last layer's bias."""


def lama_state() -> dict[str, Tensor]:
    """LaMa's tensors: convolutions give 0, norms change nothing, and the last bias says the colour."""
    pytest.importorskip('spandrel')
    from spandrel.architectures.LaMa import LaMa

    with torch.device('meta'):
        network = LaMa(in_nc=4, out_nc=3)
    norms = {name for name, module in network.named_modules() if isinstance(module, torch.nn.BatchNorm2d)}
    ones = {f'{name}.{part}' for name in norms for part in ('weight', 'running_var')}
    state = {
        name: torch.tensor(float(name in ones)).expand(value.shape) if value.is_floating_point() else torch.tensor(0)
        for name, value in network.state_dict().items()
    }
    return {**state, 'model.model.34.bias': torch.tensor([-1.0, 0.0, 1.0])}


def write(content: Any, path: Path) -> Path:
    """Write a file of torch.save."""
    torch.save(content, path)
    return path
