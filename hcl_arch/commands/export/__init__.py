"""Models for other runtimes: ONNX, programs of torch.export, safetensors; the command hcl-export."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the command."""
    from hcl_arch.commands.export.command import main as run

    return run(argv)
