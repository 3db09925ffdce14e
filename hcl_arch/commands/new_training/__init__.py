"""Command `hcl-new-training FOLDER`: an option file that trains on a folder of photographs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

from hcl_arch.commands.new_training.arguments import parse_arguments
from hcl_arch.utils.extras import ends_without


def main(argv: Optional[Sequence[str]] = None) -> None:
    """Run the command."""
    arguments = parse_arguments(argv)
    with ends_without('train', 'hcl-new-training'):
        from hcl_arch.commands.new_training.command import run

    run(arguments)
