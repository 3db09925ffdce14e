"""Command `hcl-export`: models for other runtimes, as ONNX, torch.export programs or safetensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

from hcl_arch.commands.export.arguments import parse_arguments
from hcl_arch.utils.extras import ends_without


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the command."""
    arguments = parse_arguments(argv)
    with ends_without('export', 'hcl-export'):
        from hcl_arch.commands.export.command import run

    return run(arguments)
