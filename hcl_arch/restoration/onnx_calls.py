"""Calls of a network by onnxruntime, on the processor, without PyTorch."""

from __future__ import annotations

from typing import Optional

import numpy as np
import onnxruntime

from hcl_arch.model_files.graphs import GraphName
from hcl_arch.model_files.onnx_model import OnnxModel
from hcl_arch.restoration.calls import Calls
from hcl_arch.utils.runtime import usable_threads

_ERRORS_ONLY = 3


class OnnxCalls(Calls):
    """Runs a network by onnxruntime; each graph is prepared at its first call.

    Args:
        model: A model of :func:`hcl_arch.model_files.onnx_model.load_onnx_model`.
        threads: Of the computation; None = see :func:`hcl_arch.utils.runtime.usable_threads`.
    """

    device, precision, takes_looks = 'cpu', 'fp32', True

    def __init__(self, model: OnnxModel, threads: Optional[int]) -> None:
        super().__init__()
        known = model.description
        self.network_name = known.network_name
        self.size_multiple, self.largest_side = known.size_multiple, known.largest_side
        self.look_multiple, self.look_cell = known.look_multiple, known.look_cell
        self.looks_mirrored = known.looks_mirrored
        self.takes_confidence = known.takes_confidence
        self._repair_bytes = known.repair_bytes
        self._model, self._threads = model, threads
        self._sessions: dict[GraphName, onnxruntime.InferenceSession] = {}
        self._kept: dict[str, np.ndarray] = {}  # the sessions read their memory

    def check_restores(self) -> None:
        """It does: there is a graph for it."""

    def repair_bytes(self) -> float:
        """Memory that repairing needs for each pixel, in bytes, as it was measured with PyTorch: so tiles are equal."""
        return self._repair_bytes

    def _logits(self, pixels: np.ndarray, prior: Optional[np.ndarray]) -> np.ndarray:
        told = np.array(prior is not None, np.float32)
        if prior is None:
            sides = [side // (2 * self.look_cell) for side in pixels.shape[-2:]]
            prior = np.zeros((1, 1, *sides), np.float32)
        return self._run('look', image=pixels, prior=prior, told=told)

    def _repainted(self, pixels: np.ndarray, mask: np.ndarray, confidence: np.ndarray) -> np.ndarray:
        known = {'confidence': confidence} if self.takes_confidence else {}
        return self._run('repair', image=pixels, mask=mask, **known)

    def _run(self, name: GraphName, **inputs: np.ndarray) -> np.ndarray:
        if name not in self._sessions:
            self._sessions[name] = self._session(name)
        result: np.ndarray = self._sessions[name].run(None, inputs)[0]
        return result

    def _session(self, name: GraphName) -> onnxruntime.InferenceSession:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = _ERRORS_ONLY
        options.intra_op_num_threads = self._threads or usable_threads() or 0
        weights = {
            weight: np.ascontiguousarray(self._model.weights[weight], np.float32)
            for weight in self._model.description.weights[name]
        }
        self._kept.update(weights)
        values = [onnxruntime.OrtValue.ortvalue_from_numpy(weight) for weight in weights.values()]
        options.add_external_initializers(list(weights), values)
        return onnxruntime.InferenceSession(self._model.graphs[name], options, providers=['CPUExecutionProvider'])
