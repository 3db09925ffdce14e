"""The page: restore photographs in a browser, on this machine only.

    hcl-app                    (or python -m hcl_arch.commands.app)

Needs the extra `app` (gradio). Nothing is sent anywhere; what is uploaded stays in this process and in a temporary
folder of its own, and both go when it ends.
"""

from __future__ import annotations

import os

# Gradio reads these when it is imported, which no module outside this package does: no telemetry, nothing downloaded.
os.environ['GRADIO_ANALYTICS_ENABLED'] = 'False'
os.environ['HF_HUB_DISABLE_TELEMETRY'] = '1'

from hcl_arch.commands.app.command import main

__all__ = ['main']
