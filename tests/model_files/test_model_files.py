"""Model files: what is saved comes back bit for bit, and what is wrong with a file is said in one line."""

from __future__ import annotations

import copy
import json
import struct
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Callable

import pytest
import torch
import yaml
from basicsr.archs import build_network
from torch import Tensor, nn

from hcl_arch.model_files import ModelFileError, load_model, save_model
from hcl_arch.model_files.safetensors_file import read_tensors

INFO = {'description': 'a small one', 'detect_side': 256, 'threshold': 0.4, 'min_score': 0.3, 'licence': 'Apache-2.0'}
# The smallest network with all parts.
OPTIONS: dict[str, Any] = {
    'type': 'HCLNet', 'dim': 4, 'encoder_depths': [2, 1, 1], 'decoder_depths': [2, 1, 1], 'window_size': 4,
    'bottleneck_depth': 1, 'bottleneck_window_size': 4, 'proj_dim': 8,
    'refiner': {'type': 'HCLRefineNet', 'dim': 2, 'dim_mults': [1, 2]},
}  # fmt: skip
Edit = Callable[[dict[str, Any]], None]


@pytest.fixture(scope='module')
def built() -> tuple[nn.Module, bytes]:
    """A network and its file, made once."""
    network = build_network(OPTIONS).eval()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'mine.safetensors'
        save_model(path, OPTIONS, network.state_dict(), INFO)
        return network, path.read_bytes()


@pytest.fixture
def options() -> dict[str, Any]:
    return copy.deepcopy(OPTIONS)


@pytest.fixture
def net(built: tuple[nn.Module, bytes]) -> nn.Module:
    return built[0]


@pytest.fixture
def saved(tmp_path: Path, built: tuple[nn.Module, bytes]) -> Path:
    (tmp_path / 'mine.safetensors').write_bytes(built[1])
    return tmp_path / 'mine.safetensors'


@pytest.fixture
def refused() -> Callable[..., str]:
    """Function (model, **options) that returns the one line of the error."""

    def load(model: Any, **named: Any) -> str:
        with pytest.raises(ModelFileError) as error:
            load_model(model, **named)
        assert '\n' not in str(error.value)
        assert len(str(error.value)) < 1200
        return str(error.value)

    return load


def header_of(content: bytes) -> tuple[dict[str, Any], bytes]:
    length = int.from_bytes(content[:8], 'little')
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def with_header(header: Any, data: bytes) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack('<Q', len(text)) + text + data


def edit_network(path: Path, edit: Edit) -> None:
    """Change the configuration in a file and nothing else."""
    header, data = header_of(path.read_bytes())
    network = json.loads(header['__metadata__']['network'])
    edit(network)
    header['__metadata__']['network'] = json.dumps(network)
    path.write_bytes(with_header(header, data))


# What is saved comes back.


@torch.no_grad()
def test_round_trip(saved: Path, net: nn.Module, options: dict[str, Any]) -> None:
    model = load_model(saved)
    assert (model.name, dict(model.info)) == ('mine', INFO)
    assert dict(model.options) == json.loads(json.dumps(options))
    assert not model.network.training
    state = model.network.state_dict()
    assert list(state) == list(net.state_dict())
    assert all(torch.equal(state[name], tensor) for name, tensor in net.state_dict().items())
    image = torch.rand(1, 3, 37, 50)
    assert torch.equal(model.network(image), net(image))
    assert [path.name for path in saved.parent.iterdir()] == ['mine.safetensors']


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16, torch.float64])
def test_other_types_are_kept_in_the_file_and_made_float32(
    tmp_path: Path, options: dict[str, Any], net: nn.Module, dtype: torch.dtype
) -> None:
    path = tmp_path / 'half.safetensors'
    state = {name: tensor.to(dtype) for name, tensor in net.state_dict().items()}
    save_model(path, options, state, {})
    assert {tensor.dtype for tensor in read_tensors(path)[1].values()} == {dtype}
    loaded = load_model(path).network.state_dict()
    assert all(torch.equal(loaded[name], tensor.float()) for name, tensor in state.items())


