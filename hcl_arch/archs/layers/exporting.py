"""Special cases for networks that are exported or computed in 16 bit.

During export, sizes are symbolic, so no decision may depend on them. Under autocast, some computations stay in float32.
"""

from __future__ import annotations

import contextlib
from contextlib import AbstractContextManager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


def is_exporting() -> bool:
    """Whether ``torch.export`` or ``torch.onnx`` looks on; their graphs have to work for sizes that nobody has seen."""
    # torch.onnx's tracer tells by the second; torch.compiler tells since PyTorch 2.7.
    return getattr(torch.compiler, 'is_exporting', lambda: False)() or torch.onnx.is_in_onnx_export()


def twice_as_large(x: Tensor, mode: str) -> Tensor:
    """``F.interpolate(x, scale_factor=2, mode=mode)``.

    Args:
        x: (B, C, H, W).
        mode: ``nearest`` or ``bilinear``.

    Returns:
        (B, C, 2 H, 2 W).
    """
    if not is_exporting():
        return F.interpolate(x, scale_factor=2, mode=mode)
    height, width = x.shape[-2:]
    if mode == 'nearest':
        doubled = x[:, :, :, None, :, None].expand(-1, -1, -1, 2, -1, 2)
        return doubled.reshape(x.shape[0], x.shape[1], 2 * height, 2 * width)
    return F.interpolate(x, size=(2 * height, 2 * width), mode=mode)


def cut_back(padded: Tensor, height: int, width: int) -> Tensor:
    """``padded[..., :height, :width]``, the inverse of :func:`hcl_arch.archs.image_form.pad_to_multiple`."""
    if not getattr(torch.compiler, 'is_exporting', lambda: False)():
        return padded[..., :height, :width]
    # A slice would promise of every size that it leaves something away.
    for axis, size in ((-2, height), (-1, width)):
        padded = padded.index_select(axis, torch.arange(size, device=padded.device))
    return padded


def without_autocast(like: Tensor) -> AbstractContextManager[Any]:
    """Context in which autocast leaves the tensors of this one's device as they are."""
    # Exported programs have no autocast, and other runtimes do not know what that is.
    return contextlib.nullcontext() if is_exporting() else torch.autocast(like.device.type, enabled=False)


def exact_dtype(x: Tensor) -> torch.dtype:
    """float32, or float64 for a network of that precision."""
    return torch.promote_types(x.dtype, torch.float32)


def exact(x: Tensor) -> Tensor:
    """A tensor in at least float32: results in 16 bit are too coarse for what follows."""
    return x.to(exact_dtype(x))
