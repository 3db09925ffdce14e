"""The packaged model by onnxruntime: the masks that PyTorch finds, the pictures that it paints, without its import."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Callable

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

import hcl_arch
from hcl_arch.archs.image_form import pad_to_multiple
from hcl_arch.model_files import ModelFileError, load_model, save_model
from hcl_arch.model_files.graphs import GRAPHS_SUFFIX, read_graphs_description, without_training_options
from hcl_arch.restoration import Restorer, looks, painting
from hcl_arch.restoration.calls import padded_to
from hcl_arch.utils.model_folders import PACKAGE_FOLDER
from tests.conftest import REPOSITORY
from tests.test_without_extras import run

pytest.importorskip('onnxruntime')

RUNTIMES: tuple[Any, ...] = ('torch', 'onnx')


@pytest.fixture(scope='module')
def both() -> list[Restorer]:
    """The packaged model by PyTorch and by onnxruntime."""
    return [Restorer('small', runtime=runtime, device='cpu', threads=1) for runtime in RUNTIMES]


def spoiled(height: int, width: int) -> np.ndarray:
    """The sample photograph at a size, (H, W, 3) float32, with a bar and a text over it."""
    with Image.open(REPOSITORY / 'examples' / 'sample.jpg') as file:
        image = np.array(file.convert('RGB').resize((width, height), Image.Resampling.LANCZOS))
    cv2.rectangle(image, (width // 3, height // 4), (2 * width // 3, height // 3), (20, 230, 50), -1)
    cv2.putText(image, 'SALE', (width // 8, 7 * height // 8), cv2.FONT_HERSHEY_DUPLEX, height / 150, (255, 255, 0), 3)
    return image / np.float32(255)


def assert_equal(torch_restorer: Restorer, onnx_restorer: Restorer, image: np.ndarray) -> None:
    """Every pixel of the mask, and the whole picture of the network within 1e-3."""
    expected, found = (each.restore(image, composite=False) for each in (torch_restorer, onnx_restorer))
    assert expected.found
    np.testing.assert_array_equal(found.mask, expected.mask)
    np.testing.assert_allclose(found.confidence, expected.confidence, atol=1e-3)
    np.testing.assert_allclose(found.image, expected.image, atol=1e-3)
    assert found.score == pytest.approx(expected.score, abs=1e-4)


@pytest.mark.parametrize(('height', 'width'), [(61, 97), (200, 300), (341, 512), (530, 640)])
def test_masks_are_equal_and_pictures_nearly(both: list[Restorer], height: int, width: int) -> None:
    assert_equal(*both, spoiled(height, width))


def test_in_tiles_too(both: list[Restorer], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looks, '_WHOLE_PIXELS', 256 * 256)
    monkeypatch.setattr(looks, '_TILE_SIDE', 256)
    monkeypatch.setattr(painting, '_ALWAYS_FITS', 0)
    monkeypatch.setattr(painting, 'tile_side', lambda *_: 256)
    for restorer in both:
        monkeypatch.setattr(restorer._network, 'repair_bytes', lambda: 1e9)
    assert_equal(*both, spoiled(530, 640))


def test_a_mask_of_the_users(both: list[Restorer]) -> None:
    image, mask = spoiled(90, 120), np.zeros((90, 120), np.uint8)
    mask[20:50, 30:80] = 255
    expected, found = (each.repair(image, mask).image for each in both)
    np.testing.assert_allclose(found, expected, atol=1e-3)
    assert np.array_equal(found[mask == 0], image[mask == 0])


def test_graphs_are_those_of_the_packaged_network() -> None:
    """And so are the tiles: what a pixel costs is as PyTorch measures it."""
    model, calls = load_model('small'), Restorer('small', device='cpu')._network
    known = read_graphs_description(PACKAGE_FOLDER / f'small{GRAPHS_SUFFIX}')
    assert known.network == without_training_options(model.options)
    for name in (
        'network_name',
        'size_multiple',
        'largest_side',
        'look_multiple',
        'look_cell',
        'looks_mirrored',
        'takes_confidence',
    ):
        assert getattr(known, name) == getattr(calls, name)
    assert known.repair_bytes == pytest.approx(calls.repair_bytes(), rel=0.02)
    shapes = {name: list(tensor.shape) for name, tensor in model.network.state_dict().items()}
    assert all(shapes[name] == shape for weights in known.weights.values() for name, shape in weights.items())


@pytest.mark.parametrize(('height', 'width', 'multiple'), [(5, 7, 16), (32, 48, 16), (33, 1, 32), (1, 100, 3)])
def test_padding_is_that_of_the_networks(height: int, width: int, multiple: int) -> None:
    maps = np.random.default_rng(0).random((1, 2, height, width), np.float32)
    expected = pad_to_multiple(torch.from_numpy(maps), multiple).numpy()
    assert np.array_equal(padded_to(maps, multiple), expected)


@pytest.fixture
def saved(tmp_path: Path) -> Callable[..., Path]:
    """Function that saves the packaged model with other options; returns the file."""

    def save(name: str, change: Callable[[dict[str, Any]], None]) -> Path:
        options, small = dict(load_model('small').options), load_model('small')
        options['detector'] = dict(options['detector'])
        change(options)
        save_model(tmp_path / name, options, small.network.state_dict(), {**small.info, 'min_score': 0.5})
        return tmp_path / name

    return save


def test_models_with_the_same_options_run_too(saved: Callable[..., Path]) -> None:
    """Such as one that is trained further: what matters in training only may differ."""
    file = saved('further.safetensors', lambda options: options['detector'].update(look_window=96))
    restorer = Restorer(file, runtime='onnx', threads=1)
    assert (restorer.name, restorer.min_score) == ('further', 0.5)
    assert_equal(Restorer(file, runtime='torch', device='cpu'), restorer, spoiled(61, 97))


def test_a_folder_of_the_hub_runs_too(tmp_path: Path) -> None:
    Restorer('small', device='cpu').save_pretrained(tmp_path / 'v1.2')
    restorer = Restorer.from_pretrained(tmp_path / 'v1.2', runtime='onnx', threads=1)
    assert restorer.name == 'v1.2'
    assert restorer.restore(spoiled(61, 97)).found


def test_models_with_other_options_say_how_they_run(saved: Callable[..., Path]) -> None:
    file = saved('mirrored.safetensors', lambda options: options.update(detect_mirrored=True))
    with pytest.raises(ModelFileError) as error:
        Restorer(file, runtime='onnx')
    assert str(error.value) == (
        f'{file}: there are no graphs of this network for onnxruntime; write them once where PyTorch is installed: '
        f'hcl-export {file} {file.with_suffix(".onnx.zip")}'
    )


@pytest.mark.parametrize(
    ('model', 'options', 'message'),
    [
        ('small', {'device': 'cuda'}, 'runtime: onnx computes on the processor in fp32, got device cuda'),
        ('small', {'precision': 'bf16'}, 'got device auto and precision bf16; for these take the runtime torch'),
        (torch.nn.Identity(), {}, 'runtime: onnx takes a model by its name or file, got a Identity'),
        (7, {}, 'model: expected a name, a path or a network, got int'),
    ],
)
def test_what_it_cannot_do(model: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Restorer(model, runtime='onnx', **options)


def test_no_such_runtime() -> None:
    with pytest.raises(ValueError, match=r"Option runtime must be one of \('auto', 'torch', 'onnx'\), got 'tensorrt'"):
        Restorer('small', runtime='tensorrt')  # type: ignore[arg-type]


@pytest.mark.parametrize('content', [b'', b'no archive', b'PK\x05\x06' + bytes(18)])
def test_a_damaged_file_of_graphs_is_named(saved: Callable[..., Path], content: bytes) -> None:
    file = saved('own.safetensors', lambda _: None)
    graphs = file.with_suffix('.onnx.zip')
    graphs.write_bytes(content)
    with pytest.raises(ModelFileError, match=r'own\.onnx\.zip: is no file of graphs, write it anew by hcl-export'):
        Restorer(file, runtime='onnx')


def test_one_call_keeps_the_model(tmp_path: Path) -> None:
    image = spoiled(61, 97)
    results = [hcl_arch.restore(image, runtime=runtime) for runtime in RUNTIMES]
    assert np.array_equal(results[0].mask, results[1].mask)


def test_nothing_imports_pytorch(tmp_path: Path) -> None:
    """By the command and in Python: a repair, by the own mask too, a mask alone, the list of models."""
    ran = run(
        'import numpy as np\n'
        'from PIL import Image\n'
        'pixels = np.full((64, 96, 3), 90, np.uint8)\n'
        'pixels[20:30, 30:70] = (250, 0, 250)\n'
        'Image.fromarray(pixels).save("photo.png")\n'
        'import hcl_arch\n'
        'from hcl_arch.commands.restore import main\n'
        'one = ["photo.png", "--runtime", "onnx", "--threads", "1", "--json", "s.json"]\n'
        'assert main(one) == 0\n'
        'assert main([*one, "-o", "a", "--save", "mask", "--overwrite"]) == 0\n'
        'assert main([*one, "-o", "b", "--region", "30,20,40,10", "--overwrite"]) == 0\n'
        'assert main([*one, "-o", "c", "--filler", "opencv-telea", "--overwrite"]) == 0\n'
        'assert main(["--list-models"]) == 0\n'
        'print(hcl_arch.Restorer("small", runtime="onnx").restore("photo.png").found)\n'
        'assert "torch" not in sys.modules\n',
        tmp_path,
        absent=(),
    )
    assert ran.returncode == 0, ran.stderr
    assert re.match(r'small  1\d\.\d MiB  in the package  torch, onnx  ', ran.stdout)
    assert ran.stdout.endswith('True\n')
    assert '"onnxruntime": "' in (tmp_path / 's.json').read_text()


def test_without_pytorch_it_is_taken(tmp_path: Path) -> None:
    ran = run(
        'import hcl_arch, numpy as np\n'
        'print(hcl_arch.restore(np.full((64, 96, 3), 90, np.uint8)).mask.max())\n'
        'from hcl_arch.commands.restore import main\n'
        'open("own.pth", "wb").close()\n'
        'open("lama.pth", "wb").close()\n'
        f'photo = {str(REPOSITORY / "examples" / "sample.jpg")!r}\n'
        'assert main([photo, "--runtime", "torch"]) == 2\n'
        'assert main([photo, "--model", "own.pth"]) == 2\n'
        'assert main([photo, "--filler", "lama.pth"]) == 2\n',
        tmp_path,
        absent=('torch',),
    )
    assert (ran.returncode, ran.stdout) == (0, '0\n'), ran.stderr
    assert ran.stderr == (
        'Error: --runtime: torch needs PyTorch, which is not installed: pip install torch\n'
        'Error: --model own.pth: own.pth: PyTorch alone reads it; for onnxruntime write a .safetensors of it once, by '
        'hcl-export.\n'
        'Error: --filler: lama.pth needs PyTorch, which is not installed: pip install torch\n'
    )


@pytest.mark.parametrize('arguments', [('export', 'small', 'x.onnx'), ('convert', 'x.pt', 'x.safetensors')])
def test_commands_that_need_pytorch_say_so(arguments: tuple[str, ...], tmp_path: Path) -> None:
    command, *rest = arguments
    ran = run(
        f'sys.argv[1:] = {rest!r}\nfrom hcl_arch.commands.{command} import main\nmain()', tmp_path, absent=('torch',)
    )
    assert (ran.returncode, ran.stderr) == (
        2,
        f'hcl-{command}: error: hcl-{command} needs torch, which is not installed: pip install torch\n',
    )


def test_without_onnxruntime_its_extra_is_named(tmp_path: Path) -> None:
    photo = str(REPOSITORY / 'examples' / 'sample.jpg')
    code = f'from hcl_arch.commands.restore import main\nassert main([{photo!r}, "--runtime", "onnx"]) == 2\n'
    ran = run(code, tmp_path, absent=('onnxruntime',))
    assert ran.stderr == (
        'Error: --runtime: onnx needs onnxruntime, which is not installed: pip install "hcl-arch[onnx]"\n'
    ), ran.stderr
    ran = run('import hcl_arch\nhcl_arch.Restorer()', tmp_path, absent=('onnxruntime', 'torch'))
    assert 'RuntimeChoiceError: runtime: neither PyTorch nor onnxruntime is installed' in ran.stderr
