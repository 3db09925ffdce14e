from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from urllib.error import URLError

import lpips
import numpy as np
import pytest
import torch
import torch.nn.functional as F
import torchvision
from numpy.typing import NDArray
from torch import Tensor

from hcl_arch.metrics import calculate_hcl_lpips, lpips_metric
from tests.conftest import smooth_image

# Of each net: (layer in torchvision's `features`, stride, padding, max pooling before it, is it compared).
LAYERS = {
    'alex': [(0, 4, 2, 0, 1), (3, 1, 2, 3, 1), (6, 1, 1, 3, 1), (8, 1, 1, 0, 1), (10, 1, 1, 0, 1)],
    'vgg': [
        *[(0, 1, 1, 0, 0), (2, 1, 1, 0, 1), (5, 1, 1, 2, 0), (7, 1, 1, 0, 1)],
        *[(10, 1, 1, 2, 0), (12, 1, 1, 0, 0), (14, 1, 1, 0, 1)],
        *[(17, 1, 1, 2, 0), (19, 1, 1, 0, 0), (21, 1, 1, 0, 1)],
        *[(24, 1, 1, 2, 0), (26, 1, 1, 0, 0), (28, 1, 1, 0, 1)],
    ],
}
ENUMS = {'alex': torchvision.models.AlexNet_Weights, 'vgg': torchvision.models.VGG16_Weights}


def backbone(net: str, weights: str = 'random') -> dict[str, Tensor]:
    """The metric's convolutions, by torchvision's names."""
    state = lpips_metric._network(net, weights).net.state_dict()  # type: ignore[arg-type]
    return {f'features.{key.split(".", 1)[1]}': value.cpu() for key, value in state.items()}


def heads(net: str) -> list[Tensor]:
    """The learned weights of the layers, read from the package's file."""
    path = Path(lpips.__file__).parent / 'weights' / 'v0.1' / f'{net}.pth'
    state = torch.load(path, map_location='cpu', weights_only=True)
    return [state[f'lin{layer}.model.1.weight'] for layer in range(5)]


def oracle(img: NDArray, img2: NDArray, net: str) -> float:
    """Equation 1 of Zhang et al., on ImageNet-normalised RGB images."""
    convolutions = backbone(net)
    maps = []
    for image in (img, img2):
        rgb = torch.from_numpy(image[:, :, [2, 1, 0]].astype(np.float32) / 255).permute(2, 0, 1)[None]
        mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
        x = (rgb - mean.view(3, 1, 1)) / deviation.view(3, 1, 1)
        compared = []
        for index, stride, padding, pooling, is_compared in LAYERS[net]:
            x = F.max_pool2d(x, pooling, 2) if pooling else x
            kernel, bias = (convolutions[f'features.{index}.{kind}'] for kind in ('weight', 'bias'))
            x = F.relu(F.conv2d(x, kernel, bias, stride=stride, padding=padding))
            if is_compared:
                compared.append(x / x.square().sum(dim=1, keepdim=True).sqrt().clamp_min(1e-10))
        maps.append(compared)
    layers = [(w * (a - b).square()).sum(dim=1).mean() for a, b, w in zip(*maps, heads(net))]
    return float(sum(layers))


def image_and_noisy(size: tuple[int, int] = (48, 40), seed: int = 0) -> tuple[NDArray, NDArray]:
    rng = np.random.default_rng(seed)
    image = smooth_image(max(size), rng)[: size[0], : size[1]]
    noise = rng.normal(0, 30, image.shape)
    return image, (image + noise).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize('net', ['alex', 'vgg'])
@pytest.mark.parametrize('seed', [0, 1])
def test_equals_the_published_formula(net: str, seed: int) -> None:
    img, img2 = image_and_noisy(seed=seed)
    value = calculate_hcl_lpips(img, img2, net=net, weights='random')  # type: ignore[arg-type]
    assert value == pytest.approx(oracle(img, img2, net), rel=1e-4)
    assert type(value) is float
    # Swapped channels are far outside of that.
    assert oracle(img[..., ::-1], img2[..., ::-1], net) != pytest.approx(value, rel=1e-2)


