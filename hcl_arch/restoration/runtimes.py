"""The network of a model, computed by PyTorch or by onnxruntime; only what computes is imported.

The runtime ``auto`` is PyTorch where it is installed, but onnxruntime where that is installed too, the model has graphs
for it, the precision is fp32, and there is no GPU or the device is ``cpu``: the masks are the same.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Optional, Union

from hcl_arch.restoration.calls import Calls
from hcl_arch.utils.errors import InputError
from hcl_arch.utils.precision import Precision
from hcl_arch.utils.runtime import Runtime, RuntimeChoiceError, choose_runtime, prefers_onnx

if TYPE_CHECKING:
    from torch import nn


class Network(NamedTuple):
    """A network that is ready to be called."""

    calls: Calls
    name: str
    """Of the model, or the network's class."""
    info: Mapping[str, Any]
    """Remarks of the model's file."""


def make_network(
    model: Union[str, Path, nn.Module],
    *,
    runtime: Runtime = 'auto',
    device: str = 'auto',
    precision: Precision = 'fp32',
    threads: Optional[int] = None,
) -> Network:
    """Load a model; the arguments are those of :class:`hcl_arch.restoration.restorer.Restorer`.

    Raises:
        ValueError: If the model cannot be loaded, or an option does not fit what computes it.
    """
    if not isinstance(model, (str, os.PathLike)) and not _is_network(model):
        raise InputError(f'model: expected a name, a path or a network, got {type(model).__name__}.')
    if choose_runtime(runtime) == 'onnx' or (prefers_onnx(runtime, device, precision) and _has_graphs(model)):
        return _by_onnx(model, device, precision, threads)
    import torch

    from hcl_arch.restoration.torch_network import torch_network

    if threads is not None:
        torch.set_num_threads(threads)
    return Network(*torch_network(model, device, precision))


def _is_network(model: object) -> bool:
    torch = sys.modules.get('torch')  # who has a network has imported it
    return torch is not None and isinstance(model, torch.nn.Module)


def _has_graphs(model: Any) -> bool:
    """Whether onnxruntime can compute it. What cannot be read is left to PyTorch, which says why."""
    from hcl_arch.model_files.onnx_model import graphs_of

    try:
        return isinstance(model, (str, os.PathLike)) and graphs_of(model) is not None
    except (OSError, ValueError):
        return False


def _by_onnx(model: Any, device: str, precision: str, threads: Optional[int]) -> Network:
    if not isinstance(model, (str, os.PathLike)):
        raise RuntimeChoiceError(f'runtime: onnx takes a model by its name or file, got a {type(model).__name__}')
    if device not in ('auto', 'cpu') or precision != 'fp32':
        raise RuntimeChoiceError(
            f'runtime: onnx computes on the processor in fp32, got device {device} and precision {precision}; for '
            'these take the runtime torch'
        )
    from hcl_arch.model_files.onnx_model import load_onnx_model
    from hcl_arch.restoration.onnx_calls import OnnxCalls

    loaded = load_onnx_model(model)
    return Network(OnnxCalls(loaded, threads), loaded.name, loaded.info)
