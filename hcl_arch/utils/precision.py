"""Numeric precision (float32, bfloat16 or float16 by autocast) and compilation of networks.

In mixed precision, convolutions, linear layers and attention compute in 16 bits. Always in float32 are: embedding
lengths, k-means and confidences, the centre classifier, images at the networks' inputs and outputs, all losses, the
discriminator with its penalty, and the trained weights.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Union, get_args

from hcl_arch.utils.argument_checks import ArgumentError, check_choice

if TYPE_CHECKING:  # the command line needs the names of the precisions without importing torch
    import torch
    from torch import nn

Precision = Literal['fp32', 'bf16', 'fp16']
_DTYPES = {'fp32': 'float32', 'bf16': 'bfloat16', 'fp16': 'float16'}


def check_precision(precision: str) -> None:
    """Raise an ArgumentError unless the option is one of the choices."""
    check_choice('Option precision', precision, get_args(Precision))


def autocast(precision: Precision, device: Union[torch.device, str]) -> torch.autocast:
    """Context in which networks compute in a precision.

    Weights are converted on use and not cached (autocast's cache): an iteration uses each of them once, and with
    activation checkpointing the cached copies are gone by the backward pass.

    Args:
        precision: The precision; `fp32` switches autocast off.
        device: Where the networks are.
    """
    import torch

    return torch.autocast(
        torch.device(device).type, dtype=_dtype(precision), enabled=precision != 'fp32', cache_enabled=False
    )


def lower_weights(net: nn.Module, precision: Precision) -> None:
    """Store a network's convolutions and linear layers in a precision, for inference under :func:`autocast`.

    Autocast alone converts every weight on every call. Modules with a true attribute `keep_float32`, and all other
    parameters, are left unchanged. Not for training: small updates get lost in 16-bit weights.

    Args:
        net: Changed in place.
        precision: `fp32` changes nothing.
    """
    from torch import nn

    if precision == 'fp32' or getattr(net, 'keep_float32', False):
        return
    if isinstance(net, (nn.Conv2d, nn.Linear)):
        net.to(_dtype(precision))
    for child in net.children():
        lower_weights(child, precision)


def _dtype(precision: Precision) -> torch.dtype:
    import torch

    return getattr(torch, _DTYPES[precision])


# torch.compile's modes; `reduce-overhead` and `max-autotune` record CUDA graphs.
COMPILE_MODES = ('default', 'reduce-overhead', 'max-autotune', 'max-autotune-no-cudagraphs')


def check_compile(option: Union[bool, str]) -> None:
    """Raise an ArgumentError if the option is neither a boolean nor a mode of torch.compile."""
    if not isinstance(option, bool) and option not in COMPILE_MODES:
        raise ArgumentError('Option compile', f'must be true, false or one of {COMPILE_MODES}, got {option!r}.')


def compile_network(net: nn.Module, option: Union[bool, str]) -> None:
    """Compile a network in place, at its first call; its class and parameter names stay the same.

    Args:
        net: The network.
        option: False changes nothing; True is the mode ``default``.
    """
    if option is not False:
        net.compile(mode='default' if option is True else option)
