"""The command hcl-convert: files of the authors' program become files that BasicSR loads, or are refused by name."""

from __future__ import annotations

import copy
import json
import os
import re
import runpy
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Callable, NamedTuple, Optional

import numpy as np
import pytest
import torch
import yaml
from basicsr.archs import build_network
from basicsr.models.base_model import BaseModel
from torch import Tensor, nn

from hcl_arch.archs import HCLNet, HCLPatchDiscriminator, HCLRefineNet
from hcl_arch.archs.image_form import to_image_range, to_network_range
from hcl_arch.commands.convert import main
from tests.conftest import parity_case

# Sizes that differ from every default.
NET_OPTIONS: dict[str, Any] = {
    'dim': 8,
    'dim_mults': [1, 2, 6],
    'encoder_depths': [1, 2, 1],
    'decoder_depths': [2, 1, 1],
    'num_heads': [2, 4, 8],
    'window_size': 4,
    'bottleneck_depth': 3,
    'bottleneck_window_size': 8,
    'proj_dim': 12,
    'fuse': False,
}
REFINER_OPTIONS: dict[str, Any] = {'dim': 4, 'dim_mults': [1, 2]}
DISCRIMINATOR_OPTIONS: dict[str, Any] = {'dim': 4, 'dim_mults': [1, 2, 3]}


class Converted(NamedTuple):
    """What a run of the command left."""

    options: dict[str, Any]
    text: str
    net: nn.Module
    params: dict[str, Tensor]


Convert = Callable[..., Converted]
Refused = Callable[..., str]


class Opaque:
    """A Python object in a checkpoint."""


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / 'out'
    folder.mkdir()
    return folder / 'out.pth'


@pytest.fixture
def run_convert(capfd: pytest.CaptureFixture[str], out: Path) -> Convert:
    """Function (checkpoint file, *options) that converts it, and builds and loads what is printed as BasicSR does."""

    def convert(checkpoint: Path, *options: str) -> Converted:
        main([str(checkpoint), str(out), *options])
        text, errors = capfd.readouterr()
        assert errors == ''
        assert not list(out.parent.glob('.*'))
        lines = yaml.safe_load(text)
        assert lines['path']['pretrain_network_g'] == str(out)
        net = build_network(lines['network_g'])
        _load(net, lines['path']['pretrain_network_g'], lines['path']['strict_load_g'])
        params = torch.load(out, weights_only=True)
        assert list(params) == ['params']
        return Converted(lines, text, net.eval(), params['params'])

    return convert


@pytest.fixture
def refused(capfd: pytest.CaptureFixture[str], out: Path) -> Refused:
    """Function (checkpoint file, *options, into=out) that returns the one line of the refusal."""

    def convert(checkpoint: Path, *options: str, into: Optional[Path] = None) -> str:
        before = sorted(out.parent.iterdir())
        with pytest.raises(SystemExit) as stop:
            main([str(checkpoint), str(into or out), *options])
        assert stop.value.code == 2
        text, errors = capfd.readouterr()
        assert text == ''
        assert re.fullmatch(r'hcl-convert: error: [^\n]*\n', errors)
        assert sorted(out.parent.iterdir()) == before
        return errors

    return convert


@pytest.fixture
def save(tmp_path: Path) -> Callable[[object], Path]:
    def write(content: object) -> Path:
        torch.save(content, tmp_path / 'official.pt')
        return tmp_path / 'official.pt'

    return write


@pytest.fixture(scope='module')
def sound_checkpoint() -> dict[str, Any]:
    return make_checkpoint(**NET_OPTIONS)


@pytest.fixture
def checkpoint(sound_checkpoint: dict[str, Any]) -> dict[str, Any]:
    """A random checkpoint in the authors' layout, for the test to damage."""
    return copy.deepcopy(sound_checkpoint)


def make_checkpoint(**options: Any) -> dict[str, Any]:
    net = HCLNet(**options, refiner=HCLRefineNet(**REFINER_OPTIONS))
    discriminator = HCLPatchDiscriminator(**DISCRIMINATOR_OPTIONS)
    return {**authors_layout(net), 'pdisc': _renamed(discriminator, (r'^convs\.(\d+)', r'disc.\1.conv')), 'step': 7}


