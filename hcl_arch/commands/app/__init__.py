"""The page: restore photographs in a browser, on this machine only.

    hcl-app                    (or python -m hcl_arch.commands.app)

Needs the extra `app` (Starlette). Nothing is sent anywhere; uploads stay in this process and in its own temporary
folder, which is removed when the process ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional


def main(argv: Optional[Sequence[str]] = None) -> None:
    """Run the command."""
    from hcl_arch.commands.app.command import main as run

    run(argv)
