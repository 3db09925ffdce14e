"""What BasicSR (release 1.4.2 and master) needs to work with today's libraries, and on a machine without a GPU.

No file of BasicSR is edited. Each fix is one function that looks whether its defect is there, so that a version of
BasicSR, torchvision or torch without the defect is left alone. Applying a fix twice changes nothing.
"""

from __future__ import annotations

import importlib.util
import sys
import types
from pathlib import Path
from typing import Any, Optional

import torch

Options = dict[str, Any]

_FUNCTIONAL_TENSOR = 'torchvision.transforms.functional_tensor'
# Where BasicSR's training loop can be running: imported, or as a script (`python basicsr/train.py`), which makes the
# module a second time under this name.
_TRAIN_MODULES = ('basicsr.train', '__main__')


def apply_before_import() -> None:
    """Apply the fixes without which `import basicsr` fails."""
    provide_functional_tensor()


def apply_after_import() -> None:
    """Apply the fixes that replace a function of BasicSR. Imports BasicSR."""
    replace_load_resume_state()
    replace_init_dist()


def provide_functional_tensor() -> None:
    """Stand in for `torchvision.transforms.functional_tensor`, if torchvision has no such module.

    torchvision 0.17 dropped it, and BasicSR 1.4.2 (`basicsr.data.degradations`) imports `rgb_to_grayscale` from it, so
    that `import basicsr` fails. The function itself is still there, in `torchvision.transforms.functional`.
    """
    # find_spec refuses a module without a spec, such as our own stand-in, so ask for a loaded one first.
    if _FUNCTIONAL_TENSOR in sys.modules or importlib.util.find_spec(_FUNCTIONAL_TENSOR) is not None:
        return
    from torchvision.transforms.functional import rgb_to_grayscale

    stand_in = types.ModuleType(_FUNCTIONAL_TENSOR, 'Stand-in by hcl_arch for a module that torchvision dropped.')
    vars(stand_in)['rgb_to_grayscale'] = rgb_to_grayscale
    sys.modules[_FUNCTIONAL_TENSOR] = stand_in


def replace_load_resume_state() -> None:
    """Put `load_resume_state` in the place of BasicSR's, in the imported module and in a running script alike.

    Done with a GPU too, because BasicSR's has two defects and only one of them is about the GPU:
    it asks for the current CUDA device, which raises without one, and for `--auto_resume` it looks under the *working
    directory*, not where the run was saved. Started from elsewhere, a run would silently begin anew and archive the
    folder of the old one.
    """
    import basicsr.train  # noqa: F401  (makes sure that it is in sys.modules)

    for name in _TRAIN_MODULES:
        module = sys.modules.get(name)
        if has_resume_defect(getattr(module, 'load_resume_state', None)):
            vars(module)['load_resume_state'] = load_resume_state


def has_resume_defect(function: Any) -> bool:
    """Tell whether a `load_resume_state` needs a CUDA device, or has the folder `experiments` written into it."""
    code = getattr(function, '__code__', None)
    return code is not None and ('current_device' in code.co_names or 'experiments' in code.co_consts)


def load_resume_state(opt: Options) -> Optional[dict[str, Any]]:
    """Load the training state that `path: resume_state` names or, with `--auto_resume`, the run's latest one.

    The state is loaded to the CPU, whatever the device: optimizers move what they load to where their parameters are.
    Only tensors and plain types are accepted (`weights_only`), so that a downloaded state cannot run code.

    Args:
        opt: BasicSR's options as `parse_options` returns them. As in BasicSR, `path: resume_state` is set to the file
            found, and `path: pretrain_network_*` to the networks saved beside it.

    Returns:
        The state, or None for a run that starts anew.
    """
    from basicsr.utils import check_resume

    if opt['auto_resume']:
        state_file = latest_state_file(Path(opt['path']['training_states']))
        if state_file is not None:
            opt['path']['resume_state'] = str(state_file)
    else:
        named = opt['path'].get('resume_state')
        state_file = Path(named) if named else None
    if state_file is None:
        return None

    state: dict[str, Any] = torch.load(state_file, map_location='cpu', weights_only=True)
    check_resume(opt, state['iter'])
    return state


def latest_state_file(folder: Path) -> Optional[Path]:
    """Return the `<iteration>.state` of the highest iteration in `folder`, or None if there is none."""
    states = [file for file in folder.glob('*.state') if file.stem.isdigit()]
    return max(states, key=lambda file: int(file.stem), default=None)


def replace_init_dist() -> None:
    """Let `--launcher pytorch` work without a GPU.

    BasicSR computes `rank % number of GPUs`, a division by zero, and then asks for NCCL, which needs GPUs.
    """
    from basicsr.utils import dist_util

    if torch.cuda.device_count() == 0:
        dist_util._init_dist_pytorch = init_gloo


def init_gloo(backend: str, **kwargs: Any) -> None:
    """Join the process group with gloo, the backend that works on CPUs.

    Args:
        backend: What BasicSR asks for (`nccl`); not used.
        **kwargs: Handed on to `torch.distributed.init_process_group`.
    """
    torch.distributed.init_process_group(backend='gloo', **kwargs)