def test_batch_norm_counters_stay_whole_numbers(tmp_path: Path, small_options: dict[str, Any]) -> None:
    options = {'type': 'HCLNet', **small_options, 'encoder': 'conv'}
    net = build_network(options)
    state = {name: x.half() if x.is_floating_point() else x for name, x in net.state_dict().items()}
    save_model(tmp_path / 'conv.safetensors', options, state, {})
    loaded = load_model(tmp_path / 'conv.safetensors').network.state_dict()
    counters = [name for name in loaded if name.endswith('num_batches_tracked')]
    assert counters
    assert {loaded[name].dtype for name in counters} == {torch.int64}


def test_loading_draws_no_random_numbers(saved: Path) -> None:
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    load_model(saved)
    assert torch.equal(torch.rand(2), expected)


def test_weights_of_several_gpus_and_files_of_weights_in_the_options(
    tmp_path: Path, options: dict[str, Any], net: nn.Module
) -> None:
    state = {f'module.{name}': tensor for name, tensor in net.state_dict().items()}
    save_model(tmp_path / 'a.safetensors', options, state, {})
    assert list(load_model(tmp_path / 'a.safetensors').network.state_dict()) == list(net.state_dict())
    both = {
        'type': 'DetectThenRestore',
        'detector': {'type': 'VCNetMaskPredictor', 'dim': 4, 'n_blocks': 1},
        'restorer': {'type': 'VCNetInpainter', 'dim': 4, 'n_blocks': 1},
        'restorer_input': ['image', 'mask'],
    }
    named = {**both, 'detector_weights': '/nowhere/d.pth', 'detector_param_key': 'params'}
    save_model(tmp_path / 'b.safetensors', named, build_network(both).state_dict(), {})
    assert dict(load_model(tmp_path / 'b.safetensors').options) == both


# What cannot be saved.


