"""Networks of other projects: polarity, sizes, batches, and files that are none."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from hcl_arch.archs import DetectThenRestore, HCLNet, HCLSpandrelNetwork
from hcl_arch.archs.image_form import MIN_IMAGE_SIZE
from tests.spandrel_files import LAMA_FILLS_WITH, lama_state, write

pytest.importorskip('spandrel')
TINY = {'dim': 4, 'encoder_depths': (1, 1, 1), 'decoder_depths': (1, 1, 1), 'window_size': 4,
        'bottleneck_window_size': 4, 'num_heads': (1, 1, 1)}  # fmt: skip


@pytest.fixture(scope='module')
def lama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(lama_state(), tmp_path_factory.mktemp('lama') / 'big-lama.pth')


@pytest.fixture(scope='module')
def network(lama: Path) -> HCLSpandrelNetwork:
    return HCLSpandrelNetwork(weights=str(lama))


def image_and_mask(height: int = 50, width: int = 70) -> Tensor:
    """Two images; the left half of the first and the right half of the second are to be kept."""
    x = torch.rand(2, 4, height, width, generator=torch.Generator().manual_seed(0))
    x[0, 3], x[1, 3] = (torch.arange(width) < 20).float(), (torch.arange(width) >= 20).float()
    return x


def assert_filled(filled: Tensor, x: Tensor) -> None:
    for image, known, mask in zip(filled, x[:, :3], x[:, 3] == 1):
        assert torch.equal(image[:, mask], known[:, mask])
        assert torch.allclose(image[:, ~mask].mean(1), torch.tensor(LAMA_FILLS_WITH), atol=1e-3)


def test_what_the_mask_calls_uncorrupted_stays(network: HCLSpandrelNetwork) -> None:
    assert (network.architecture, network.inpaints, network.size_multiple) == ('LaMa', True, 8)
    x = image_and_mask()
    assert_filled(network(x), x)
    assert_filled(network.repair(x[:, :3], x[:, 3:]), x)


def test_nothing_trains_it(network: HCLSpandrelNetwork) -> None:
    network.train()
    assert not any(module.training for module in network.modules())
    assert not any(parameter.requires_grad for parameter in network.parameters())


def test_a_copy_is_whole(network: HCLSpandrelNetwork) -> None:
    other = copy.deepcopy(network)
    with torch.no_grad():
        dict(other.network.named_parameters())['model.model.34.bias'].zero_()
    x = image_and_mask(16, 24)
    assert torch.allclose(other(x)[0, :, :, 20:], torch.tensor(0.5))
    assert not torch.allclose(network(x)[0, :, :, 20:], torch.tensor(0.5))


def test_restores_behind_any_detector(lama: Path) -> None:
    net = DetectThenRestore(
        {'type': 'HCLNet', **TINY}, {'type': 'HCLSpandrelNetwork', 'weights': str(lama)}, freeze_detector=True
    ).eval()
    x = image_and_mask()
    assert_filled(net.repair(x[:, :3], x[:, 3:]), x)


def test_refines(lama: Path) -> None:
    net = HCLNet(**TINY, refiner={'type': 'HCLSpandrelNetwork', 'weights': str(lama)}).eval()
    assert net(torch.rand(1, 3, 40, 50)).shape == (1, 3, 40, 50)


@pytest.mark.parametrize('wrapped', [
    lambda state: {'state_dict': {f'module.{name}': value for name, value in state.items()}, 'epoch': 3},
    lambda state: {**{name.replace('model.', 'generator.', 1): value for name, value in state.items()},
                   'discriminator.w': torch.ones(1)},
], ids=['a checkpoint', 'with a discriminator'])  # fmt: skip
def test_wrapped(wrapped: Any, tmp_path: Path) -> None:
    path = write(wrapped(lama_state()), tmp_path / 'x.ckpt')
    x = image_and_mask(16, 24)
    assert_filled(HCLSpandrelNetwork(weights=str(path))(x), x)


class Program(nn.Module):
    """Tensors at the places that their names say."""

    def forward(self, x: Tensor) -> Tensor:
        return x

    def put(self, name: str, value: Tensor) -> None:
        head, _, rest = name.partition('.')
        if not rest:
            self.register_buffer(head, value)
            return
        if head not in self._modules:
            self.add_module(head, Program())
        self.get_submodule(head).put(rest, value)  # type: ignore[operator]


def test_torchscript(tmp_path: Path) -> None:
    """As big-lama.pt is stored."""
    program = Program()
    for name, value in lama_state().items():
        program.put(name, value)
    torch.jit.save(torch.jit.script(program), tmp_path / 'big-lama.pt')
    x = image_and_mask(16, 24)
    assert_filled(HCLSpandrelNetwork(weights=str(tmp_path / 'big-lama.pt'))(x), x)


def upscaler_state() -> dict[str, Tensor]:
    """A tiny ESRGAN for twofold enlargement."""
    from spandrel.architectures.ESRGAN import ESRGAN

    return ESRGAN(num_filters=4, num_blocks=1, scale=2).state_dict()


@pytest.mark.parametrize(('content', 'match'), [
    (upscaler_state, r'x\.pth: holds ESRGAN, which enlarges images 2 times: expected an inpainting network'),
    (lambda: {'a.b': torch.ones(2)}, r'x\.pth: spandrel knows no network with tensors of these names, a\.b\.'),
    (lambda: {'params': {}}, r'x\.pth: holds no tensors by names'),
    (lambda: {name: value for name, value in lama_state().items() if name != 'model.model.34.bias'},
     r"x\.pth: its tensors do not make a whole network of spandrel's: .*model\.model\.34\.bias"),
], ids=['an upscaler', 'foreign', 'empty', 'incomplete'])  # fmt: skip
def test_no_inpainting_network(content: Any, match: str, tmp_path: Path) -> None:
    path = write(content(), tmp_path / 'x.pth')
    with pytest.raises(ValueError, match=match):
        HCLSpandrelNetwork(weights=str(path))


@pytest.mark.parametrize('suffix', ['.pth', '.pt', '.ckpt', '.safetensors'])
@pytest.mark.parametrize('content', [b'', b'a text\n' * 40, None], ids=['empty', 'a text', 'cut short'])
def test_damaged(content: Any, suffix: str, lama: Path, tmp_path: Path) -> None:
    path = tmp_path / f'x{suffix}'
    path.write_bytes(lama.read_bytes()[:200_000] if content is None else content)
    with pytest.raises(ValueError, match=rf'x\{suffix}: .*[^.]\.?$') as caught:
        HCLSpandrelNetwork(weights=str(path))
    assert '\n' not in str(caught.value)


def test_missing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match='there is no such file'):
        HCLSpandrelNetwork(weights=str(tmp_path / 'x.pth'))
    with pytest.raises(ValueError, match=r'ends in \.pth, \.pt, \.ckpt, \.safetensors'):
        HCLSpandrelNetwork(weights=str(tmp_path / 'x.onnx'))


def test_channels(network: HCLSpandrelNetwork) -> None:
    with pytest.raises(ValueError, match='LaMa takes 4 channels, got 3'):
        network(torch.rand(1, 3, MIN_IMAGE_SIZE, MIN_IMAGE_SIZE))
