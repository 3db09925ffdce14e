"""Models; importing this package registers them in BasicSR's MODEL_REGISTRY."""

from __future__ import annotations

import hcl_arch.utils.training_extra  # noqa: F401  (first: it imports BasicSR)
from hcl_arch.models.baseline_model import BaselineModel
from hcl_arch.models.blind_restoration_model import BlindRestorationModel
from hcl_arch.models.hcl_model import HCLModel

__all__ = ['BaselineModel', 'BlindRestorationModel', 'HCLModel']
