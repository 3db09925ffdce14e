"""Random networks that tell regions apart."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import nn

Network = TypeVar('Network', bound=nn.Module)


@torch.no_grad()
def with_contrast(network: Network) -> Network:
    """Make a fresh network's embeddings differ from place to place: by themselves, clusters hang on the last digit.

    The network is changed and returned.
    """
    for name, parameter in getattr(network, 'detector', network).named_parameters():
        if parameter.ndim == 4:
            parameter.mul_(7.5 if 'projection' in name else 2.5)
        elif 'projection' in name:
            parameter.zero_()
    return network
