"""A training in which an image of the last process is NaN in iterations 3 and 4. Run as `hcl-train`."""

from __future__ import annotations

import hashlib
import math
from pathlib import Path

import torch.distributed as dist

from hcl_arch.models.hcl_model import MODEL_REGISTRY, HCLModel
from hcl_arch.train import main


@MODEL_REGISTRY.register()
class NaNHCLModel(HCLModel):
    """HCLModel that is fed bad numbers, and notes digests of its networks after each iteration."""

    def optimize_parameters(self, current_iter: int) -> None:
        is_last = not dist.is_initialized() or dist.get_rank() == dist.get_world_size() - 1
        if current_iter in (3, 4) and is_last:
            self.gt[0, 0, 0, 0] = math.nan
        super().optimize_parameters(current_iter)
        digest = hashlib.sha256()
        for net in (self.net_g, self.net_d):
            for parameter in self.get_bare_model(net).parameters():
                digest.update(parameter.detach().numpy().tobytes())
        with Path(f'digests_{dist.get_rank() if dist.is_initialized() else 0}.txt').open('a') as lines:
            lines.write(f'{current_iter} {digest.hexdigest()}\n')


if __name__ == '__main__':
    main()