def authors_layout(net: HCLNet) -> dict[str, Any]:
    """The authors' names, by rules that the package does not share."""
    detector, mlp = net.detector, ((r'mlp\.0\.', 'mlp.fc1.'), (r'mlp\.2\.', 'mlp.fc2.'))
    encoder = _renamed(
        detector.encoder,
        (r'^layers\.(\d+)\.conv', r'down_blocks.\1.0.conv.conv'),
        (r'^layers\.(\d+)', r'down_blocks.\1.0'),
        (r'^downsamples\.(\d+)', r'down_blocks.\1.1.conv.conv'),
        (r'^conv_stages\.(\d+)', rf'conv_down_blocks.\1.{int(detector.encoder.conv_stage_order == "gelu_conv")}'),
        (r'^first_conv', 'first_conv.conv'),
        *mlp,
    )
    decoder = _renamed(
        net.decoder,
        (r'^layers\.(\d+)', r'up_blocks.\1.0'),
        (r'^upsamples\.(\d+)', lambda match: f'up_blocks.{int(match[1]) + 1}.1.conv.conv'),
        (r'^conv_stages\.(\d+)', r'conv_up_blocks.\1.0.1'),
        (r'^last_conv', 'last_conv.conv'),
        *mlp,
    )
    # Buffers that are to be left out.
    encoder['down_blocks.0.0.blocks.0.attn.relative_position_index'] = torch.zeros(16, 16, dtype=torch.int64)
    decoder['up_blocks.0.0.blocks.1.attn_mask'] = torch.zeros(4, 16, 16)
    heads = _renamed(detector.projection_heads, (r'^heads', 'proj_heads'), (r'^maps\.(\d+)', r'fuse.\1.0'))
    bottleneck = _renamed(net.bottleneck, (r'^conv\.', 'conv.conv.'), *mlp, ('^', 'bottleneck.'))
    return {
        'inpaintnet': {'encoder': encoder, 'project_heads': heads, 'bottleneck': bottleneck, 'decoder': decoder},
        'refinenet': _authors_refiner(net.refiner),
        'classifier': _renamed(detector.classifier, ('^layers', 'cls')),
    }


def _authors_refiner(refiner: HCLRefineNet) -> dict[str, Tensor]:
    top = len(refiner.down_blocks) - 1
    return _renamed(
        refiner,
        (r'(conv\d|first_conv)\.(conv|gate)', r'\1.\2.conv'),
        ('^first_conv', 'refine_first'),
        ('^last_conv', 'refine_last.conv'),
        ('^bottleneck', 'refine_bottleneck'),
        (r'^down_blocks\.(\d+)', r'refine_encoder.\1.0'),
        (r'^downsamples\.(\d+)', r'refine_encoder.\1.1'),
        (r'^up_blocks\.(\d+)', lambda match: f'refine_decoder.{top - int(match[1])}.0'),
        (r'^upsamples\.(\d+)', lambda match: f'refine_decoder.{top - 1 - int(match[1])}.1.1'),
    )


def _renamed(module: nn.Module, *rules: tuple[str, Any]) -> dict[str, Tensor]:
    state = {}
    for name, tensor in module.state_dict().items():
        for pattern, replacement in rules:
            name = re.sub(pattern, replacement, name)
        state[name] = torch.randn(tensor.shape)
    return state


def _load(net: nn.Module, path: str, strict: bool) -> None:
    model = BaseModel({'num_gpu': 0, 'is_train': False})
    model.load_network(net, path, strict)


