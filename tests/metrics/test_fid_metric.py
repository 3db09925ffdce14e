from __future__ import annotations

from pathlib import Path
from urllib.error import URLError

import cv2
import numpy as np
import pytest
import torch
from basicsr.archs import inception
from basicsr.metrics.fid import extract_inception_features, load_patched_inception_v3
from numpy.typing import NDArray
from scipy import linalg
from torch import Tensor, nn

from hcl_arch.metrics import HCLFID, fid_metric, frechet_distance
from hcl_arch.metrics.pretrained_weights import PretrainedWeights, draw_weights
from tests.conftest import smooth_image

FILE_NAME = 'pt_inception-2015-12-05-6726825d.pth'


def published_formula(x: NDArray, y: NDArray) -> float:
    """|m - m'|^2 + tr(S + S' - 2 sqrt(S S')) with a general root of a matrix (Heusel et al., equation 6)."""
    cov_x, cov_y = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    root = linalg.sqrtm(cov_x @ cov_y)
    return float(((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(cov_x + cov_y - 2 * root.real))


def eigenvalue_formula(x: NDArray, y: NDArray) -> float:
    """The same by the eigenvalues of sqrt(S) S' sqrt(S), good also for S without full rank."""
    cov_x, cov_y = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    values, vectors = np.linalg.eigh(cov_x)
    root_x = (vectors * np.sqrt(values.clip(0))) @ vectors.T
    trace_of_root = np.sqrt(np.linalg.eigvalsh(root_x @ cov_y @ root_x).clip(0)).sum()
    return float(((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(cov_x) + np.trace(cov_y) - 2 * trace_of_root)


def correlated(rng: np.random.Generator, count: int, dimension: int) -> NDArray:
    return rng.standard_normal((count, dimension)) @ rng.standard_normal((dimension, dimension)) + rng.random(dimension)


def test_distance_by_hand() -> None:
    # Means 1 and 4; variances 2 and 18 with deviations sqrt(2) and 3 sqrt(2): 3^2 + (2 sqrt(2))^2.
    assert frechet_distance(np.array([[0.0], [2.0]]), np.array([[1.0], [7.0]])) == pytest.approx(9 + 8)
    # Opposite corners: covariances [[2, 2], [2, 2]] and [[2, -2], [-2, 2]], whose product is 0.
    x, y = np.array([[0.0, 0.0], [2.0, 2.0]]), np.array([[0.0, 2.0], [2.0, 0.0]])
    assert frechet_distance(x, y) == pytest.approx(8)


@pytest.mark.parametrize(('n', 'm'), [(50, 50), (40, 90), (9, 200)])
def test_distance_equals_published_formula(n: int, m: int) -> None:
    rng = np.random.default_rng(0)
    x, y = correlated(rng, n, 8), correlated(rng, m, 8)
    assert frechet_distance(x, y) == pytest.approx(published_formula(x, y), rel=1e-6)


@pytest.mark.parametrize(('n', 'm'), [(2, 2), (5, 5), (12, 12), (13, 12), (5, 60), (60, 5)])
def test_distance_of_fewer_samples_than_dimensions(n: int, m: int) -> None:
    rng = np.random.default_rng(0)
    x, y = correlated(rng, n, 12), correlated(rng, m, 12)
    assert frechet_distance(x, y) == pytest.approx(eigenvalue_formula(x, y), rel=1e-6)
    assert frechet_distance(y, x) == pytest.approx(frechet_distance(x, y), rel=1e-9)


@pytest.mark.parametrize('count', [3, 30])
def test_closed_forms(count: int) -> None:
    rng = np.random.default_rng(0)
    x, shift = rng.standard_normal((count, 10)), rng.standard_normal(10)
    assert frechet_distance(x, x + shift) == pytest.approx((shift**2).sum())
    assert 0 <= frechet_distance(x, x) < 1e-10
    # Three times the deviations about the same mean: tr(S + 9 S - 2 * 3 S) = 4 tr(S).
    spread = x.mean(0) + 3 * (x - x.mean(0))
    assert frechet_distance(x, spread) == pytest.approx(4 * x.var(0, ddof=1).sum())
    # No spread at all: what is left is the variance of the other.
    flat = np.tile(x.mean(0), (count, 1))
    assert frechet_distance(x, flat) == pytest.approx(x.var(0, ddof=1).sum())


def test_diagonal_gaussians() -> None:
    # Exactly uncorrelated columns: those of a Hadamard matrix.
    signs = linalg.hadamard(16)[:, 1:6].astype(float)
    a, b = np.array([1.0, 2, 3, 4, 5]), np.array([2.0, 2, 1, 0, 7])
    expected = 16 / 15 * ((a - b) ** 2).sum()
    assert frechet_distance(signs * a, signs * b) == pytest.approx(expected)


def test_distance_is_computed_in_double_precision() -> None:
    rng = np.random.default_rng(0)
    x = (1000 + rng.standard_normal((20, 6))).astype(np.float32)
    y = (1000 + rng.standard_normal((20, 6))).astype(np.float32)
    assert frechet_distance(x, y) == pytest.approx(published_formula(x.astype(float), y.astype(float)), rel=1e-6)


def test_score_is_the_distance_of_restored_from_true_features() -> None:
    rng = np.random.default_rng(0)
    features = rng.standard_normal((7, 2, 2048)).astype(np.float32)
    features[:, 1] = 2 * features[:, 0] + 1
    restored, true = features[:, 0].astype(float), features[:, 1].astype(float)
    expected = ((restored.mean(0) - true.mean(0)) ** 2).sum() + restored.var(0, ddof=1).sum()
    value = HCLFID('random').score(features)
    assert value == pytest.approx(expected, rel=1e-5)
    assert type(value) is float
    with pytest.raises(ValueError, match='HCLFID measures sets of at least 2 images, got 1'):
        HCLFID('random').score(features[:1])


def some_images(height: int = 60, width: int = 84) -> tuple[NDArray, NDArray]:
    rng = np.random.default_rng(0)
    return smooth_image(96, rng)[:height, :width], smooth_image(96, rng)[:height, :width]


@pytest.mark.parametrize('resize_input', [True, False])
def test_network_gets_rgb_from_minus_one_to_one(resize_input: bool) -> None:
    metric = HCLFID('random', resize_input=resize_input)
    seen: list[Tensor] = []
    hook = metric._network.blocks[0].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].cpu()))
    images = some_images(80, 96)
    try:
        metric.features(*images)
    finally:
        hook.remove()
    for image, batch in zip(images, seen[0]):
        rgb = image[..., ::-1].astype(np.float32) / 127.5 - 1
        expected = cv2.resize(rgb, (299, 299), interpolation=cv2.INTER_LINEAR) if resize_input else rgb
        np.testing.assert_allclose(batch.permute(1, 2, 0).numpy(), expected, atol=2e-4)


def test_features() -> None:
    metric, (img, img2) = HCLFID('random'), some_images()
    features = metric.features(img, img2)
    assert features.shape == (2, 2048)
    assert features.dtype == np.float32
    # Random features have neither vanished nor exploded, and tell the images apart.
    assert 0.01 < features.std() < 10
    assert not np.allclose(features[0], features[1], rtol=1e-3)
    np.testing.assert_allclose(metric.features(img2, img), features[::-1], rtol=1e-4, atol=1e-5)


def test_smallest_image() -> None:
    metric = HCLFID('random', resize_input=False)
    assert metric.features(*some_images(75, 75)).shape == (2, 2048)
    with pytest.raises(ValueError, match='HCLFID without `resize_input` needs images of 75 pixels, got 74 x 80'):
        metric.features(*some_images(74, 80))


@pytest.fixture
def no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Working folder without any weights, where downloads fail; nothing built before is remembered."""

    def fail(*_: object) -> None:
        raise URLError('no network here')

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path / 'hub'))
    monkeypatch.setattr(torch.hub, 'download_url_to_file', fail)
    fid_metric._network.cache_clear()
    return tmp_path


def test_equals_basicsrs_features(no_network: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With one file in BasicSR's place, its own extraction (RGB in [-1, 1]) and ours give the same."""
    file = no_network / 'experiments' / 'pretrained_models' / FILE_NAME
    file.parent.mkdir(parents=True)

    def draw_and_save(_: PretrainedWeights, network: nn.Module, weights: str) -> None:
        draw_weights(network, torch.Generator().manual_seed(7))
        torch.save(network.state_dict(), file)

    with monkeypatch.context() as patch:
        patch.setattr(PretrainedWeights, 'fill', draw_and_save)
        HCLFID('saved while it is built')
    images = some_images()
    batch = torch.stack([torch.from_numpy(x[..., ::-1] / np.float32(127.5) - 1).permute(2, 0, 1) for x in images])
    expected = extract_inception_features([batch], load_patched_inception_v3('cpu'), device='cpu').numpy()
    fid_metric._network.cache_clear()
    for weights in (None, str(file)):
        np.testing.assert_allclose(HCLFID(weights).features(*images), expected, rtol=1e-3, atol=1e-4)
    assert not np.allclose(HCLFID('random').features(*images), expected, rtol=1e-2)


def test_network_is_built_once_without_touching_the_generator_or_basicsr(no_network: Path) -> None:
    before = torch.get_rng_state()
    names = {name: vars(inception)[name] for name in ('models', 'load_url', 'LOCAL_FID_WEIGHTS')}
    metric = HCLFID('random')
    assert torch.equal(torch.get_rng_state(), before)
    assert {name: vars(inception)[name] for name in names} == names
    assert HCLFID('random')._network is metric._network
    assert HCLFID('random', resize_input=False)._network is not metric._network
    assert not metric._network.training
    assert not any(parameter.requires_grad for parameter in metric._network.parameters())


def test_without_a_network_it_says_what_to_do(no_network: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        HCLFID()
    message = str(caught.value)
    assert "weights of FID's Inception-v3 of 2015, which HCLFID needs, could not be had" in message
    assert f'Download {FILE_NAME} from {inception.FID_WEIGHTS_URL}' in message
    assert f'put it in {no_network}/experiments/pretrained_models or {no_network}/hub/checkpoints' in message


def test_file_of_another_network(tmp_path: Path) -> None:
    torch.save({'features.0.weight': torch.zeros(64, 3, 11, 11)}, tmp_path / 'alexnet.pth')
    message = (
        r"alexnet\.pth does not hold the weights of FID's Inception-v3 of 2015: it lacks Conv2d_1a_3x3.conv.weight"
    )
    with pytest.raises(ValueError, match=message):
        HCLFID(str(tmp_path / 'alexnet.pth'))
