"""Initial weights of networks."""

from __future__ import annotations

from typing import Literal, get_args

from torch import nn

from hcl_arch.utils.argument_checks import check_choice

WeightInit = Literal['torch', 'normal']
# Of the normal distribution, as in the authors' program.
DEVIATION = 0.02


def init_weights(network: nn.Module, weight_init: WeightInit) -> None:
    """Let the weights of a fresh network start as the option says.

    ``normal``: those of convolutions and linear layers from a normal distribution of mean 0 and deviation 0.02, their
    biases from 0, as in the authors' program; ``torch``: all as PyTorch's layers make them, from uniform distributions
    as wide as the layer's inputs are few. Other parameters stay as they are.

    Args:
        network: Changed in place.
        weight_init: Which of the two.

    Raises:
        ValueError: If it is neither.
    """
    check_choice('weight_init', weight_init, get_args(WeightInit))
    if weight_init == 'torch':
        return
    for layer in network.modules():
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            nn.init.normal_(layer.weight, std=DEVIATION)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
