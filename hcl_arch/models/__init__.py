"""Models; importing this package registers them in BasicSR's MODEL_REGISTRY."""

from __future__ import annotations

import basicsr  # noqa: F401  (first: completing BasicSR imports this room)

from hcl_arch.models.baseline_model import BaselineModel
from hcl_arch.models.blind_restoration_model import BlindRestorationModel
from hcl_arch.models.hcl_model import HCLModel

__all__ = ['BaselineModel', 'BlindRestorationModel', 'HCLModel']