@pytest.mark.parametrize(
    ('change', 'expected'),
    [
        ({'dim': 8}, 'has the shape'),
        ({'type': 'HCLNett'}, "nothing is registered as 'HCLNett'. Did you mean 'HCLNet'?"),
        ({'dimm': 8}, "dimm: unknown option. Did you mean 'dim'?"),
        ({'refiner': None}, "tensor 'refiner.first_conv.conv.weight' (and "),
    ],
)
def test_save_checks(
    tmp_path: Path, options: dict[str, Any], net: nn.Module, change: dict[str, Any], expected: str
) -> None:
    with pytest.raises(ModelFileError) as error:
        save_model(tmp_path / 'a.safetensors', {**options, **change}, net.state_dict(), {})
    assert expected in str(error.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize('name', ['threshold', 'min_score'])
@pytest.mark.parametrize('value', [-0.1, 1.1, float('nan'), 'high', None, True])
def test_remarks_that_are_no_number_from_0_to_1(
    tmp_path: Path, options: dict[str, Any], net: nn.Module, name: str, value: Any
) -> None:
    path = tmp_path / 'a.safetensors'
    message = rf'cannot be written: {name}: expects a number in \[0, 1\], got '
    with pytest.raises(ModelFileError, match=message):
        save_model(path, options, net.state_dict(), {name: value})
    assert not path.exists()


def test_save_elsewhere(tmp_path: Path, options: dict[str, Any], net: nn.Module) -> None:
    for path, info, expected in (
        (tmp_path / 'a.pth', {}, 'ends in .safetensors'),
        (tmp_path / 'no' / 'a.safetensors', {}, 'cannot be written'),
        (tmp_path / 'a.safetensors', {'x': object()}, 'info: expects numbers, texts'),
        (tmp_path / 'a.safetensors', {'x': float('nan')}, 'info: expects numbers, texts'),
    ):
        with pytest.raises(ModelFileError, match=expected):
            save_model(path, options, net.state_dict(), info)
    assert not list(tmp_path.iterdir())


# Files that are damaged, or made to do harm.


def test_every_cut_is_noticed(saved: Path, refused: Callable[..., str]) -> None:
    content = saved.read_bytes()
    header_end = 8 + int.from_bytes(content[:8], 'little')
    for kept in (0, 5, 8, 100, header_end - 1, header_end, len(content) - 1):
        saved.write_bytes(content[:kept])
        assert str(saved) in refused(saved)
    saved.write_bytes(content + b'\0')
    assert 'is damaged, get it again' in refused(saved)


ODD_FILES: dict[str, tuple[bytes, str]] = {
    'huge header': (struct.pack('<Q', 2**62) + b'{}', 'is no safetensors file, or cut short'),
    'large header': (struct.pack('<Q', 2**24) + b' ' * 2**24, 'its header is 16,777,216 bytes long'),
    'text': (b'no weights at all, only text\n', 'is no safetensors file'),
    'no JSON': (with_header(b'{"a": ', b''), 'its header is no JSON'),
    'deep JSON': (with_header(b'[' * 100_000, b''), 'its header is no JSON'),
    'a list': (with_header([], b''), 'does not hold tensors and texts'),
    'metadata of numbers': (with_header({'__metadata__': {'a': 1}}, b''), 'does not hold tensors and texts'),
    'no offsets': (with_header({'a': {'dtype': 'F32'}}, b''), 'does not say where the tensors are'),
    'no configuration': (with_header({}, b''), 'holds no configuration of a network'),
    'offsets that overlap': (
        with_header({name: {'dtype': 'F32', 'shape': [1], 'data_offsets': [0, 4]} for name in 'ab'}, b'0000'),
        'is damaged',
    ),
    'shape beyond its bytes': (
        with_header({'a': {'dtype': 'F32', 'shape': [2**40], 'data_offsets': [0, 4]}}, b'0000'), 'is damaged',
    ),
    'unknown numbers': (
        with_header({'a': {'dtype': 'F3', 'shape': [1], 'data_offsets': [0, 4]}}, b'0000'), 'is damaged',
    ),
}  # fmt: skip


@pytest.mark.parametrize('kind', ODD_FILES)
def test_odd_files(tmp_path: Path, refused: Callable[..., str], kind: str) -> None:
    content, expected = ODD_FILES[kind]
    path = tmp_path / 'odd.safetensors'
    path.write_bytes(content)
    error = refused(path)
    assert error.startswith(f'{path}: ')
    assert expected in error


def nested_networks(levels: int, beside: int = 1) -> str:
    network: dict[str, Any] = {'type': 'HCLRefineNet'}
    for _ in range(levels):
        network = {'type': 'DetectThenRestore', **dict.fromkeys(('detector', 'restorer')[:beside], network)}
    return json.dumps(network)


@pytest.mark.parametrize(
    ('metadata', 'expected'),
    [
        ({'hcl_arch_format': '2'}, "has the format '2', expected '1': update hcl-arch"),
        ({'network': 'null'}, 'its network must be a mapping in JSON, got nothing'),
        ({'network': '[1]'}, 'its network must be a mapping in JSON, got list'),
        ({'network': '{'}, 'its network is no JSON'),
        ({'info': '{"a": ' + '[' * 10_000}, 'its info is no JSON'),
        ({'network': '{}'}, 'network: type: is missing'),
        (
            {'network': '{"type": "HCLNet", "dim": ' + 5000 * '9' + '}'},
            'a whole number of 5,000 digits, expected at most',
        ),
        (
            {'network': nested_networks(300)},
            'more than 16 lists and mappings within each other',
        ),
        ({'network': nested_networks(5, 2)}, 'network: expects at most 16 networks within each other, got 63'),
        (
            {'info': json.dumps({'training': 'x' * 300_000})},
            'its info is 300,016 characters long',
        ),
        ({'info': '{"x": NaN}'}, 'NaN is no number that is finite'),
    ],
)
def test_wrong_metadata(saved: Path, refused: Callable[..., str], metadata: dict[str, str], expected: str) -> None:
    header, data = header_of(saved.read_bytes())
    header['__metadata__'].update(metadata)
    saved.write_bytes(with_header(header, data))
    assert expected in refused(saved)


@pytest.mark.parametrize(
    ('name', 'value', 'expected'),
    [
        *[('detect_side', value, 'a whole number from 1 to 16384') for value in (-5, 0, 10**9, 1e9, 'abc', None, [64])],
        *[
            (name, value, 'a number in [0, 1]')
            for name in ('threshold', 'min_score')
            for value in (-0.1, 2, '0.5', None)
        ],
        *[(name, value, 'a text') for name in ('description', 'licence') for value in (7, None, ['x'])],
    ],
)
def test_remarks_out_of_range(saved: Path, refused: Callable[..., str], name: str, value: Any, expected: str) -> None:
    header, data = header_of(saved.read_bytes())
    header['__metadata__']['info'] = json.dumps({name: value})
    saved.write_bytes(with_header(header, data))
    assert f'{saved}: its info: {name}: expects {expected}, got ' in refused(saved)


HOSTILE: dict[str, tuple[Mapping[str, Any], str]] = {
    'wide': ({'dim': 10**6}, 'has the shape (4, 3, 5, 5); expected (1000000, 3, 5, 5)'),
    'wider': ({'dim': 10**9}, 'dim: expects at most 1000000'),
    'deep': ({'encoder_depths': [1000, 1, 1]}, 'encoder_depths: expects at most 1000 parts'),
    'large windows': ({'window_size': 1000}, 'its attention windows take'),
    'larger windows': ({'window_size': 10**6}, 'network'),
    'many starts': ({'kmeans_repeats': 1000}, 'kmeans_repeats is 1,000, expected at most 100'),
    'far padding': ({'n_conv_stages': 20}, 'size_multiple is 16,777,216, expected at most 1,024'),
    'another network': ({'type': 'HCLPatchDiscriminator'}, 'unknown option'),
    'a network in it': (
        {'refiner': {'type': 'HCLRefineNet', 'dim': 10**6, 'dim_mults': [1, 2]}}, 'expected (1000000, 4, 5, 5)',
    ),
    'a network that loads': (
        {'refiner': {'type': 'VGGFeatureExtractor', 'layer_name_list': ['conv1_1']}}, 'cannot be checked',
    ),
    'itself in it': ({'refiner': {'type': 'HCLNet', 'dim': 'wide'}}, 'network: refiner: dim: expects a whole number'),
    'a wrong kind': ({'fuse': 'yes'}, 'network: fuse: expects true or false'),
    'a choice': ({'upsample_mode': 'cubic'}, 'upsample_mode'),
}  # fmt: skip


@pytest.mark.parametrize('kind', HOSTILE)
def test_hostile_configurations(saved: Path, refused: Callable[..., str], kind: str) -> None:
    change, expected = HOSTILE[kind]
    edit_network(saved, lambda network: network.update(change))
    assert expected in refused(saved)


def test_no_file_is_named_in_a_file(saved: Path, refused: Callable[..., str], tmp_path: Path) -> None:
    def name_one(network: dict[str, Any]) -> None:
        network.clear()
        network.update(type='DetectThenRestore', detector={'type': 'HCLDetector'}, restorer={'type': 'HCLRefineNet'},
                       detector_weights='/etc/hostname')  # fmt: skip

    edit_network(saved, name_one)
    assert 'network: detector_weights: names a file' in refused(saved)


def edited_state(path: Path, edit: Callable[[dict[str, Tensor]], None]) -> None:
    import safetensors.torch

    header, tensors = read_tensors(path)
    edit(tensors)
    safetensors.torch.save_file(tensors, path, header.metadata)


@pytest.mark.parametrize(
    ('edit', 'expected'),
    [
        (lambda s: s.pop('decoder.last_conv.bias'), "tensor 'decoder.last_conv.bias' is missing"),
        (lambda s: s.update(other=torch.zeros(1)), "tensor 'other' is foreign"),
        (lambda s: s.update({'decoder.last_conv.bias': torch.zeros(4)}), 'has the shape (4,); expected (3,)'),
        (lambda s: s['decoder.last_conv.bias'].fill_(float('inf')), "last_conv.bias' holds values that are not finite"),
        (lambda s: s.update({'decoder.last_conv.bias': torch.zeros(3, dtype=torch.int64)}), 'is of torch.int64'),
        (lambda s: s.update({'decoder.last_conv.bias': torch.tensor([1e300] * 3, dtype=torch.float64)}), 'not finite'),
        (lambda s: s.clear(), 'is missing; expected by this HCLNet'),
    ],
)
def test_wrong_tensors(saved: Path, refused: Callable[..., str], edit: Any, expected: str) -> None:
    edited_state(saved, edit)
    assert expected in refused(saved)


# Files of BasicSR and of the authors' program.


@pytest.fixture
def experiment(tmp_path: Path, options: dict[str, Any], net: nn.Module) -> Path:
    """A network as BasicSR lays it: experiments/<name>/models/, beside it the option file."""
    folder = tmp_path / 'experiments' / 'mine_1'
    (folder / 'models').mkdir(parents=True)
    other = {name: torch.zeros_like(tensor) for name, tensor in net.state_dict().items()}
    torch.save({'params': other, 'params_ema': net.state_dict()}, folder / 'models' / 'net_g_latest.pth')
    plain = json.loads(json.dumps({'name': 'mine_1', 'network_g': options, 'train': {'total_iter': 5}}))
    (folder / 'train_mine.yml').write_text(f'# GENERATE TIME: today\n{yaml.safe_dump(plain)}')
    return folder


def test_experiment(experiment: Path, net: nn.Module, refused: Callable[..., str]) -> None:
    path = experiment / 'models' / 'net_g_latest.pth'
    model = load_model(path)
    assert model.name == 'mine_1'
    state = model.network.state_dict()
    assert all(torch.equal(state[name], tensor) for name, tensor in net.state_dict().items())
    option_file = experiment / 'train_mine.yml'
    elsewhere = experiment.parent / 'lines.yml'
    elsewhere.write_text(yaml.safe_dump(yaml.safe_load(option_file.read_text())['network_g']))
    option_file.rename(experiment / 'a.yaml')
    assert load_model(path, options=elsewhere).name == 'net_g_latest'
    (experiment / 'b.yml').write_text('name: b')
    assert 'found b.yml, a.yaml; name one' in refused(path).replace('a.yaml, b.yml', 'b.yml, a.yaml')
    assert 'expected a section network_g' in refused(path, options=experiment / 'b.yml')
    assert 'no.yml does not exist' in refused(path, options=experiment / 'no.yml')
    for file in experiment.glob('*.y*ml'):
        file.unlink()
    assert "expected the experiment's one option file in" in refused(path)


@pytest.mark.parametrize(
    ('content', 'expected'),
    [
        ({'conv.weight': torch.zeros(1)}, "found 'conv.weight'"),
        ([1], 'found none of a mapping'),
        ({'params': {'w': torch.zeros(1).expand(10**6, 10**6)}}, 'of which 1 are stored'),
        ({'inpaintnet': {'encoder': {}}}, "part 'inpaintnet.project_heads' is missing"),
        ({'params': Path('/etc')}, 'could run any code'),
    ],
)
def test_other_torch_files(tmp_path: Path, refused: Callable[..., str], content: object, expected: str) -> None:
    torch.save(content, tmp_path / 'a.pth')
    assert expected in refused(tmp_path / 'a.pth')


def test_params_that_are_none(experiment: Path, refused: Callable[..., str], net: nn.Module) -> None:
    path = experiment / 'models' / 'net_g_latest.pth'
    state: dict[str, Any] = dict(net.state_dict())
    torch.save({'params': {**state, 'decoder.last_conv.bias': 3}}, path)
    assert "tensor 'decoder.last_conv.bias' is a value of type int" in refused(path)
    torch.save({'params': {**state, 'decoder.last_conv.bias': torch.zeros(3).to_sparse()}}, path)
    assert 'expected dense ones' in refused(path)


def test_odd_paths(tmp_path: Path, refused: Callable[..., str], saved: Path) -> None:
    assert 'there is no such file' in refused(tmp_path / 'no.safetensors')
    assert 'expected a model: a file that ends in' in refused(tmp_path / 'a.jpg')
    (tmp_path / 'folder.safetensors').mkdir()
    (tmp_path / 'folder.pth').mkdir()
    for name in ('folder.safetensors', 'folder.pth'):
        assert f'{name}: holds no model.safetensors; expected a folder' in refused(tmp_path / name)
    assert 'leave the option file out' in refused(saved, options=tmp_path / 'a.yml')


@torch.no_grad()
def test_checkpoint_of_the_authors(tmp_path: Path, shared_dir: Path, refused: Callable[..., str]) -> None:
    from hcl_arch.commands.convert.command import convert_file

    official = shared_dir / 'parity' / 'a' / 'official.pt'
    if not official.is_file():
        pytest.skip('the parity case a is not here')
    lines = tmp_path / 'lines.yml'
    lines.write_text(convert_file(official, tmp_path / 'out.pth'))
    convert_file(official, tmp_path / 'out.safetensors')
    image = torch.rand(1, 3, 45, 60)
    expected = load_model(tmp_path / 'out.pth', options=lines).network(image)
    model = load_model(official)
    assert model.name == 'official'
    assert torch.equal(model.network(image), expected)
    assert torch.equal(load_model(tmp_path / 'out.safetensors').network(image), expected)
    assert 'needs no option file' in refused(official, options=lines)
