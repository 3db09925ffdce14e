"""The graphs of a network for `hcl-restore --runtime onnx`: ONNX without the weights, which the model's file has."""

from __future__ import annotations

import copy
import io
import tempfile
import warnings
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from hcl_arch.archs.image_form import to_network_range
from hcl_arch.commands.export.comparison import IMAGE_TOLERANCE, Difference
from hcl_arch.commands.export.errors import ExportError
from hcl_arch.commands.export.onnx_file import first_line, require_onnx
from hcl_arch.commands.export.parts import build_part
from hcl_arch.model_files import LoadedModel
from hcl_arch.model_files.graphs import (
    GRAPHS,
    GraphName,
    GraphsDescription,
    graphs_archive,
    without_training_options,
)
from hcl_arch.model_files.onnx_model import OnnxModel
from hcl_arch.restoration.network_calls import NetworkCalls
from hcl_arch.utils.runtime import choose_runtime

_OPSET = 18
# How a part of a network calls the network.
_PREFIX = 'network.'
# H and W of the pictures that graphs are tried with, whole numbers of cells of a look and the one before.
_TRIED = ((48, 64), (76, 100), (136, 96))


class Graphs(NamedTuple):
    """Graphs of a network and what belongs to them."""

    description: GraphsDescription
    graphs: dict[GraphName, bytes]

    def archive(self) -> bytes:
        """The content of a file of graphs, the same each time."""
        file = io.BytesIO()
        with zipfile.ZipFile(file, 'w', zipfile.ZIP_DEFLATED) as archive:
            for name, content in graphs_archive(*self):
                archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
        return file.getvalue()


class _Look(nn.Module):
    """A look of a detector: an image (1, 3, H, W) in [0, 1], a prior (1, 1, h, w), and whether there is one, 1 or 0."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor, prior: Tensor, told: Tensor) -> Tensor:
        detector: Any = getattr(self.network, 'detector', self.network)
        return detector.finest_logits(to_network_range(image), prior, told)


class _CarefulRepair(nn.Module):
    """A repair that sees the confidence: an image (1, 3, H, W) in [0, 1], mask and confidence (1, 1, H, W)."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor, mask: Tensor, confidence: Tensor) -> Tensor:
        repair: Any = self.network
        return repair._restore(image, mask, confidence)


def make_graphs(model: LoadedModel) -> Graphs:
    """The graphs of a model's network, which is not changed.

    Raises:
        ExportError: If a package is missing, PyTorch cannot export the network, or it does not detect in several looks.
    """
    require_onnx()
    calls = _calls(model)
    part, look = build_part(model.network, 'restore'), _Look(model.network)
    repair = _CarefulRepair(part.network) if calls.takes_confidence else part
    image, side = torch.rand(1, 3, 41, 35), calls.look_multiple
    maps = ['mask', 'confidence'] if calls.takes_confidence else ['mask']
    prior = torch.rand(1, 1, side // calls.look_cell, 3 * side // (2 * calls.look_cell))
    state = {name: tensor for name, tensor in model.network.state_dict().items() if tensor.is_floating_point()}
    made = {
        'look': _graph(look, [torch.rand(1, 3, 2 * side, 3 * side), prior, torch.ones(())],
                       ['image', 'prior', 'told'], state),
        'repair': _graph(repair, [image, *(torch.rand(1, 1, 41, 35) for _ in maps)], ['image', *maps], state),
    }  # fmt: skip
    description = GraphsDescription(
        without_training_options(model.options), calls.network_name, calls.size_multiple, calls.largest_side,
        calls.look_multiple, calls.look_cell, calls.looks_mirrored, calls.repair_bytes(),
        {name: made[name][1] for name in GRAPHS}, calls.takes_confidence,
    )  # fmt: skip
    return Graphs(description, {name: made[name][0] for name in GRAPHS})


def compare_graphs(made: Graphs, model: LoadedModel) -> list[Difference]:
    """Run graphs and PyTorch on pictures: the masks of a look, and repairs."""
    choose_runtime('onnx')
    from hcl_arch.restoration.onnx_calls import OnnxCalls

    weights = {name: tensor.numpy() for name, tensor in model.network.state_dict().items()}
    ours, known = OnnxCalls(OnnxModel(model.name, model.info, *made, weights), None), _calls(model)
    found = []
    for height, width in _TRIED:
        rng = np.random.default_rng(height)
        image, hole = rng.random((height, width, 3), np.float32), rng.random((height, width)) < 0.1
        first = known.look(image[: height // 2, : width // 2])
        own, true = (np.stack([calls.look(image), calls.look(image, first)]) >= 0 for calls in (ours, known))
        equal = float((own == true).mean())
        found.append(Difference('mask', (height, width), equal, float(equal < 1)))
        confidence = rng.random((height, width), np.float32)
        own, true = (calls.repair(image, hole, confidence) for calls in (ours, known))
        off = np.abs(own - true)
        found.append(Difference('restored', (height, width), float((off <= IMAGE_TOLERANCE).mean()), float(off.max())))
    return found


def _calls(model: LoadedModel) -> NetworkCalls:
    calls = NetworkCalls(copy.deepcopy(model.network), torch.device('cpu'), 'fp32')
    detector: Any = getattr(model.network, 'detector', model.network)
    if not calls.takes_looks or detector.pixel_classifiers is None:
        raise ExportError(
            f'{calls.network_name}: graphs are for networks whose detector takes several looks and has masks from '
            'pixels, as that of the packaged model; others become OUT.onnx.'
        )
    return calls


def _graph(
    module: nn.Module, inputs: Sequence[Tensor], names: Sequence[str], state: dict[str, Tensor]
) -> tuple[bytes, dict[str, list[int]]]:
    """An ONNX file without the tensors of a state; and their names and shapes."""
    import onnx

    axes = {name: {2: f'{name}_height', 3: f'{name}_width'} for name in (*names, 'found') if name != 'told'}
    with tempfile.TemporaryDirectory() as folder, torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter('ignore')  # see to_onnx
        path = Path(folder) / 'part.onnx'
        try:
            # Preserved, so that normalisation stays apart from the convolutions, whose weights are those of the file.
            torch.onnx.export(
                module, tuple(inputs), str(path), dynamo=False, opset_version=_OPSET, input_names=list(names),
                output_names=['found'], dynamic_axes=axes, training=torch.onnx.TrainingMode.PRESERVE,
                do_constant_folding=False,
            )  # fmt: skip
        except Exception as error:  # any operation of the network that ONNX lacks
            raise ExportError(f'PyTorch cannot write this network as ONNX: {first_line(error)}.') from error
        model = onnx.load(path)
    taken = {
        tensor.name: tensor for tensor in model.graph.initializer
        if _is_of(state, tensor.name, onnx.numpy_helper.to_array(tensor))
    }  # fmt: skip
    for node in model.graph.node:
        node.ClearField('name')
        node.ClearField('doc_string')
        node.input[:] = [name.removeprefix(_PREFIX) if name in taken else name for name in node.input]
    for tensor in taken.values():
        tensor.name = tensor.name.removeprefix(_PREFIX)
        tensor.ClearField('raw_data')
        tensor.data_location = onnx.TensorProto.EXTERNAL
        tensor.external_data.add(key='location', value='weights')
    return model.SerializeToString(), {tensor.name: list(tensor.dims) for tensor in taken.values()}


def _is_of(state: dict[str, Tensor], name: str, array: np.ndarray) -> bool:
    tensor = state.get(name.removeprefix(_PREFIX))
    return tensor is not None and np.array_equal(tensor.numpy(), array)
