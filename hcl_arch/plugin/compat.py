"""Fixes that let BasicSR (release 1.4.2 and master) work with current libraries, and on a machine without a GPU.

No file of BasicSR is edited. Each fix is one function that checks whether its defect is present, so versions of
BasicSR, torchvision or torch without it are left unchanged. Applying a fix twice changes nothing.
"""

from __future__ import annotations

import importlib.util
import sys
import types
from typing import Any, NamedTuple

import torch

_FUNCTIONAL_TENSOR = 'torchvision.transforms.functional_tensor'


def apply_before_import() -> None:
    """Apply the fixes without which `import basicsr` fails."""
    provide_functional_tensor()


def apply_after_import() -> None:
    """Apply the fixes that replace a function of BasicSR. Imports BasicSR."""
    replace_init_dist()
    replace_prefetch_generator()


def provide_functional_tensor() -> None:
    """Provide a substitute for `torchvision.transforms.functional_tensor` if torchvision has no such module.

    torchvision 0.17 dropped it, and BasicSR 1.4.2 (`basicsr.data.degradations`) imports `rgb_to_grayscale` from it,
    which makes `import basicsr` fail. The function itself is still there, in `torchvision.transforms.functional`.
    """
    # find_spec refuses a module without a spec, such as our own substitute, so check for a loaded one first.
    if _FUNCTIONAL_TENSOR in sys.modules or importlib.util.find_spec(_FUNCTIONAL_TENSOR) is not None:
        return
    from torchvision.transforms.functional import rgb_to_grayscale

    stand_in = types.ModuleType(_FUNCTIONAL_TENSOR, 'Stand-in by hcl_arch for a module that torchvision dropped.')
    vars(stand_in)['rgb_to_grayscale'] = rgb_to_grayscale
    sys.modules[_FUNCTIONAL_TENSOR] = stand_in


def replace_init_dist() -> None:
    """Make `--launcher pytorch` work without a GPU, and make processes leave their group when they end.

    BasicSR computes `rank % number of GPUs`, a division by zero, and then asks for NCCL, which needs GPUs; and it never
    leaves the group.
    """
    from basicsr.utils import dist_util

    from hcl_arch.training.process_group import init_gloo, joined_then_left

    join = dist_util._init_dist_pytorch
    if hasattr(join, '__wrapped__'):
        return
    dist_util._init_dist_pytorch = joined_then_left(init_gloo if torch.cuda.device_count() == 0 else join)
    dist_util._init_dist_slurm = joined_then_left(dist_util._init_dist_slurm)


class _Failure(NamedTuple):
    """The error that ended a prefetcher's thread."""

    error: BaseException


def replace_prefetch_generator() -> None:
    """Make an error in the thread of BasicSR's CPU prefetcher end the training, which would otherwise wait forever."""
    from basicsr.data import prefetch_dataloader

    base: Any = prefetch_dataloader.PrefetchGenerator
    if hasattr(base, 'raises_errors'):
        return

    class RaisingPrefetchGenerator(base):
        """Passes an error in its thread on to the reader."""

        raises_errors = True

        def run(self) -> None:
            try:
                super().run()
            except BaseException as error:
                self.queue.put(_Failure(error))

        def __next__(self) -> Any:
            item = self.queue.get()
            if isinstance(item, _Failure):
                raise item.error
            if item is None:
                raise StopIteration
            return item

    prefetch_dataloader.PrefetchGenerator = RaisingPrefetchGenerator
