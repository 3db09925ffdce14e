"""A contact sheet of the samples that an option file asks for: `python -m hcl_arch.commands.preview`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

from hcl_arch.commands.preview.arguments import parse_arguments
from hcl_arch.utils.extras import ends_without


def main(argv: Optional[Sequence[str]] = None) -> None:
    """Run the command."""
    arguments = parse_arguments(argv)
    with ends_without('train', 'python -m hcl_arch.commands.preview'):
        from hcl_arch.commands.preview.command import run

    run(arguments)
