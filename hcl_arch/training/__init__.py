"""Reliability of trainings: data order, checkpoints, interruptions, unreadable images and non-finite numbers."""

from __future__ import annotations

import basicsr  # noqa: F401  (first: completing BasicSR imports this room)
