"""Parts of networks as programs of torch.export (.pt2)."""

from __future__ import annotations

import io
import json
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.export import Dim

from hcl_arch.archs.image_form import MIN_IMAGE_SIZE
from hcl_arch.commands.export.comparison import Runner, test_inputs
from hcl_arch.commands.export.errors import ExportError
from hcl_arch.commands.export.parts import INTERFACES, Part

REMARKS_FILE = 'hcl_arch.json'
LARGEST_SIDE = 16384
_LARGEST_BATCH = 1024


def smallest_side(part: Part) -> int:
    """Smallest side of a program's images, px: every network in the part then works on more than one tile."""
    return max(MIN_IMAGE_SIZE, 1 + max(getattr(module, 'size_multiple', 1) for module in part.modules()))


def to_program(part: Part, *, remarks: Mapping[str, str]) -> bytes:
    """The content of a .pt2 file of a part, for batches and images of any size from ``smallest_side`` up.

    Args:
        part: The part, on the CPU.
        remarks: Stored in the file as JSON, under the name ``hcl_arch.json``.

    Raises:
        ExportError: If PyTorch cannot export the part.
    """
    least = smallest_side(part)
    sides = {2: Dim('height', min=least, max=LARGEST_SIDE), 3: Dim('width', min=least, max=LARGEST_SIDE)}
    axes: dict[int, Any] = {0: Dim('batch', min=1, max=_LARGEST_BATCH), **sides}
    inputs = test_inputs(part, 2, least + 7, least + 18)
    interface = INTERFACES[part.name]
    shapes = {'image': axes, 'mask': axes if 'mask' in interface.inputs else None}
    arguments = tuple(inputs) if len(inputs) == 2 else (inputs[0], None)
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter('ignore')
            program = torch.export.export(
                part, arguments, dynamic_shapes=shapes, strict=False,
                prefer_deferred_runtime_asserts_over_guards=True,
            )  # fmt: skip
    except Exception as error:
        text = f'{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}'[:300]
        raise ExportError(f'PyTorch cannot export this network: {text}.') from error
    content = io.BytesIO()
    torch.export.save(program, content, extra_files={REMARKS_FILE: json.dumps(dict(remarks))})
    return content.getvalue()


def program_runner(content: bytes) -> Runner:
    """Run a .pt2 file on the CPU."""
    module = torch.export.load(io.BytesIO(content)).module()

    def run(inputs: Sequence[Tensor]) -> list[Tensor]:
        with torch.no_grad():
            return list(module(*inputs, *([None] if len(inputs) == 1 else [])))

    return run
