"""Reliability of trainings: data order, checkpoints, interruptions, unreadable images and non-finite numbers."""

from __future__ import annotations

import hcl_arch.utils.training_extra  # noqa: F401  (first: it imports BasicSR)
