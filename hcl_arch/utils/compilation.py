"""The option ``compile``: networks as one compiled graph."""

from __future__ import annotations

from typing import Union

from torch import nn

# torch.compile's modes; `reduce-overhead` and `max-autotune` record CUDA graphs.
COMPILE_MODES = ('default', 'reduce-overhead', 'max-autotune', 'max-autotune-no-cudagraphs')


def check_compile(option: Union[bool, str]) -> None:
    """Raise ValueError naming the option if it is neither a boolean nor a mode of torch.compile."""
    if not isinstance(option, bool) and option not in COMPILE_MODES:
        raise ValueError(f'Option compile must be true, false or one of {COMPILE_MODES}, got {option!r}.')


def compile_network(net: nn.Module, option: Union[bool, str]) -> None:
    """Compile a network in place, at its first call; its class and the names of its parameters stay.

    Args:
        net: The network.
        option: False changes nothing; True is the mode ``default``.
    """
    if option is not False:
        net.compile(mode='default' if option is True else option)
