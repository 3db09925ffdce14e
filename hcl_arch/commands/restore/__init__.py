"""Command `hcl-restore`: find what is corrupted in photographs, and repair it.

    hcl-restore holiday/ -o repaired/

`arguments` has the command line, `command` the whole course, and `workflow` the images' one after the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

from hcl_arch.commands.restore.arguments import parse_arguments


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the command.

    Args:
        argv: Its arguments; None: those of the program.

    Returns:
        The exit status: 0 all images are done, 1 some failed, 2 nothing could be begun, 130 interrupted.

    Raises:
        SystemExit: With status 2 for wrong arguments, 0 for --help and --version.
    """
    options = parse_arguments(argv)
    from hcl_arch.commands.restore.command import run

    return run(options)
