"""Parts of networks as ONNX."""

from __future__ import annotations

import importlib
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from hcl_arch.commands.export.comparison import Runner, test_inputs
from hcl_arch.commands.export.errors import ExportError
from hcl_arch.commands.export.parts import INTERFACES, Part

# 18 is the first with the operators for k-means initialisation, 20 the last that PyTorch's tracing exporter writes.
_AXES = {0: 'batch', 2: 'height', 3: 'width'}


def require_onnx() -> None:
    """Raise ExportError if a package that the export needs is not installed."""
    for name in ('onnx', 'onnxscript', 'onnxruntime'):
        try:
            importlib.import_module(name)
        except ImportError as error:
            raise ExportError(f'ONNX needs {name}: pip install "hcl-arch[export]".') from error


def to_onnx(part: Part, *, opset: int, remarks: Mapping[str, str]) -> bytes:
    """The content of an ONNX file of a part, for batches and images of any size.

    Args:
        part: The part, on the CPU.
        opset: One of ``OPSETS``.
        remarks: Metadata of the model.

    Raises:
        ExportError: If a package is missing or PyTorch cannot export the part.
    """
    require_onnx()
    import onnx

    interface = INTERFACES[part.name]
    inputs = test_inputs(part, 2, 3 * part.size_multiple // 2 + 1, 2 * part.size_multiple + 3)
    with tempfile.TemporaryDirectory() as folder, torch.no_grad(), warnings.catch_warnings():
        # Hide the warnings that the tracing exporter is the older one and that sizes are not constants: both are
        # intended. The newer one needs proofs for sizes that are sums of quotients, takes minutes for them and then
        # rules out some sizes.
        warnings.simplefilter('ignore')
        path = Path(folder) / 'part.onnx'
        try:
            torch.onnx.export(
                part, tuple(inputs), str(path), dynamo=False, opset_version=opset,
                input_names=list(interface.inputs), output_names=list(interface.outputs),
                dynamic_axes=dict.fromkeys((*interface.inputs, *interface.outputs), _AXES),
            )  # fmt: skip
        except Exception as error:  # any operation of the network that ONNX lacks
            raise ExportError(f'PyTorch cannot write this network as ONNX: {first_line(error)}.') from error
        model = onnx.load(path)
    onnx.helper.set_model_props(model, dict(remarks))
    onnx.checker.check_model(model)
    return model.SerializeToString()


def onnx_runner(content: bytes) -> Runner:
    """Run an ONNX file with onnxruntime on the CPU.

    Raises:
        ExportError: If onnxruntime rejects the file.
    """
    import onnxruntime

    try:
        session = onnxruntime.InferenceSession(content, providers=['CPUExecutionProvider'])
    except Exception as error:
        raise ExportError(f'onnxruntime does not take the file: {first_line(error)}.') from error
    names = [given.name for given in session.get_inputs()]

    def run(inputs: Sequence[Tensor]) -> list[Tensor]:
        fed = {name: tensor.numpy() for name, tensor in zip(names, inputs)}
        outputs: list[Any] = session.run(None, fed)
        return [torch.from_numpy(output) for output in outputs]

    return run


def first_line(error: Exception) -> str:
    """The kind of an error, and what it says first."""
    return f'{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}'[:300]