def assert_near(actual: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(actual, expected, atol=1e-4, rtol=0)


# The authors' own numbers.


# Without a convolution stage, and with one in version 4 and 3.
@pytest.fixture(params=['a', 'f', 'g'])
def parity(request: pytest.FixtureRequest) -> Path:
    return parity_case(request.param)


@pytest.fixture
def save_config(tmp_path: Path) -> Callable[[object], str]:
    """Function that writes a configuration in the authors' layout and returns its path."""

    def write(content: object) -> str:
        path = tmp_path / 'official.yml'
        path.write_text(yaml.safe_dump(content))
        return str(path)

    return write


@torch.no_grad()
def test_parity(parity: Path, run_convert: Convert, out: Path) -> None:
    out_d = out.with_name('out_d.pth')
    converted = run_convert(parity / 'official.pt', '--discriminator', str(out_d))
    tensors = {name: torch.from_numpy(array) for name, array in np.load(parity / 'tensors.npz').items()}
    net, lines = converted.net, converted.options
    output = net(to_image_range(tensors['x']), return_all=True, true_mask=tensors['mask'], guidance='true')
    assert_near(to_network_range(output.coarse), tensors['restored_coarse'])
    assert_near(to_network_range(output.restored), tensors['restored'])
    detection = net.detector.detect(tensors['x'], true_mask=tensors['mask'])
    for stage in range(3):
        assert_near(detection.features[stage], tensors[f'skip_{stage}'])
        assert_near(detection.embeddings[stage], tensors[f'proj_{stage}'])
    assert_near(net.bottleneck(detection.features[-1]), tensors['bottleneck'])
    assert_near(net.detector.classifier(tensors['centers']), tensors['cls'].squeeze(-1))
    discriminator = build_network(lines['network_d']).eval()
    _load(discriminator, lines['path']['pretrain_network_d'], lines['path']['strict_load_d'])
    assert lines['path']['pretrain_network_d'] == str(out_d)
    assert_near(discriminator(to_image_range(tensors['gt'])), tensors['disc'])


def test_parity_configuration(parity: Path, run_convert: Convert) -> None:
    lines = run_convert(parity / 'official.pt').options
    config = json.loads((parity / 'case.json').read_text())['config']
    network = lines['network_g']
    order = 'gelu_conv' if config.get('legacy_v') == 3 else 'conv_gelu'
    assert (network['upsample_mode'], network['conv_stage_order']) == ('bilinear', order)
    ours = {'type', 'num_heads', 'refiner', 'upsample_mode', 'conv_stage_order'}
    assert {name: config[name] for name in network if name not in ours} == {
        name: value for name, value in network.items() if name not in ours
    }
    assert network['refiner']['dim'] == config['refine_dim']
    assert network['refiner']['dim_mults'] == config['refine_mults']
    assert lines['network_d'] == {'type': 'HCLPatchDiscriminator', 'dim': config['dim'], 'dim_mults': [1, 2, 2, 4, 8]}
    assert 'pretrain_network_d' not in lines['path']


# Other sizes.


def test_sizes_are_read(checkpoint: dict[str, Any], save: Callable[[object], Path], run_convert: Convert) -> None:
    converted = run_convert(save({**checkpoint, 'optimizer_g': {'state': {0: torch.ones(2)}}}))
    assert converted.options['network_g'] == {
        'type': 'HCLNet',
        'n_conv_stages': 0,
        'upsample_mode': 'bilinear',
        'conv_stage_order': 'conv_gelu',
        'refiner': {'type': 'HCLRefineNet', 'upsample_mode': 'bilinear', **REFINER_OPTIONS},
        **NET_OPTIONS,
    }
    assert converted.options['network_d'] == {'type': 'HCLPatchDiscriminator', **DISCRIMINATOR_OPTIONS}
    assert '# step 7: not kept\n' in converted.text
    assert "# 'optimizer_g': not kept\n" in converted.text


def test_tensors_keep_their_places(
    checkpoint: dict[str, Any], save: Callable[[object], Path], run_convert: Convert
) -> None:
    params = run_convert(save(checkpoint)).params
    nets, refiner = checkpoint['inpaintnet'], checkpoint['refinenet']
    for ours, theirs in {
        'detector.encoder.downsamples.1.weight': nets['encoder']['down_blocks.1.1.conv.conv.weight'],
        'detector.encoder.layers.1.blocks.1.mlp.2.bias': nets['encoder']['down_blocks.1.0.blocks.1.mlp.fc2.bias'],
        'decoder.upsamples.0.weight': nets['decoder']['up_blocks.1.1.conv.conv.weight'],
        'decoder.layers.2.conv.bias': nets['decoder']['up_blocks.2.0.conv.bias'],
        'refiner.up_blocks.0.conv1.gate.weight': refiner['refine_decoder.1.0.conv1.gate.conv.weight'],
        'refiner.upsamples.0.bias': refiner['refine_decoder.0.1.1.bias'],
        'refiner.downsamples.0.bias': refiner['refine_encoder.0.1.bias'],
    }.items():
        assert torch.equal(params[ours], theirs), ours
    count = sum(len(state) for state in [*nets.values(), refiner, checkpoint['classifier']])
    assert len(params) == count - 2  # the derived buffers
    assert all(tensor.dtype == torch.float32 for tensor in params.values())


def test_without_refiner_and_discriminator(
    checkpoint: dict[str, Any], save: Callable[[object], Path], run_convert: Convert, refused: Refused, out: Path
) -> None:
    checkpoint.update(refinenet=None)
    del checkpoint['pdisc']
    converted = run_convert(save(checkpoint))
    assert 'refiner' not in converted.options['network_g']
    assert 'network_d' not in converted.options
    error = refused(save(checkpoint), '--discriminator', str(out.with_name('d.pth')), '--overwrite')
    assert "part 'pdisc' is missing" in error


def test_two_stages(save: Callable[[object], Path], run_convert: Convert) -> None:
    options = {
        'dim': 4,
        'dim_mults': [1, 2],
        'encoder_depths': [1, 1],
        'decoder_depths': [1, 2],
        'num_heads': [1, 2],
        'window_size': 4,
        'bottleneck_window_size': 4,
        'conf_thresholds': [1.0, 0.95],
    }
    network = run_convert(save(make_checkpoint(**options))).options['network_g']
    assert {name: network[name] for name in options} == options
    assert network['fuse'] is True


def test_half_precision_and_views(
    checkpoint: dict[str, Any], save: Callable[[object], Path], run_convert: Convert, out: Path
) -> None:
    weight = torch.randn(3, 100_000, dtype=torch.float16)
    checkpoint['classifier']['cls.2.weight'] = weight[:1, :12]
    checkpoint['classifier']['cls.0.bias'] = torch.randn(100_000)[:12]
    params = run_convert(save(checkpoint)).params
    assert torch.equal(params['detector.classifier.layers.2.weight'], weight[:1, :12].float())
    needed = sum(tensor.numel() * 4 for tensor in params.values())
    assert out.stat().st_size < needed + 600 * len(params)


# Convolution stages and older versions.


@pytest.mark.parametrize('order', ['conv_gelu', 'gelu_conv'])
@pytest.mark.parametrize('stages', [1, 2])
def test_convolution_stages(save: Callable[[object], Path], run_convert: Convert, order: str, stages: int) -> None:
    checkpoint = make_checkpoint(**NET_OPTIONS, n_conv_stages=stages, conv_stage_order=order)
    converted = run_convert(save(checkpoint))
    network = converted.options['network_g']
    assert (network['n_conv_stages'], network['conv_stage_order']) == (stages, order)
    nets = checkpoint['inpaintnet']
    for stage in range(stages):
        ours = converted.params[f'detector.encoder.conv_stages.{stage}.weight']
        place = int(order == 'gelu_conv')
        assert torch.equal(ours, nets['encoder'][f'conv_down_blocks.{stage}.{place}.weight'])
        ours = converted.params[f'decoder.conv_stages.{stage}.bias']
        assert torch.equal(ours, nets['decoder'][f'conv_up_blocks.{stage}.0.1.bias'])


def test_convolution_stages_that_are_damaged(save: Callable[[object], Path], refused: Refused) -> None:
    checkpoint = make_checkpoint(**NET_OPTIONS, n_conv_stages=2, conv_stage_order='gelu_conv')
    encoder, decoder = checkpoint['inpaintnet']['encoder'], checkpoint['inpaintnet']['decoder']
    bias = encoder.pop('conv_down_blocks.1.1.bias')
    assert "inpaintnet.encoder: key 'conv_down_blocks.1.1.bias' is missing" in refused(save(checkpoint))
    encoder['conv_down_blocks.1.1.bias'] = bias[:5]
    assert "key 'conv_down_blocks.1.1.bias' has shape (5,): expected (8,)" in refused(save(checkpoint))
    encoder['conv_down_blocks.1.1.bias'] = bias
    weight = decoder.pop('conv_up_blocks.1.0.1.weight')
    assert "inpaintnet.decoder: key 'conv_up_blocks.1.0.1.weight' is missing" in refused(save(checkpoint))
    decoder['conv_up_blocks.1.0.1.weight'] = weight
    decoder['my_conv.0.conv.conv.bias'] = torch.zeros(8)
    assert "inpaintnet.decoder: key 'my_conv.0.conv.conv.bias' is foreign" in refused(save(checkpoint))
    encoder['conv_down_blocks.0.0.bias'] = bias
    error = refused(save(checkpoint))
    assert "inpaintnet.encoder: keys 'conv_down_blocks.0.0.bias' and 'conv_down_blocks." in error
    assert 'tell different orders of convolution and GELU' in error


@pytest.mark.parametrize(
    ('where', 'legacy_v', 'upsample_mode', 'order'),
    [
        ('--legacy-v', 1, 'nearest', 'conv_gelu'),
        ('--legacy-v', 3, 'bilinear', 'gelu_conv'),
        ('checkpoint', 3, 'bilinear', 'gelu_conv'),
        ('config inside', 1, 'nearest', 'conv_gelu'),
        ('--config', 1, 'nearest', 'conv_gelu'),
        ('--config', 2, 'nearest', 'conv_gelu'),
        ('--config', 3, 'bilinear', 'gelu_conv'),
        ('--config', 4, 'bilinear', 'conv_gelu'),
        ('--config, flat', 2, 'nearest', 'conv_gelu'),
    ],
)
def test_legacy_version(
    save: Callable[[object], Path],
    save_config: Callable[[object], str],
    run_convert: Convert,
    where: str,
    legacy_v: int,
    upsample_mode: str,
    order: str,
) -> None:
    checkpoint = make_checkpoint(**NET_OPTIONS, n_conv_stages=1, conv_stage_order=order)
    stated = {'legacy_v': legacy_v}
    inside = {'checkpoint': stated, 'config inside': {'config': stated}}.get(where, {})
    options: list[str] = []
    if where == '--legacy-v':
        options = ['--legacy-v', str(legacy_v)]
    elif where.startswith('--config'):
        options = ['--config', save_config(stated if 'flat' in where else {'inpaintnet': stated})]
    converted = run_convert(save({**checkpoint, **inside}), *options)
    net = converted.net
    assert (net.decoder.upsample_mode, net.detector.encoder.conv_stage_order) == (upsample_mode, order)
    assert net.refiner.upsample_mode == upsample_mode
    assert f'# legacy_v {legacy_v}: stated by ' in converted.text


def test_what_is_supposed_is_said(
    save: Callable[[object], Path], run_convert: Convert, out: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    checkpoint = make_checkpoint(**NET_OPTIONS, n_conv_stages=1)
    text = run_convert(save(checkpoint)).text
    assert '# legacy_v 4: supposed, since nothing states it' in text
    assert '# conf_thresholds, temperature, kmeans_iters, kmeans_repeats: not stated, the defaults hold\n' in text
    # In a file for hcl-restore, too.
    main([str(save(checkpoint)), str(out.with_suffix('.safetensors'))])
    text, _ = capfd.readouterr()
    assert '# legacy_v 4: supposed' in text
    assert text.endswith('options and weights in one file, for hcl-restore --model\n')
    checkpoint = make_checkpoint(**NET_OPTIONS, n_conv_stages=1, conv_stage_order='gelu_conv')
    converted = run_convert(save(checkpoint), '--overwrite')
    assert '# legacy_v 3: told by the convolution stages' in converted.text
    assert converted.net.refiner.upsample_mode == 'bilinear'


def test_the_authors_configuration(
    checkpoint: dict[str, Any], save: Callable[[object], Path], save_config: Callable[[object], str],
    run_convert: Convert,
) -> None:  # fmt: skip
    config = {
        'data': {'img_size': 256},
        'inpaintnet': {'dim': 8, 'dim_mults': [1, 2, 6], 'n_conv_stages': 0, 'legacy_v': 4, 'temperature': 0.2,
                       'conf_threshs': [1.0, 0.9, 0.8], 'kmeans_n_iters': 10, 'kmeans_repeat': 5},
        'refinenet': {'dim': 4, 'legacy_v': 2},
        'contrast': {'temperature': 0.7},
    }  # fmt: skip
    converted = run_convert(save(checkpoint), '--config', save_config(config))
    network = converted.options['network_g']
    settings = {'conf_thresholds': [1.0, 0.9, 0.8], 'temperature': 0.2, 'kmeans_iters': 10, 'kmeans_repeats': 5}
    assert {name: network[name] for name in settings} == settings
    assert (network['upsample_mode'], network['refiner']['upsample_mode']) == ('bilinear', 'nearest')
    assert 'not stated' not in converted.text
    assert 'supposed' not in converted.text


@pytest.mark.parametrize(
    ('config', 'expected'),
    [
        ({'data': {'img_size': 256}}, 'none of legacy_v, conf_threshs, temperature, kmeans_n_iters, kmeans_repeat is'),
        ({'inpaintnet': {'legacy_v': 5}}, "'legacy_v' is 5: expected one of [1, 2, 3, 4]"),
        ({'inpaintnet': {'legacy_v': 4, 'dim': 64}}, "'dim' is 64, but the tensors are of 8: expected the file that"),
        ({'inpaintnet': {'kmeans_repeat': 'often'}}, "configuration: 'kmeans_repeat' is 'often': expected a number"),
        (['legacy_v'], 'must hold `key: value` lines, got list'),
    ],
)
def test_configurations_that_are_refused(
    checkpoint: dict[str, Any],
    save: Callable[[object], Path],
    save_config: Callable[[object], str],
    refused: Refused,
    config: object,
    expected: str,
) -> None:
    assert expected in refused(save(checkpoint), '--config', save_config(config))


def test_configuration_that_is_not_there(
    checkpoint: dict[str, Any], save: Callable[[object], Path], refused: Refused, tmp_path: Path
) -> None:
    assert 'does not exist' in refused(save(checkpoint), '--config', str(tmp_path / 'no.yml'))


def test_legacy_version_refused(
    checkpoint: dict[str, Any], save: Callable[[object], Path], save_config: Callable[[object], str], refused: Refused
) -> None:
    assert 'invalid choice' in refused(save(checkpoint), '--legacy-v', '5')
    error = refused(save({**checkpoint, 'legacy_v': 3}), '--legacy-v', '4')
    assert "--legacy-v 4 and the checkpoint's legacy_v 3 contradict each other" in error
    error = refused(save(checkpoint), '--legacy-v', '4', '--config', save_config({'legacy_v': 1}))
    assert "--legacy-v 4 and the configuration's legacy_v 1 contradict each other" in error
    assert "'legacy_v' is 9: expected one of [1, 2, 3, 4]" in refused(save({**checkpoint, 'legacy_v': 9}))


@pytest.mark.parametrize(('order', 'wrong'), [('gelu_conv', 4), ('conv_gelu', 3)])
def test_version_that_the_convolution_stages_contradict(
    save: Callable[[object], Path], refused: Refused, order: str, wrong: int
) -> None:
    checkpoint = make_checkpoint(**NET_OPTIONS, n_conv_stages=1, conv_stage_order=order)
    error = refused(save(checkpoint), '--legacy-v', str(wrong))
    assert f'--legacy-v {wrong} contradicts the convolution stages, in which GELU stands' in error


def test_clustering_options_of_a_stored_configuration(
    checkpoint: dict[str, Any], save: Callable[[object], Path], run_convert: Convert
) -> None:
    checkpoint['config'] = {'kmeans_repeats': 3, 'conf_thresholds': (1.0, 0.9, 0.8), 'img_size': 256}
    network = run_convert(save(checkpoint)).options['network_g']
    assert (network['kmeans_repeats'], network['conf_thresholds']) == (3, [1.0, 0.9, 0.8])
    assert 'img_size' not in network


@pytest.mark.parametrize('value', [torch.tensor(0.1), 'low', [0.1, None]])
def test_a_stored_configuration_without_numbers_is_refused(
    checkpoint: dict[str, Any], save: Callable[[object], Path], refused: Refused, value: object
) -> None:
    checkpoint['config'] = {'temperature': value}
    assert "configuration: 'temperature' is" in refused(save(checkpoint))


# Refusals.


def _decoder_of_dim(dim: int) -> dict[str, Tensor]:
    return make_checkpoint(**{**NET_OPTIONS, 'dim': dim})['inpaintnet']['decoder']


BIAS = 'down_blocks.2.0.blocks.0.mlp.fc1.bias'
TABLE = 'down_blocks.0.0.blocks.0.attn.relative_position_bias_table'
DAMAGE: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    'missing key': (
        lambda c: c['inpaintnet']['encoder'].pop(BIAS),
        f"inpaintnet.encoder: key '{BIAS}' is missing: expected a tensor of shape (96,)",
    ),
    'missing key in the upward path': (
        lambda c: c['refinenet'].pop('refine_decoder.0.0.shortcut.bias'),
        "refinenet: key 'refine_decoder.0.0.shortcut.bias' is missing: expected a tensor of shape (8,)",
    ),
    'missing key that tells a size': (
        lambda c: c['inpaintnet']['project_heads'].pop('proj_heads.2.2.weight'),
        "inpaintnet.project_heads: key 'proj_heads.2.2.weight' is missing: expected a tensor of 4 axes",
    ),
    'foreign key': (
        lambda c: c['inpaintnet']['decoder'].update({'surprise.weight': torch.zeros(1)}),
        "inpaintnet.decoder: key 'surprise.weight' is foreign",
    ),
    'key in our names': (
        lambda c: c['classifier'].update({'layers.0.weight': c['classifier'].pop('cls.0.weight')}),
        "classifier: key 'layers.0.weight' is foreign",
    ),
    'key with a giant number': (
        lambda c: c['inpaintnet']['encoder'].update({'down_blocks.0.0.blocks.999999999.norm1.bias': torch.zeros(8)}),
        "inpaintnet.encoder: key 'down_blocks.0.0.blocks.999999999.norm1.bias' is foreign",
    ),
    'wrong shape': (
        lambda c: c['pdisc'].update({'disc.1.conv.bias': torch.zeros(3)}),
        "pdisc: key 'disc.1.conv.bias' has shape (3,): expected (8,)",
    ),
    'other dim': (
        lambda c: c['inpaintnet']['encoder'].update({'first_conv.conv.weight': torch.zeros(16, 3, 5, 5)}),
        "inpaintnet.encoder: key 'first_conv.conv.weight' has width 16: expected that of",
    ),
    'other dim of the decoder': (
        lambda c: c['inpaintnet'].update(decoder=_decoder_of_dim(16)),
        "inpaintnet.decoder: key 'up_blocks.",
    ),
    'width that is no multiple': (
        lambda c: c['refinenet'].update({'refine_encoder.1.0.conv1.conv.conv.weight': torch.zeros(6, 8, 3, 3)}),
        "refinenet: key 'refine_encoder.1.0.conv1.conv.conv.weight' has width 6: expected a multiple",
    ),
    'table of no window': (
        lambda c: c['inpaintnet']['encoder'].update({TABLE: torch.zeros(48, 2)}),
        f"key '{TABLE}' has 48 rows: expected (2 * window size - 1)**2",
    ),
    'table without heads': (lambda c: c['inpaintnet']['encoder'].update({TABLE: torch.zeros(49, 0)}), f"key '{TABLE}'"),
    'heads that do not divide': (
        lambda c: c['inpaintnet']['encoder'].update({TABLE: torch.zeros(49, 3)}),
        'make no network: The width 8 of an attention layer must be divisible by its 3 heads',
    ),
    'missing part': (lambda c: c['inpaintnet'].pop('bottleneck'), "part 'inpaintnet.bottleneck' is missing"),
    'missing classifier': (lambda c: c.pop('classifier'), "part 'classifier' is missing"),
    'foreign part': (lambda c: c['inpaintnet'].update(head={}), "inpaintnet: part 'head' is foreign"),
    'foreign network': (lambda c: c.update(other={'w': torch.zeros(1)}), "part 'other' is foreign"),
    'part of another kind': (
        lambda c: c.update(refinenet=[1]),
        "part 'refinenet' is of type list: expected a state dict",
    ),
    'value that is no tensor': (
        lambda c: c['classifier'].update({'cls.0.bias': 3}),
        "classifier: key 'cls.0.bias' holds a value of type int: expected a dense tensor",
    ),
    'integer tensor': (
        lambda c: c['classifier'].update({'cls.0.bias': torch.zeros(12, dtype=torch.int64)}),
        "classifier: key 'cls.0.bias' is of torch.int64: expected floating point",
    ),
    'sparse tensor': (
        lambda c: c['classifier'].update({'cls.0.bias': torch.zeros(12).to_sparse()}),
        'holds tensors of a kind that no network has (torch._utils._rebuild_sparse_tensor): expected dense ones',
    ),
    'python object': (lambda c: c.update(step=Opaque()), 'Opaque), which could run any code when loaded'),
    'numpy number': (lambda c: c.update(step=np.float64(3)), 'holds a Python object (numpy'),
}


@pytest.mark.parametrize('damage', DAMAGE)
def test_damaged_checkpoint(
    checkpoint: dict[str, Any], save: Callable[[object], Path], refused: Refused, damage: str
) -> None:
    break_it, expected = DAMAGE[damage]
    break_it(checkpoint)
    path = save(checkpoint)
    error = refused(path)
    assert error.startswith(f'hcl-convert: error: {path}: ')
    assert expected in error


@pytest.mark.parametrize(
    ('content', 'expected'),
    [
        ({'params': {'w': torch.zeros(1)}}, "in BasicSR's layout already ('params'): nothing to convert"),
        ({'params_ema': {}}, "in BasicSR's layout already"),
        ({'conv.weight': torch.zeros(1)}, "part 'inpaintnet' is missing"),
        ({}, 'found nothing'),
        ([torch.zeros(1)], "not a checkpoint of the authors' program"),
        ({'inpaintnet': torch.zeros(1)}, "part 'inpaintnet' is of type Tensor: expected a dict"),
    ],
)
def test_other_layouts(save: Callable[[object], Path], refused: Refused, content: object, expected: str) -> None:
    assert expected in refused(save(content))


def test_a_class_in_the_file_is_never_made(tmp_path: Path, refused: Refused) -> None:
    class Spell:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.mkdir, (str(tmp_path / 'cast'),)

    torch.save({'inpaintnet': Spell()}, tmp_path / 'spell.pt')
    assert 'holds a Python object (posix.mkdir)' in refused(tmp_path / 'spell.pt')
    assert not (tmp_path / 'cast').exists()


@pytest.mark.parametrize('kept', [0, 100, 0.5, 0.999])
@pytest.mark.parametrize('zipped', [True, False])
def test_truncated_file(
    checkpoint: dict[str, Any], tmp_path: Path, refused: Refused, kept: float, zipped: bool
) -> None:
    path = tmp_path / 'official.pt'
    torch.save(checkpoint, path, _use_new_zipfile_serialization=zipped)
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content)) if kept < 1 else int(kept)])
    assert f'{path}: not a ' in refused(path)


