"""The command hcl-convert with --network: published weights become files that BasicSR loads, or are refused by name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Callable

import numpy as np
import pytest
import torch
import yaml
from basicsr.archs import build_network
from torch import Tensor, nn

from hcl_arch.archs.baselines.vgg_hypercolumn import VGG_DIMS, FrozenVGG19
from hcl_arch.commands.convert import main
from hcl_arch.model_files.official_names import OfficialNetwork, official_name
from hcl_arch.model_files.tensorflow_names import dhan_names, sirf_names

# Sizes that differ from every default.
TORCH: dict[OfficialNetwork, dict[str, Any]] = {
    'BS2AM': {'dim': 4, 'n_levels': 6, 'reduction': 2},
    'BVMR': {'dim': 2, 'n_units': 2, 'predict_motif': False},
    'MPRNet': {'dim': 8, 'dim_step': 4, 'last_dim_step': 6, 'n_blocks': 2, 'reduction': 2},
    'SplitThenRefine': {'dim': 4, 'n_units': 2, 'gate_reduction': 2, 'attention_reduction': 4},
}
TENSORFLOW = {'DHAN': dhan_names, 'SIRF': sirf_names}
DIMS = [2, 3, 4, 5, 6]


def scrambled(options: Mapping[str, Any]) -> nn.Module:
    net = build_network(dict(options)).eval()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.copy_(0.1 * torch.randn(parameter.shape))
    return net


def variables_of(net: nn.Module, names: Mapping[str, str]) -> dict[str, np.ndarray]:
    """As TensorFlow lays them out."""
    order = {4: (2, 3, 1, 0), 2: (1, 0), 1: (0,)}
    state = net.state_dict()
    return {theirs: state[ours].permute(order[state[ours].ndim]).numpy() for ours, theirs in names.items()}


def loaded(out: Path, text: str) -> tuple[dict[str, Any], nn.Module]:
    options = yaml.safe_load(text)['network_g']
    net = build_network(dict(options))
    net.load_state_dict(torch.load(out, weights_only=True)['params'])
    return options, net.eval()


@pytest.fixture
def refusal(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Callable[..., str]:
    def refuse(*arguments: str) -> str:
        out = tmp_path / 'none.pth'
        with pytest.raises(SystemExit):
            main([arguments[0], str(out), *arguments[1:]])
        assert not out.exists()
        text = capfd.readouterr().err
        assert re.fullmatch(r'hcl-convert: error: [^\n]*\n', text)
        return text

    return refuse


@pytest.mark.parametrize('network', TORCH)
@torch.no_grad()
def test_sizes_are_read_and_the_network_computes_the_same(
    network: OfficialNetwork, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    net = scrambled({'type': network, **TORCH[network]})
    state = {f'module.{official_name(network, name)}': value for name, value in net.state_dict().items()}
    torch.save({'epoch': 3, 'arch': 'x', 'state_dict': state}, tmp_path / 'official.pth')
    out = tmp_path / 'out.pth'
    main([str(tmp_path / 'official.pth'), str(out), '--network', network])
    text = capfd.readouterr().out
    options, converted = loaded(out, text)
    assert options == {'type': network, **TORCH[network]}
    assert '# These weights have a licence of their own' in text
    image = torch.rand(1, 3, 64, 64)
    assert torch.equal(converted(image), net(image))


@pytest.mark.parametrize('network', TENSORFLOW)
@torch.no_grad()
def test_variables_of_tensorflow_for_images_in_bgr(
    network: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    net = scrambled({'type': network, 'dim': 8, 'vgg_weights': 'random', 'vgg_dims': DIMS})
    np.savez(tmp_path / 'official.npz', **variables_of(net, TENSORFLOW[network]()), step=np.zeros(1))
    out = tmp_path / 'out.pth'
    main([str(tmp_path / 'official.npz'), str(out), '--network', network])
    options, converted = loaded(out, capfd.readouterr().out)
    assert options == {'type': network, 'dim': 8, 'bgr': True, 'vgg_dims': DIMS}
    image = torch.rand(1, 3, 32, 32)
    torch.testing.assert_close(converted(image.flip(1)), net(image).flip(1))


@torch.no_grad()
def test_torchvisions_vgg_stands_in(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    net = scrambled({'type': 'SIRF', 'dim': 2, 'vgg_weights': 'random'})
    names = {ours: theirs for ours, theirs in sirf_names().items() if not ours.startswith('vgg.')}
    np.savez(tmp_path / 'official.npz', **variables_of(net, names))
    torchvision = {f'features.{index}.{kind}': value for index, conv in enumerate(FrozenVGG19('random').convs)
                   for kind, value in conv.state_dict().items()}  # fmt: skip
    torch.save(torchvision, tmp_path / 'vgg.pth')
    out = tmp_path / 'out.pth'
    arguments = [str(tmp_path / 'official.npz'), str(out), '--network', 'SIRF']
    with pytest.raises(SystemExit):
        main(arguments)
    assert "name torchvision's by --vgg" in capfd.readouterr().err
    main([*arguments, '--vgg', str(tmp_path / 'vgg.pth')])
    text = capfd.readouterr().out
    assert 'expect other results' in text
    _, converted = loaded(out, text)
    expected = FrozenVGG19(str(tmp_path / 'vgg.pth'), dims=VGG_DIMS).state_dict()
    assert torch.equal(converted.state_dict()['vgg.convs.11.weight'], expected['convs.11.weight'])
    assert torch.equal(converted.state_dict()['first_conv.conv.weight'], net.state_dict()['first_conv.conv.weight'])


def small_state() -> dict[str, Tensor]:
    net = build_network({'type': 'MPRNet', **TORCH['MPRNet']})
    return {official_name('MPRNet', name): value for name, value in net.state_dict().items()}


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'tail.weight': None}, "'tail.weight' is missing"),
        ({'concat12.weight': None}, "missing .*'concat12.weight'"),
        ({'surprise': torch.zeros(1)}, "unknown .*'surprise'"),
        ({'concat12.weight': torch.zeros(1)}, r'joins.0.weight is of \(1,\), expected'),
        ({'tail.weight': torch.zeros(())}, 'no MPRNet: sizes that are none'),
        ({'note': 'text'}, 'expected a state dict'),
    ],
)
def test_other_files_are_refused(
    change: dict[str, Any], message: str, tmp_path: Path, refusal: Callable[..., str]
) -> None:
    state = {name: value for name, value in {**small_state(), **change}.items() if value is not None}
    torch.save(state, tmp_path / 'official.pth')
    assert re.search(message, refusal(str(tmp_path / 'official.pth'), '--network', 'MPRNet'))


def test_options_of_hcl_are_refused(tmp_path: Path, refusal: Callable[..., str]) -> None:
    torch.save(small_state(), tmp_path / 'official.pth')
    assert '--legacy-v: is for' in refusal(str(tmp_path / 'official.pth'), '--network', 'MPRNet', '--legacy-v', '4')


def test_damaged_arrays_are_refused(tmp_path: Path, refusal: Callable[..., str]) -> None:
    (tmp_path / 'official.npz').write_bytes(b'PK\x03\x04 no archive')
    assert 'no .npz file of numbers' in refusal(str(tmp_path / 'official.npz'), '--network', 'SIRF')
