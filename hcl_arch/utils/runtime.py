"""The option that says what computes a network."""

from __future__ import annotations

import importlib.util
import os
import platform
import sys
from pathlib import Path
from typing import Literal, Optional, get_args

from hcl_arch.utils.argument_checks import check_choice
from hcl_arch.utils.errors import HCLError

Runtime = Literal['auto', 'torch', 'onnx']

# Devices of NVIDIA's and AMD's drivers, and of GPUs under WSL.
_GPU_DEVICES = ('/dev/nvidia0', '/dev/nvidiactl', '/dev/kfd', '/dev/dxg')
_CUDA_DLL = 'System32/nvcuda.dll'


class RuntimeChoiceError(HCLError, ValueError):
    """What is to compute is not there, or cannot do it; one line that starts with 'runtime:'."""


def choose_runtime(runtime: str) -> Literal['torch', 'onnx']:
    """Return what computes; of `auto` PyTorch where it is installed, else onnxruntime.

    See also :func:`prefers_onnx`.

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


def prefers_onnx(runtime: str, device: str, precision: str) -> bool:
    """Whether onnxruntime is to compute what both can: it starts sooner and needs less time on a processor.

    That is with `auto`, where both are installed, and neither a GPU nor another precision is asked for or may be there.
    """
    if runtime != 'auto' or precision != 'fp32' or importlib.util.find_spec('onnxruntime') is None:
        return False
    return device == 'cpu' or (device == 'auto' and not may_have_gpu())


def may_have_gpu() -> bool:
    """Whether there is a driver of a GPU that PyTorch knows; PyTorch, which would know better, is not imported."""
    if sys.platform == 'darwin':
        return platform.machine() == 'arm64'
    if sys.platform == 'win32':
        return Path(os.environ.get('SYSTEMROOT', 'C:/Windows'), _CUDA_DLL).exists()
    return any(Path(device).exists() for device in _GPU_DEVICES)


def usable_threads() -> Optional[int]:
    """As many threads as OMP_NUM_THREADS says, or as the process may use cores; None = all cores of the machine."""
    wanted = os.environ.get('OMP_NUM_THREADS', '')
    if wanted.isdigit() and int(wanted) > 0:
        return int(wanted)
    affinity = getattr(os, 'sched_getaffinity', None)
    usable = len(affinity(0)) if affinity is not None else os.cpu_count()
    return None if usable == os.cpu_count() else usable