def test_no_checkpoint(tmp_path: Path, refused: Refused) -> None:
    (tmp_path / 'text.pt').write_text('no weights\n')
    assert 'text.pt: not a ' in refused(tmp_path / 'text.pt')
    assert 'no such file' in refused(tmp_path / 'none.pt')
    assert 'no such file' in refused(tmp_path)


# Files that are written.


def test_overwrite(
    checkpoint: dict[str, Any], save: Callable[[object], Path], run_convert: Convert, refused: Refused, out: Path
) -> None:
    out.write_text('precious')
    assert f'{out}: exists already: name another file, or give --overwrite' in refused(save(checkpoint))
    assert out.read_text() == 'precious'
    other = out.with_name('d.pth')
    error = refused(save(checkpoint), '--discriminator', str(out), into=other)
    assert f'{out}: exists already' in error
    damaged: Mapping[str, Any] = {**checkpoint, 'classifier': {}}
    refused(save(damaged), '--overwrite')
    assert out.read_text() == 'precious'
    run_convert(save(checkpoint), '--overwrite')


def test_never_over_the_input(checkpoint: dict[str, Any], save: Callable[[object], Path], refused: Refused) -> None:
    path = save(checkpoint)
    content = path.read_bytes()
    link = path.with_name('link.pt')
    link.symlink_to(path)
    for into in (path, link, path.parent / 'out' / '..' / path.name):
        assert 'is the checkpoint itself' in refused(path, '--overwrite', into=into)
    assert 'is the checkpoint itself' in refused(path, '--overwrite', '--discriminator', str(link))
    assert path.read_bytes() == content


