"""hcl-export: what other runtimes make of the exported files is what PyTorch makes of the network."""

from __future__ import annotations

import importlib
import io
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Callable

import pytest
import torch
from basicsr.archs import build_network
from torch import Tensor, nn

from hcl_arch.archs.layers.depthwise_conv import prepare_convolutions
from hcl_arch.commands.export import main
from hcl_arch.commands.export.comparison import compare
from hcl_arch.commands.export.onnx_file import onnx_runner, to_onnx
from hcl_arch.commands.export.parts import INTERFACES, PartName, build_part
from hcl_arch.commands.export.program_file import program_runner, smallest_side, to_program
from hcl_arch.commands.export.strided_convs import EvenStridedConv, with_even_strides
from hcl_arch.model_files import load_model, save_model
from tests.contrast import with_contrast

SIZES = ((64, 64), (72, 104), (100, 75), (256, 192))
SMALLEST = ((16, 16), (17, 40))
REFINER = {'type': 'HCLRefineNet', 'dim': 4, 'dim_mults': [1, 2]}
TINY = {
    'type': 'HCLNet', 'dim': 4, 'dim_mults': [1, 2], 'num_heads': [1, 2], 'encoder_depths': [2, 1],
    'decoder_depths': [1, 1], 'conf_thresholds': [1.0, 0.9], 'window_size': 4, 'bottleneck_depth': 1,
    'bottleneck_window_size': 4, 'proj_dim': 8,
}  # fmt: skip
SMALL = {
    'type': 'HCLNet', 'dim': 8, 'encoder_depths': [2, 1, 1], 'decoder_depths': [2, 1, 1], 'window_size': 4,
    'bottleneck_depth': 2, 'bottleneck_window_size': 4, 'proj_dim': 8,
}  # fmt: skip
INFO = {'licence': 'CC0', 'detect_side': 256, 'threshold': 0.4, 'min_score': 0.3}
MATRIX: dict[str, dict[str, Any]] = {
    'plain': {},
    'refiner': {'refiner': REFINER},
    'refiner, nearest': {'refiner': {**REFINER, 'upsample_mode': 'nearest'}},
    'conv stage': {'n_conv_stages': 1},
    'conv stage, nearest': {'n_conv_stages': 1, 'upsample_mode': 'nearest', 'refiner': REFINER},
    'another bottleneck': {'bottleneck_window_size': 8, 'num_heads': [1, 2, 4]},
    'convolutional encoder': {'encoder': 'conv', 'context_widths': [16]},
    'several starts': {'kmeans_repeats': 3},
    'single stage': {'single_stage': 1, 'refiner': REFINER},
    'pixels': {'mask_from': 'pixels'},
}


def contrasting(options: dict[str, Any]) -> nn.Module:
    """A network whose clusters do not hang on the last digit."""
    return with_contrast(build_network(options).eval())


def largest_differences(network: nn.Module, name: PartName, sizes: Sequence[tuple[int, int]]) -> dict[str, float]:
    part = build_part(network, name)
    run = onnx_runner(to_onnx(part, opset=18, remarks={}))
    found = compare(run, network, part, sizes)
    for difference in found:
        assert difference.is_small, difference.line()
    return {output: max(d.largest for d in found if d.name == output) for output in INTERFACES[name].outputs}


@pytest.fixture(scope='module', autouse=True)
def _onnx() -> None:
    pytest.importorskip('onnxruntime')
    pytest.importorskip('onnxscript')


@pytest.fixture(scope='module')
def network() -> nn.Module:
    torch.manual_seed(0)
    return contrasting({**TINY, 'refiner': REFINER})


@pytest.fixture
def model(tmp_path: Path, network: nn.Module) -> Path:
    path = tmp_path / 'tiny.safetensors'
    save_model(path, {**TINY, 'refiner': REFINER}, network.state_dict(), INFO)
    return path


