"""Command `hcl-new-training FOLDER`: an option file that trains on a folder of photographs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

from hcl_arch.commands.new_training.arguments import parse_arguments


def main(argv: Optional[Sequence[str]] = None) -> None:
    """Run the command."""
    arguments = parse_arguments(argv)
    from hcl_arch.commands.new_training.command import run

    run(arguments)