def test_places_that_cannot_be_written(
    checkpoint: dict[str, Any], save: Callable[[object], Path], refused: Refused, out: Path
) -> None:
    path = save(checkpoint)
    assert 'expected two files' in refused(path, '--discriminator', str(out))
    assert 'in a folder that exists' in refused(path, into=out.parent / 'no' / 'out.pth')
    assert 'expected the name of a file' in refused(path, '--overwrite', into=out.parent)


def test_failure_while_writing_leaves_nothing(
    checkpoint: dict[str, Any],
    save: Callable[[object], Path],
    refused: Refused,
    monkeypatch: pytest.MonkeyPatch,
    out: Path,
) -> None:
    path, calls = save(checkpoint), []

    def disk_full(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) == 2:
            raise OSError(28, 'No space left on device')

    monkeypatch.setattr(os, 'fsync', disk_full)
    error = refused(path, '--discriminator', str(out.with_name('d.pth')))
    assert 'cannot be written' in error
    assert 'No space left on device' in error


@pytest.mark.filterwarnings('ignore:.*found in sys.modules')
def test_command(
    checkpoint: dict[str, Any],
    save: Callable[[object], Path],
    out: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, 'argv', ['convert.py', str(save(checkpoint)), str(out)])
    runpy.run_module('hcl_arch.commands.convert', run_name='__main__')
    assert yaml.safe_load(capsys.readouterr().out)['network_g']['dim'] == 8
    assert out.is_file()


def test_arguments_missing(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main([])
    assert stop.value.code == 2
    assert capsys.readouterr().err == 'hcl-convert: error: the following arguments are required: checkpoint, out\n'
