"""Command `hcl-convert`: weights of the authors' program and of published baselines, for BasicSR or `hcl-restore`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

from hcl_arch.commands.convert.arguments import parse_arguments
from hcl_arch.utils.extras import ends_without


def main(argv: Optional[Sequence[str]] = None) -> None:
    """Run the command."""
    arguments = parse_arguments(argv)
    with ends_without('train', 'hcl-convert'):
        from hcl_arch.commands.convert.command import run

    run(arguments)
