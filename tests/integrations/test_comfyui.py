"""The ComfyUI node, its example workflow and its project file."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

import hcl_arch
from tests.integrations import comfy_stub
from tests.tiny_model import write_tiny_model

FOLDER = Path(__file__).resolve().parents[2] / 'integrations' / 'comfyui'


@pytest.fixture
def extension(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[ModuleType]:
    """The folder as ComfyUI loads it, with a tiny model among the named ones."""
    write_tiny_model(tmp_path / 'tiny.safetensors')
    monkeypatch.setenv('HCL_MODELS', str(tmp_path))
    comfy_stub.install(monkeypatch)
    place = importlib.util.spec_from_file_location('hcl_comfyui', FOLDER / '__init__.py')
    assert place is not None
    assert place.loader is not None
    module = importlib.util.module_from_spec(place)
    monkeypatch.setitem(sys.modules, 'hcl_comfyui', module)
    place.loader.exec_module(module)
    yield module
    sys.modules.pop('hcl_comfyui.nodes')


@pytest.fixture
def node(extension: ModuleType) -> Any:
    async def nodes() -> list[Any]:
        return await (await extension.comfy_entrypoint()).get_node_list()

    (found,) = asyncio.run(nodes())
    return found


@pytest.fixture
def batch() -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.rand(3, 40, 56, 3, generator=generator)


def confidence_of(image: torch.Tensor) -> np.ndarray:
    return hcl_arch.Restorer('tiny').detect(image.numpy())


def test_it_does_what_the_restorer_does(node: Any, batch: torch.Tensor) -> None:
    threshold = float(np.median(confidence_of(batch[0])))
    mask, image, score = comfy_stub.run(node, image=batch, model='tiny', threshold=threshold, grow=1)
    restorer = hcl_arch.Restorer('tiny')
    expected = [restorer.restore(one.numpy(), threshold=threshold, grow=1) for one in batch]
    assert np.array_equal(mask.numpy(), np.stack([one.mask for one in expected]) / 255)
    assert np.array_equal(image.numpy(), np.stack([one.image for one in expected]))
    assert score == max(one.score for one in expected)
    assert 0 < mask[0].mean() < 1
    assert torch.equal(image[mask == 0], batch[mask == 0])
    assert not torch.equal(image, batch)


def test_a_threshold_of_0_is_the_model_s(node: Any, batch: torch.Tensor) -> None:
    mask, _, _ = comfy_stub.run(node, image=batch[:1], model='tiny')
    assert np.array_equal(mask[0].numpy() * 255, hcl_arch.Restorer('tiny').find(batch[0].numpy()).mask)


def test_the_mask_alone_is_not_repaired_for(node: Any, batch: torch.Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hcl_arch.Restorer, 'restore', None)
    mask, image, _ = comfy_stub.run(node, image=batch, model='tiny', threshold=1.0, filler='none (mask only)')
    assert mask.any()
    assert torch.equal(image, batch)


def test_opencv_fills(node: Any, batch: torch.Tensor) -> None:
    threshold = float(np.median(confidence_of(batch[0])))
    given = {'image': batch[:1], 'model': 'tiny', 'threshold': threshold}
    own, other = (comfy_stub.run(node, **given, filler=filler) for filler in ('model', 'opencv-telea'))
    assert torch.equal(own[0], other[0])
    assert not torch.equal(own[1], other[1])


def test_values_beyond_the_range_are_taken(node: Any, batch: torch.Tensor) -> None:
    """Enlarging and decoding can overshoot."""
    _, image, _ = comfy_stub.run(node, image=batch * 1.2 - 0.1, model='tiny', filler='none (mask only)')
    assert torch.equal(image, (batch * 1.2 - 0.1).clamp(0, 1))


def test_the_packaged_model_is_chosen_first(node: Any) -> None:
    inputs = {one.id: one for one in node.define_schema().inputs}
    assert list(inputs) == ['image', 'threshold', 'grow', 'model', 'filler', 'repair_pixelated']
    assert inputs['model'].default == 'small'
    assert {'small', 'tiny'} <= set(inputs['model'].options)
    assert [one.io_type for one in node.define_schema().outputs] == ['MASK', 'IMAGE', 'FLOAT']


def test_the_example_workflow_fits_the_node(node: Any) -> None:
    workflow = json.loads((FOLDER / 'example_workflows' / 'repair.json').read_text('utf-8'))
    nodes = {one['id']: one for one in workflow['nodes']}
    for number, source, out, target, into, kind in workflow['links']:
        assert nodes[source]['outputs'][out]['type'] == nodes[target]['inputs'][into]['type'] == kind
        assert number in nodes[source]['outputs'][out]['links']
        assert nodes[target]['inputs'][into]['link'] == number
    schema = node.define_schema()
    (ours,) = [one for one in nodes.values() if one['type'] == schema.node_id]
    assert [one['type'] for one in ours['outputs']] == [one.io_type for one in schema.outputs]
    widgets = [one for one in schema.inputs if hasattr(one, 'accepts')]
    assert len(ours['widgets_values']) == len(widgets)
    assert all(one.accepts(value) for one, value in zip(widgets, ours['widgets_values']))


def test_the_project_file_is_of_this_version() -> None:
    project = (FOLDER / 'pyproject.toml').read_text('utf-8')
    assert re.search(r'^version = "(.*)"$', project, re.MULTILINE)[1] == hcl_arch.__version__  # type: ignore[index]
    assert re.search(r'^dependencies = \["(.*)"\]$', project, re.MULTILINE)[1] == 'hcl-arch'  # type: ignore[index]
    assert (FOLDER / 'requirements.txt').read_text() == 'hcl-arch\n'
