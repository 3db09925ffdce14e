"""A training whose numbers are not finite from iteration 8 on unless its rate is low. Run as `hcl-train`."""

from __future__ import annotations

import math

from hcl_arch.models.hcl_model import MODEL_REGISTRY, HCLModel
from hcl_arch.train import main


@MODEL_REGISTRY.register()
class DivergingHCLModel(HCLModel):
    """HCLModel that is fed NaN if it learns too fast."""

    def optimize_parameters(self, current_iter: int) -> None:
        if current_iter >= 8 and self.optimizer_g.param_groups[0]['initial_lr'] > 2e-4:
            self.lq = self.lq * math.nan
        super().optimize_parameters(current_iter)


if __name__ == '__main__':
    main()
