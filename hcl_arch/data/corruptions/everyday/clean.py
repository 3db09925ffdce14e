"""No corruption at all: pictures that a network should leave unchanged."""

from __future__ import annotations

import numpy as np

from hcl_arch.data.corruptions.everyday.spoiled import Materials, Spoiled
from hcl_arch.data.corruptions.hole_contents import Truth


def leave_clean(truth: Truth, materials: Materials, rng: np.random.Generator) -> Spoiled:
    """Return a copy of the truth with no pixel corrupted."""
    return Spoiled(truth.image.copy(), np.zeros(truth.image.shape[:2], bool))
