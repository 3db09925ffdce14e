"""A training in which every process writes down what it holds whenever a checkpoint is saved. Run as `hcl-train`."""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch.distributed as dist

from hcl_arch.models.hcl_model import MODEL_REGISTRY, HCLModel
from hcl_arch.train import main


@MODEL_REGISTRY.register()
class DigestHCLModel(HCLModel):
    """HCLModel that writes digests of its networks and averaged network."""

    def save(self, epoch: int, current_iter: int) -> None:
        super().save(epoch, current_iter)
        digest = hashlib.sha256()
        for net in (self.get_bare_model(self.net_g), self.get_bare_model(self.net_d), self.net_g_ema):
            for tensor in net.state_dict().values():
                digest.update(tensor.detach().numpy().tobytes())
        file = Path(f'digests_{self.opt["name"]}_{(dist.get_rank() if dist.is_initialized() else 0)}.txt')
        with file.open('a') as lines:
            lines.write(f'{current_iter} {digest.hexdigest()}\n')


if __name__ == '__main__':
    main()
