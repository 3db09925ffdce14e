"""What the node uses of ComfyUI's `comfy_api.latest`, with its contracts on names, types and shapes.

ComfyUI is a program, not a package that could be installed here. Signatures are those of its `comfy_api/latest/_io.py`:
an input or output of a type is made by that type's `Input` or `Output`; the values of a combo are strings; a node is a
class whose `execute` takes its inputs by name and returns a `NodeOutput` with a value for each output.
"""

from __future__ import annotations

import inspect
import sys
from dataclasses import dataclass, field
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch


class _Slot:
    io_type = ''

    def __init__(self, id: str | None = None, display_name: str | None = None, tooltip: str | None = None) -> None:
        self.id, self.display_name, self.tooltip = id, display_name, tooltip


class _Input(_Slot):
    def __init__(
        self, id: str, display_name: str | None = None, optional: bool = False, tooltip: str | None = None
    ) -> None:
        super().__init__(id, display_name, tooltip)
        self.optional = optional


class _Number(_Input):
    def __init__(
        self, id: str, *, default: Any = None, min: Any = None, max: Any = None, step: Any = None, **more: Any
    ) -> None:
        super().__init__(id, **more)
        self.default, self.min, self.max, self.step = default, min, max, step

    def accepts(self, value: Any) -> bool:
        """As the check of a workflow before it is run."""
        return isinstance(value, int if self.io_type == 'INT' else (int, float)) and self.min <= value <= self.max


class _Flag(_Input):
    def __init__(self, id: str, *, default: bool | None = None, **more: Any) -> None:
        super().__init__(id, **more)
        self.default = default

    def accepts(self, value: Any) -> bool:
        """As the check of a workflow before it is run."""
        return isinstance(value, bool)


class _Combo(_Input):
    def __init__(self, id: str, options: list[str], *, default: str | None = None, **more: Any) -> None:
        super().__init__(id, **more)
        self.options, self.default = options, default

    def accepts(self, value: Any) -> bool:
        """As the check of a workflow before it is run."""
        return value in self.options


def _type(io_type: str, base: type) -> SimpleNamespace:
    made = {'io_type': io_type}
    return SimpleNamespace(Input=type('Input', (base,), made), Output=type('Output', (_Slot,), made))


@dataclass
class Schema:
    """Of a node."""

    node_id: str
    display_name: str | None = None
    category: str = 'sd'
    inputs: list[_Input] = field(default_factory=list)
    outputs: list[_Slot] = field(default_factory=list)
    description: str = ''

    def validate(self) -> None:
        """Names occur once."""
        names = [one.id for one in self.inputs]
        assert len(set(names)) == len(names)


class NodeOutput:
    """What a node returns."""

    def __init__(self, *args: Any, ui: Any = None, expand: Any = None, block_execution: str | None = None) -> None:
        self.args, self.ui = args, ui

    @property
    def result(self) -> tuple[Any, ...]:
        """The values."""
        return self.args


class ComfyNode:
    """Base of the nodes."""


class ComfyExtension:
    """Base of the extensions."""


io = SimpleNamespace(
    ComfyNode=ComfyNode,
    Schema=Schema,
    NodeOutput=NodeOutput,
    Image=_type('IMAGE', _Input),
    Mask=_type('MASK', _Input),
    Float=_type('FLOAT', _Number),
    Int=_type('INT', _Number),
    Boolean=_type('BOOLEAN', _Flag),
    Combo=_type('COMBO', _Combo),
)


def install(patch: pytest.MonkeyPatch) -> None:
    """Let `comfy_api.latest` be imported."""
    package, latest = ModuleType('comfy_api'), ModuleType('comfy_api.latest')
    latest.io, latest.ComfyExtension = io, ComfyExtension  # type: ignore[attr-defined]
    package.latest = latest  # type: ignore[attr-defined]
    patch.setitem(sys.modules, 'comfy_api', package)
    patch.setitem(sys.modules, 'comfy_api.latest', latest)


def run(node: type[Any], **values: Any) -> tuple[Any, ...]:
    """Run a node as ComfyUI does, and check what goes in and what comes out."""
    schema = node.define_schema()
    schema.validate()
    assert list(inspect.signature(node.execute).parameters) == [one.id for one in schema.inputs]
    for one in schema.inputs:
        if hasattr(one, 'accepts'):
            assert one.accepts(values.setdefault(one.id, one.default)), one.id
    output = node.execute(**values)
    assert isinstance(output, NodeOutput)
    assert len(output.result) == len(schema.outputs)
    for slot, value in zip(schema.outputs, output.result):
        _check(slot.io_type, value, values['image'].shape)
    return output.result


def _check(io_type: str, value: Any, shape: torch.Size) -> None:
    if io_type == 'FLOAT':
        assert type(value) is float
        return
    assert value.dtype == torch.float32
    assert value.device.type == 'cpu'
    assert 0 <= value.min() <= value.max() <= 1
    assert value.shape == (shape if io_type == 'IMAGE' else shape[:3])
