"""Parameter groups for an optimizer, each with its own learning rate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Optional

from torch import nn


def parameter_groups(net: nn.Module, given: Mapping[str, Optional[float]], lr: float) -> list[dict[str, Any]]:
    """Group the parameters of a network that learn by the first part whose name their own starts with.

    Args:
        net: The network.
        given: Start of a part's parameters' names -> its learning rate; None is that of the part around it.
        lr: Learning rate of the rest.

    Returns:
        Groups as optimizers take them, with ``params`` and ``lr``; the rest comes first, empty groups are left out.
    """
    rates = {'': lr, **{prefix: _rate_of(prefix, given, lr) for prefix in given}}
    groups: dict[str, dict[str, Any]] = {prefix: {'params': [], 'lr': rate} for prefix, rate in rates.items()}
    for name, parameter in net.named_parameters():
        if parameter.requires_grad:
            groups[next((prefix for prefix in given if name.startswith(prefix)), '')]['params'].append(parameter)
    return [group for group in groups.values() if group['params']]


def _rate_of(part: str, given: Mapping[str, Optional[float]], lr: float) -> float:
    """A part's own learning rate, that of the part around it, or the network's."""
    around = sorted((prefix for prefix in given if part.startswith(prefix)), key=len, reverse=True)
    rates = (given[prefix] for prefix in around)
    return next((rate for rate in rates if rate is not None), lr)
