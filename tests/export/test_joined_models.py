"""Models joined from parts with weights of their own: as option files, in one file, in other runtimes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from basicsr.archs import build_network
from torch import nn

from hcl_arch.commands.export import main
from hcl_arch.commands.export.comparison import compare
from hcl_arch.commands.export.onnx_file import onnx_runner, to_onnx
from hcl_arch.commands.export.parts import build_part
from hcl_arch.commands.export.program_file import program_runner, smallest_side, to_program
from hcl_arch.model_files import ModelFileError, load_model

DETECTOR = {
    'type': 'HCLDetector', 'encoder': 'conv', 'dim': 4, 'dim_mults': [1, 2], 'num_heads': [1, 1], 'n_conv_stages': 1,
    'encoder_depths': [0, 1], 'context_widths': [8], 'conf_thresholds': [1.0, 0.9], 'proj_dim': 4,
    'mask_from': 'pixels',
}  # fmt: skip
# Looks twice, with a backbone as pretrained ones are.
LOOKING = {
    **DETECTOR, 'encoder': 'timm', 'backbone': 'test_efficientnet', 'context_widths': [8, 8, 8], 'looks': 2,
}  # fmt: skip
RESTORER = {'type': 'HCLRefineNet', 'dim': 2, 'dim_mults': [1, 2]}


@pytest.fixture
def options() -> dict[str, Any]:
    return {'type': 'DetectThenRestore', 'detector': dict(DETECTOR), 'restorer': dict(RESTORER)}


@pytest.fixture
def joined(tmp_path: Path, options: dict[str, Any]) -> Path:
    """An option file whose network names the weights of its parts, which lie beside it."""
    torch.manual_seed(0)
    for part in ('detector', 'restorer'):
        options[f'{part}_weights'] = str(tmp_path / f'{part}.pth')
        torch.save({'params': build_network(options[part]).state_dict()}, options[f'{part}_weights'])
    path = tmp_path / 'joined.yml'
    path.write_text(yaml.safe_dump({'name': 'both', 'network_g': options}))
    return path


def test_the_option_file_is_the_joined_model(joined: Path, tmp_path: Path) -> None:
    state = torch.random.get_rng_state()
    model = load_model(joined)

    assert torch.equal(torch.random.get_rng_state(), state)
    assert model.name == 'both'
    assert 'detector_weights' not in model.options
    stored = torch.load(tmp_path / 'restorer.pth')['params']
    assert all(torch.equal(model.network.restorer.state_dict()[name], tensor) for name, tensor in stored.items())
    assert not model.network.training


def test_half_and_remarks_go_into_the_file(joined: Path, tmp_path: Path) -> None:
    out = tmp_path / 'both.safetensors'

    remarks = ['detect_side=96', 'min_score=0.25', 'description=a: small one']
    assert main([str(joined), str(out), '--half', '--info', *remarks]) == 0

    model, whole = load_model(out), load_model(joined)
    assert dict(model.info) == {'detect_side': 96, 'min_score': 0.25, 'description': 'a: small one'}
    for name, tensor in whole.network.state_dict().items():
        expected = tensor.half().float() if tensor.is_floating_point() else tensor
        assert torch.equal(model.network.state_dict()[name], expected)


@pytest.mark.parametrize('remark', ['detect_side', '=3'])
def test_a_remark_without_key_or_value_is_refused(
    joined: Path, tmp_path: Path, remark: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match='2'):
        main([str(joined), str(tmp_path / 'both.safetensors'), '--info', remark])

    assert f'expected KEY=VALUE, got {remark!r}' in capsys.readouterr().err


def test_a_least_score_out_of_range_is_refused(
    joined: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / 'both.safetensors'

    with pytest.raises(SystemExit, match='2'):
        main([str(joined), str(out), '--info', 'min_score=35'])

    assert 'min_score: expects a number in [0, 1], got 35.' in capsys.readouterr().err
    assert not out.exists()


def test_an_option_file_without_weights_is_refused(tmp_path: Path, options: dict[str, Any]) -> None:
    path = tmp_path / 'bare.yml'
    path.write_text(yaml.safe_dump({'network_g': options}))

    with pytest.raises(ModelFileError, match='bare.yml: neither its network_g nor path: .* names weights'):
        load_model(path)


def test_the_weights_of_all_may_be_named_instead(tmp_path: Path, options: dict[str, Any]) -> None:
    network = build_network(options)
    weights = tmp_path / 'trained.pth'
    torch.save({'params': {}, 'params_ema': network.state_dict()}, weights)
    path = tmp_path / 'test.yml'
    path.write_text(yaml.safe_dump(
        {'name': 'whole', 'network_g': options, 'path': {'pretrain_network_g': str(weights)}}))  # fmt: skip
    model = load_model(path)
    assert model.name == 'whole'
    for name, tensor in network.state_dict().items():
        assert torch.equal(model.network.state_dict()[name], tensor)
    weights.unlink()
    with pytest.raises(ModelFileError, match='trained.pth: cannot be read'):
        load_model(path)


def test_an_option_file_without_a_network_is_refused(tmp_path: Path) -> None:
    path = tmp_path / 'none.yml'
    path.write_text('name: none\n')

    with pytest.raises(ModelFileError, match='expected a section network_g'):
        load_model(path)


@pytest.mark.parametrize(
    'looking',
    [{}, {'detect_mirrored': True, 'mask_upsampling': 'bilinear'}, {'detect_enlarged': 2}, {'detect_enlarged': 4}],
    ids=['plain', 'twice and smooth', 'enlarged', 'enlarged beyond its grid'],
)
def test_a_confidence_coarser_than_the_image_is_exported_at_its_size(
    options: dict[str, Any], looking: dict[str, Any]
) -> None:
    pytest.importorskip('onnxruntime')
    torch.manual_seed(0)
    network = build_network({**options, **looking}).eval()
    part = build_part(network, 'all')

    run = onnx_runner(to_onnx(part, opset=18, remarks={}))

    for difference in compare(run, network, part, [(16, 16), (40, 51)]):
        assert difference.is_small, difference.line()


def looking_twice(**detector: Any) -> nn.Module:
    """Mirrored, smooth, and with statistics that fit the images, so that confidences differ from place to place."""
    torch.manual_seed(0)
    network = build_network({
        'type': 'DetectThenRestore', 'detector': {**LOOKING, **detector}, 'restorer': dict(RESTORER),
        'detect_mirrored': True, 'mask_upsampling': 'bilinear',
    })  # fmt: skip
    with torch.no_grad():
        for _ in range(3):
            network.train()(torch.rand(2, 3, 96, 64), restore=False)
        network.eval()
        image = torch.rand(1, 3, 128, 128)
        logits = network(image, return_all=True, restore=False).mask_logits[0]
        last = network.detector.pixel_classifiers[0].layers[-1]
        last.bias.sub_(logits.median()).mul_(2 / logits.std())
        last.weight.mul_(2 / logits.std())
    return network


def check_runs(run: Any, network: nn.Module, part: Any, sizes: list[tuple[int, int]]) -> None:
    for difference in compare(run, network, part, sizes):
        assert difference.is_small, difference.line()
        assert difference.name != 'confidence' or difference.largest < 1e-3, difference.line()


@pytest.mark.parametrize(
    'context_widths',
    [
        pytest.param([8, 8, 8], marks=pytest.mark.slow, id='whole backbone'),
        pytest.param([8, 8], id='without its coarsest map'),
    ],
)
def test_several_looks_with_a_backbone_as_onnx(context_widths: list[int]) -> None:
    pytest.importorskip('onnxruntime')
    pytest.importorskip('timm')
    network = looking_twice(context_widths=context_widths)
    part = build_part(network, 'all')
    check_runs(onnx_runner(to_onnx(part, opset=18, remarks={})), network, part, [(16, 16), (70, 161), (130, 64)])


@pytest.mark.slow
def test_several_looks_with_a_backbone_as_a_program() -> None:
    pytest.importorskip('timm')
    network = looking_twice()
    part = build_part(network, 'all')
    least = smallest_side(part)
    run = program_runner(to_program(part, remarks={}))
    check_runs(run, network, part, [(least, least), (70, 161), (130, 257)])


@torch.no_grad()
def test_restoring_by_a_given_mask_sees_what_all_looks_found() -> None:
    pytest.importorskip('timm')
    network = build_network({
        **LOOKING, 'type': 'HCLNet', 'decoder_depths': [1, 1], 'window_size': 4, 'bottleneck_depth': 1,
        'bottleneck_window_size': 4,
    }).eval()  # fmt: skip
    image, mask = torch.rand(1, 3, 50, 37), torch.ones(1, 1, 50, 37)
    mask[..., 10:20, 10:20] = 0
    torch.testing.assert_close(build_part(network, 'restore')(image, mask)[0], network.repair(image, mask))
