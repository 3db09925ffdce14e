"""The service: other programs send photographs over HTTP and get them back repaired.

    hcl-serve                  (or python -m hcl_arch.commands.serve)

Needs the extra `serve` (FastAPI). Nothing is sent anywhere, and nothing is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional


def main(argv: Optional[Sequence[str]] = None) -> None:
    """Run the command."""
    from hcl_arch.commands.serve.command import main as run

    run(argv)
