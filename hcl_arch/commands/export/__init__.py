"""Models for other runtimes: ONNX, programs of torch.export, safetensors; the command hcl-export."""

from __future__ import annotations

from hcl_arch.commands.export.command import main

__all__ = ['main']
