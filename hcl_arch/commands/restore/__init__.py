"""Command `hcl-restore`: detect and repair corruption in photographs.

    hcl-restore holiday/ -o repaired/

`arguments` holds the command line, `command` the overall run, and `workflow` the processing of the images.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

from hcl_arch.commands.restore.arguments import parse_arguments


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the command.

    Args:
        argv: The arguments; None: those of the program.

    Returns:
        The exit status: 0 all images are done, 1 some failed, 2 nothing could be started, 130 interrupted.

    Raises:
        SystemExit: With status 2 for wrong arguments, 0 for --help and --version.
    """
    options = parse_arguments(argv)
    from hcl_arch.commands.restore.command import run

    return run(options)
