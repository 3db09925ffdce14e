"""The option that says what computes a network."""

from __future__ import annotations

import importlib.util
from typing import Literal, get_args

from hcl_arch.utils.argument_checks import check_choice
from hcl_arch.utils.errors import HCLError

Runtime = Literal['auto', 'torch', 'onnx']


class RuntimeChoiceError(HCLError, ValueError):
    """What is to compute is not there, or cannot do it; one line that starts with 'runtime:'."""


def choose_runtime(runtime: str) -> Literal['torch', 'onnx']:
    """Return what computes; of `auto` PyTorch where it is installed, else onnxruntime.

    Raises:
        ValueError: It is no choice, or not installed.
    """
    check_choice('Option runtime', runtime, get_args(Runtime))
    has_torch, has_onnx = (importlib.util.find_spec(name) is not None for name in ('torch', 'onnxruntime'))
    if runtime == 'torch' and not has_torch:
        raise RuntimeChoiceError('runtime: torch needs PyTorch, which is not installed: pip install torch')
    if runtime == 'onnx' and not has_onnx:
        raise RuntimeChoiceError(
            'runtime: onnx needs onnxruntime, which is not installed: pip install "hcl-arch[onnx]"'
        )
    if not has_torch and not has_onnx:
        raise RuntimeChoiceError(
            'runtime: neither PyTorch nor onnxruntime is installed: pip install torch, or pip install onnxruntime'
        )
    return 'torch' if runtime == 'torch' or (runtime == 'auto' and has_torch) else 'onnx'
