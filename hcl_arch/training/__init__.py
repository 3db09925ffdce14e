"""What makes a training reliable: order of its data, checkpoints, interruptions, bad images and bad numbers."""

from __future__ import annotations

import basicsr  # noqa: F401  (first: completing BasicSR imports this room)
