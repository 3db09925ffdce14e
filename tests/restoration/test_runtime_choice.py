"""What the runtime `auto` computes with, and in how many threads."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import torch

from hcl_arch.model_files import load_model, save_model
from hcl_arch.restoration import Restorer
from hcl_arch.restoration.network_calls import NetworkCalls
from hcl_arch.restoration.onnx_calls import OnnxCalls
from hcl_arch.utils import runtime
from hcl_arch.utils.runtime import may_have_gpu, usable_threads

pytest.importorskip('onnxruntime')


@pytest.mark.parametrize(
    ('gpu', 'options', 'expected'),
    [
        (False, {}, OnnxCalls),
        (True, {}, NetworkCalls),
        (True, {'device': 'cpu'}, OnnxCalls),
        (False, {'precision': 'bf16'}, NetworkCalls),
        (False, {'runtime': 'torch'}, NetworkCalls),
        (False, {'filler': 'opencv-telea'}, OnnxCalls),
    ],
)
def test_onnxruntime_where_it_can(
    gpu: bool, options: dict[str, Any], expected: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime, 'may_have_gpu', lambda: gpu)
    assert type(Restorer('small', **options)._network) is expected


def test_pytorch_where_it_cannot(tmp_path: Path) -> None:
    """A network, a checkpoint, a model without graphs, or beside damaged ones."""
    small = load_model('small')
    options = {**small.options, 'detect_mirrored': True}
    save_model(tmp_path / 'mirrored.safetensors', options, small.network.state_dict(), {})
    save_model(tmp_path / 'damaged.safetensors', small.options, small.network.state_dict(), {})
    (tmp_path / 'damaged.onnx.zip').write_bytes(b'no archive')
    for model in (small.network, tmp_path / 'mirrored.safetensors', tmp_path / 'damaged.safetensors'):
        assert type(Restorer(model, device='cpu')._network) is NetworkCalls


@pytest.mark.parametrize('name', ['none', 'none.pth', 'none.safetensors'])
def test_a_model_that_is_not_there_is_reported_as_ever(name: str) -> None:
    with pytest.raises(ValueError, match='none') as by_auto:
        Restorer(name, device='cpu')
    with pytest.raises(ValueError, match='none') as by_torch:
        Restorer(name, device='cpu', runtime='torch')
    assert str(by_auto.value) == str(by_torch.value)


@pytest.mark.parametrize(
    ('platform', 'machine', 'present', 'expected'),
    [
        ('linux', 'x86_64', (), False),
        ('linux', 'x86_64', ('/dev/nvidia0',), True),
        ('linux', 'x86_64', ('/dev/kfd',), True),
        ('linux', 'x86_64', ('/dev/dxg',), True),
        ('darwin', 'arm64', (), True),
        ('darwin', 'x86_64', ('/dev/nvidia0',), False),
        ('win32', 'AMD64', (), False),
        ('win32', 'AMD64', ('C:/Windows/System32/nvcuda.dll',), True),
    ],
)
def test_drivers_of_gpus(
    platform: str, machine: str, present: tuple[str, ...], expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv('SYSTEMROOT', raising=False)
    monkeypatch.setattr(runtime.sys, 'platform', platform)
    monkeypatch.setattr(runtime.platform, 'machine', lambda: machine)
    monkeypatch.setattr(Path, 'exists', lambda path: path.as_posix() in present)
    found = may_have_gpu()
    monkeypatch.undo()
    assert found is expected


def test_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that OpenMP is told, as PyTorch has it; else as many as the process may use cores."""
    if not hasattr(os, 'sched_getaffinity'):
        pytest.skip('the system has no affinities')
    monkeypatch.setattr(os, 'cpu_count', lambda: 8)
    monkeypatch.setattr(os, 'sched_getaffinity', lambda _: {0, 3})
    for said, expected in (('', 2), ('3', 3), ('0', 2), ('all', 2)):
        monkeypatch.setenv('OMP_NUM_THREADS', said)
        assert usable_threads() == expected
    monkeypatch.delenv('OMP_NUM_THREADS')
    monkeypatch.setattr(os, 'sched_getaffinity', lambda _: set(range(8)))
    assert usable_threads() is None


def test_masks_are_those_of_pytorch() -> None:
    picture = torch.rand(90, 120, 3, generator=torch.Generator().manual_seed(0)).numpy()
    picture[20:40, 30:80] = (1, 0, 1)
    found, expected = (Restorer('small', device='cpu', runtime=kind).restore(picture) for kind in ('auto', 'torch'))
    assert (found.mask == expected.mask).all()
