"""Command `hcl-restore`: find what is corrupted in photographs, and repair it.

    hcl-restore holiday/ -o repaired/

`arguments` has the command line, `command` the whole course, and `workflow` the images' one after the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the command."""
    from hcl_arch.commands.restore.command import main as run

    return run(argv)
