"""The page: restore photographs in a browser, on this machine only.

    hcl-app                    (or python -m hcl_arch.commands.app)

Needs the extra `app` (gradio). Nothing is sent anywhere; uploads stay in this process and in its own temporary folder,
which is removed when the process ends.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Optional

# Gradio reads these when it is imported, which only this package does: no telemetry, no downloads.
os.environ['GRADIO_ANALYTICS_ENABLED'] = 'False'
os.environ['HF_HUB_DISABLE_TELEMETRY'] = '1'


def main(argv: Optional[Sequence[str]] = None) -> None:
    """Run the command."""
    from hcl_arch.commands.app.command import main as run

    run(argv)