@pytest.fixture
def refused(capfd: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Function (*arguments) that returns the one line of the refusal."""

    def export(*arguments: object) -> str:
        with pytest.raises(SystemExit) as stop:
            main([str(argument) for argument in arguments])
        assert stop.value.code == 2
        text, errors = capfd.readouterr()
        assert text == ''
        assert errors.startswith('hcl-export: error: ')
        assert errors.count('\n') == 1
        return errors

    return export


# ONNX.


def test_detect_by_the_command(model: Path, network: nn.Module, capfd: pytest.CaptureFixture[str]) -> None:
    import onnx

    out = model.with_suffix('.onnx')
    assert main([str(model), str(out), '--part', 'detect']) == 0
    text = capfd.readouterr().out
    assert 'tiny, detect' in text
    assert '75 x 100: mask: 100.00 % equal' in text
    assert sorted(path.name for path in model.parent.iterdir()) == ['tiny.onnx', 'tiny.safetensors']
    props = {prop.key: prop.value for prop in onnx.load(out).metadata_props}
    assert (props['model'], props['licence'], props['part'], props['detect_side']) == ('tiny', 'CC0', 'detect', '256')
    assert (props['threshold'], props['min_score']) == ('0.4', '0.3')
    assert '1 = uncorrupted' in props['glossary']
    assert 'any height and width from 16 px up; the file itself pads to multiples of 8 px' in props['sizes']
    part = build_part(network, 'detect')
    found = compare(onnx_runner(out.read_bytes()), network, part, [*SIZES[:3], *SMALLEST])
    assert all(difference.equal == 1 for difference in found)


@pytest.mark.parametrize('name', ['restore', 'all'])
def test_restoring_parts(network: nn.Module, name: PartName) -> None:
    largest = largest_differences(network, name, [*SIZES[:2], *SMALLEST])
    assert largest['restored'] < 1e-3


@pytest.mark.slow
@pytest.mark.parametrize('name', INTERFACES)
@pytest.mark.parametrize('kind', MATRIX)
def test_matrix(kind: str, name: PartName) -> None:
    torch.manual_seed(2)  # a draw in which the clusters stand apart, so that all processors find the same
    largest_differences(contrasting({**SMALL, **MATRIX[kind]}), name, [*SIZES, *SMALLEST])


@pytest.mark.slow
@pytest.mark.parametrize('name', INTERFACES)
def test_baseline(name: PartName) -> None:
    network = build_network({'type': 'VCNet', 'dim': 4, 'detector_blocks': 1, 'inpainter_blocks': 1}).eval()
    largest_differences(network, name, [*SIZES, *SMALLEST])


@pytest.mark.slow
@pytest.mark.parametrize('opset', [19, 20])
def test_opsets(network: nn.Module, opset: int) -> None:
    import onnx

    part = build_part(network, 'detect')
    content = to_onnx(part, opset=opset, remarks={})
    assert onnx.load(io.BytesIO(content)).opset_import[0].version == opset
    assert all(difference.is_small for difference in compare(onnx_runner(content), network, part, SIZES))


# Programs of torch.export.


@pytest.mark.slow
@pytest.mark.parametrize('name', INTERFACES)
@pytest.mark.parametrize('change', [{}, {'encoder': 'conv'}])
def test_program(name: PartName, change: dict[str, Any]) -> None:
    network = contrasting({**TINY, 'encoder_depths': [1, 1], **change})
    part = build_part(network, name)
    content = to_program(part, remarks={'model': 'tiny'})
    side = smallest_side(part)
    assert side == 16  # two tiles of 8 px; less is no image for the network itself
    found = compare(program_runner(content), network, part, [*SIZES, (16, 16), (17, 40)])
    assert all(difference.is_small for difference in found), [difference.line() for difference in found]
    extra = {'hcl_arch.json': ''}
    torch.export.load(io.BytesIO(content), extra_files=extra)
    assert json.loads(extra['hcl_arch.json']) == {'model': 'tiny'}


# Safetensors, and what is refused.


def test_safetensors(model: Path, network: nn.Module, capfd: pytest.CaptureFixture[str]) -> None:
    out = model.with_name('copy.safetensors')
    assert main([str(model), str(out)]) == 0
    copy = load_model(out)
    assert dict(copy.info) == INFO
    assert all(torch.equal(copy.network.state_dict()[name], x) for name, x in network.state_dict().items())
    assert 'for hcl-restore --model' in capfd.readouterr().out


def test_refusals(model: Path, refused: Callable[..., str], tmp_path: Path) -> None:
    out = tmp_path / 'out.onnx'
    out.write_text('precious')
    assert f'{out}: exists already: name another file, or give --overwrite' in refused(model, out)
    assert out.read_text() == 'precious'
    assert 'ends in .onnx, .pt2, .safetensors' in refused(model, tmp_path / 'out.pb')
    assert 'in a folder that exists' in refused(model, tmp_path / 'no' / 'out.onnx')
    assert 'is the model itself' in refused(model, model, '--overwrite')
    assert 'there is no such file' in refused(tmp_path / 'no.safetensors', tmp_path / 'a.onnx')
    assert "no model named 'nobody'" in refused('nobody', tmp_path / 'a.onnx')
    assert '--opset' in refused(model, tmp_path / 'a.onnx', '--opset', '9')
    assert '--part' in refused(model, tmp_path / 'a.onnx', '--part', 'half')
    assert '--half is for .safetensors' in refused(model, tmp_path / 'a.onnx', '--half')
    assert '--info is for .safetensors' in refused(model, tmp_path / 'a.onnx.zip', '--info', 'licence=none')
    assert '--part is for .onnx and .pt2' in refused(model, tmp_path / 'a.safetensors', '--part', 'detect')
    assert '--opset is for .onnx' in refused(model, tmp_path / 'a.pt2', '--opset', '19')
    assert sorted(path.name for path in tmp_path.iterdir()) == ['out.onnx', 'tiny.safetensors']


def test_missing_packages(
    model: Path, refused: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, 'onnxruntime', None)
    error = refused(model, tmp_path / 'a.onnx')
    assert 'ONNX needs onnxruntime: pip install "hcl-arch[export]"' in error


def test_full_disk_leaves_nothing(
    model: Path, refused: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = importlib.import_module('hcl_arch.commands.export.command')
    monkeypatch.setattr(command, 'to_onnx', lambda part, **_: b'0' * 10)
    monkeypatch.setattr(command, 'onnx_runner', lambda content: None)
    atomic = importlib.import_module('hcl_arch.utils.atomic_file')

    def disk_full(descriptor: int) -> None:
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(atomic.os, 'fsync', disk_full)
    assert 'cannot be written: No space left on device' in refused(model, tmp_path / 'a.onnx')
    assert [path.name for path in tmp_path.iterdir()] == ['tiny.safetensors']


def test_differences_are_told(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    command = importlib.import_module('hcl_arch.commands.export.command')
    part = build_part(load_model(model).network, 'detect')

    def wrong(inputs: Sequence[Tensor]) -> list[Tensor]:
        mask, confidence = part(*inputs)
        return [1 - mask, confidence]

    monkeypatch.setattr(command, 'to_onnx', lambda part, **_: b'0' * 10)
    monkeypatch.setattr(command, 'onnx_runner', lambda content: wrong)
    assert main([str(model), str(tmp_path / 'a.onnx'), '--part', 'detect']) == 1
    text, errors = capfd.readouterr()
    assert '64 x 64: mask: 0.00 % equal, largest difference 1.0e+00' in text
    assert 'is written but differs from PyTorch' in errors


# Parts in PyTorch.


@pytest.mark.parametrize(('kernel_size', 'bias'), [(1, True), (3, False), (5, True)])
def test_even_strides(kernel_size: int, bias: bool) -> None:
    conv = nn.Conv2d(2, 3, kernel_size, stride=2, padding=kernel_size // 2, bias=bias)
    x = torch.rand(2, 2, 6, 10)
    torch.testing.assert_close(EvenStridedConv(conv)(x), conv(x))


@pytest.mark.parametrize('groups', [2, 4])
def test_even_strides_of_groups(groups: int) -> None:
    net = nn.Sequential(nn.Conv2d(4, 8, 3, stride=2, padding=1, groups=groups))
    x = torch.rand(2, 4, 6, 10)
    expected = net(x)
    torch.testing.assert_close(with_even_strides(net)(x), expected)
    assert isinstance(net[0], EvenStridedConv)


@pytest.mark.parametrize('kernel_size', [1, 3, 5])
def test_even_strides_of_padding_by_size(kernel_size: int) -> None:
    layers = pytest.importorskip('timm.layers')
    net = nn.Sequential(layers.Conv2dSame(4, 4, kernel_size, stride=2, groups=4))
    x = torch.rand(2, 4, 6, 10)
    expected = net(x)
    prepare_convolutions(net)
    torch.testing.assert_close(with_even_strides(net)(x), expected)
    assert isinstance(net[0], EvenStridedConv)


class Doubled(nn.Conv2d):
    """Has a computation of its own."""

    def forward(self, input: Tensor) -> Tensor:
        return 2 * super().forward(input)


@pytest.mark.parametrize('conv', [
    nn.Conv2d(2, 3, 4, stride=2, padding=1), nn.Conv2d(2, 3, 2, stride=2), nn.Conv2d(2, 3, 3, stride=2),
    nn.Conv2d(2, 3, 3, stride=2, padding=2, dilation=2), nn.Conv2d(2, 3, (3, 5), stride=2, padding=(1, 2)),
    nn.Conv2d(2, 3, 3, stride=2, padding=1, padding_mode='reflect'), Doubled(2, 3, 3, stride=2, padding=1),
], ids=str)  # fmt: skip
def test_other_convolutions_stay(conv: nn.Module) -> None:
    net = nn.Sequential(conv)
    x = torch.rand(2, 2, 8, 10)
    assert torch.equal(with_even_strides(net)(x), conv(x))


@torch.no_grad()
@pytest.mark.parametrize('change', [{}, {'n_conv_stages': 1}, {'single_stage': 1, 'refiner': REFINER}])
def test_parts_do_what_the_network_does(change: dict[str, Any]) -> None:
    network = contrasting({**TINY, **change})
    image, mask = torch.rand(2, 3, 37, 50), (torch.rand(2, 1, 37, 50) > 0.3).float()
    everything = network(image, return_all=True)
    restored, found, confidence = build_part(network, 'all')(image)
    torch.testing.assert_close(restored, everything.restored)
    assert torch.equal(found, everything.mask)
    torch.testing.assert_close(confidence, everything.soft_mask)
    torch.testing.assert_close(build_part(network, 'restore')(image, mask)[0], network.repair(image, mask))
    assert network(image, return_all=True).restored.equal(everything.restored)