@pytest.mark.parametrize('net', ['alex', 'vgg'])
def test_equal_images_symmetry_and_order(net: str) -> None:
    img, noisy = image_and_noisy()
    slightly = ((3 * img.astype(int) + noisy) // 4).astype(np.uint8)

    def distance(a: NDArray, b: NDArray) -> float:
        return calculate_hcl_lpips(a, b, net=net, weights='random')  # type: ignore[arg-type]

    assert distance(img, img) == 0
    assert distance(img, noisy) == pytest.approx(distance(noisy, img), rel=1e-5)
    assert 0 < distance(img, slightly) < distance(img, noisy) < 1


@pytest.mark.parametrize(('net', 'smallest'), [('alex', 31), ('vgg', 16)])
def test_smallest_image(net: str, smallest: int) -> None:
    img, img2 = image_and_noisy((smallest, smallest + 9))
    assert calculate_hcl_lpips(img, img2, net=net, weights='random') > 0  # type: ignore[arg-type]
    message = f"with net '{net}' needs {smallest} pixels, got {smallest - 1} x {smallest + 9}"
    with pytest.raises(ValueError, match=message):
        calculate_hcl_lpips(img[1:], img2[1:], net=net, weights='random')  # type: ignore[arg-type]


def test_unknown_net() -> None:
    with pytest.raises(ValueError, match="`net` of calculate_hcl_lpips must be 'alex' or 'vgg', got 'vgg16'"):
        calculate_hcl_lpips(*image_and_noisy(), net='vgg16')  # type: ignore[arg-type]


def test_network_is_built_once_without_touching_the_generator_or_the_package() -> None:
    lpips_metric._network.cache_clear()
    before, package = torch.get_rng_state(), lpips.pretrained_networks.tv
    network = lpips_metric._network('alex', 'random')
    assert torch.equal(torch.get_rng_state(), before)
    assert lpips.pretrained_networks.tv is package
    assert lpips_metric._network('alex', 'random') is network
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())
    assert not any(parameter.is_meta for parameter in network.parameters())


@pytest.mark.parametrize('net', ['alex', 'vgg'])
def test_weights_come_from_torchvisions_file(net: str, tmp_path: Path) -> None:
    convolutions = {key: value * 0.9 for key, value in backbone(net).items()}
    torch.save({**convolutions, 'classifier.1.weight': torch.zeros(2)}, tmp_path / 'mine.pth')
    ours = backbone(net, str(tmp_path / 'mine.pth'))
    assert ours.keys() == convolutions.keys()
    assert all(torch.equal(ours[key], value) for key, value in convolutions.items())
    # The names are those of torchvision's own network.
    with torch.device('meta'):
        reference = {'alex': torchvision.models.alexnet, 'vgg': torchvision.models.vgg16}[net]().state_dict()
    assert {key: value.shape for key, value in convolutions.items()} == {
        key: value.shape for key, value in reference.items() if key.startswith('features.')
    }
    other = 'alex' if net == 'vgg' else 'vgg'
    message = rf'mine\.pth does not hold the weights of {"vgg16" if net == "alex" else "alexnet"} of torchvision'
    with pytest.raises(ValueError, match=message):
        calculate_hcl_lpips(*image_and_noisy(), net=other, weights=str(tmp_path / 'mine.pth'))  # type: ignore[arg-type]


@pytest.mark.parametrize('net', ['alex', 'vgg'])
def test_without_a_network_it_says_what_to_do(net: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_network(*_: object) -> None:
        raise URLError('no network here')

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path / 'hub'))
    monkeypatch.setattr(torch.hub, 'download_url_to_file', no_network)
    with pytest.raises(FileNotFoundError) as caught:
        calculate_hcl_lpips(*image_and_noisy(), net=net)  # type: ignore[arg-type]
    url = ENUMS[net].IMAGENET1K_V1.url
    assert f'Download {url.split("/")[-1]} from {url}' in str(caught.value)
    assert f'`weights` of calculate_hcl_lpips, or put it in {tmp_path}/experiments/pretrained_models' in str(
        caught.value
    )
    assert str(tmp_path / 'hub' / 'checkpoints') in str(caught.value)


def test_address_is_torchvisions_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = SimpleNamespace(url='https://example.org/moved-0123abcd.pth', name='IMAGENET1K_V1')
    monkeypatch.setattr(torchvision.models, 'get_model_weights', lambda _: SimpleNamespace(IMAGENET1K_V1=entry))
    with pytest.raises(FileNotFoundError, match='Download moved-0123abcd.pth from https://example.org/moved'):
        calculate_hcl_lpips(*image_and_noisy(), weights=str(tmp_path / 'no.pth'))
