from __future__ import annotations

import numpy as np
import pytest
import torch
from basicsr.utils.registry import METRIC_REGISTRY
from numpy.typing import NDArray

from hcl_arch.metrics import HCLFID, SetMetric, is_set_metric
from hcl_arch.metrics.image_tensor import image_pair


class MeanDifference(SetMetric):
    """Difference of the sets' mean brightness."""

    def features(self, img: NDArray, img2: NDArray) -> NDArray:
        return np.array([[img.mean()], [img2.mean()]], np.float32)

    def _score(self, features: NDArray) -> float:
        return float(np.diff(features.mean(axis=0), axis=0).item())


def test_score_of_the_whole_and_of_a_part() -> None:
    metric = MeanDifference()
    levels = [(0, 10), (10, 30), (100, 100)]
    images = [tuple(np.full((4, 4, 3), level, np.uint8) for level in pair) for pair in levels]
    features = np.stack([metric.features(*pair) for pair in images])
    assert metric.score(features) == pytest.approx(10)
    assert metric.score(features[:2]) == pytest.approx(15)


@pytest.mark.parametrize('count', [0, 1])
def test_set_without_spread(count: int) -> None:
    with pytest.raises(ValueError, match=f'MeanDifference measures sets of at least 2 images, got {count}'):
        MeanDifference().score(np.zeros((count, 2, 1), np.float32))


@pytest.mark.parametrize('value', [np.nan, np.inf])
def test_features_that_are_not_finite(value: float) -> None:
    features = np.zeros((4, 2, 3), np.float32)
    features[2, 1, 0] = value
    with pytest.raises(ValueError, match='MeanDifference: the features of image 2 of the set are not finite'):
        MeanDifference().score(features)


def test_registered_kinds_are_told_apart() -> None:
    assert is_set_metric('HCLFID')
    assert METRIC_REGISTRY.get('HCLFID') is HCLFID
    assert not is_set_metric('calculate_psnr')
    assert not is_set_metric('calculate_hcl_lpips')
    with pytest.raises(KeyError, match='calculate_beauty'):
        is_set_metric('calculate_beauty')


def test_image_pair_is_rgb_from_zero_to_one() -> None:
    img, img2 = np.zeros((2, 3, 3), np.uint8), np.full((2, 3, 3), 255, np.uint8)
    img[1, 2] = 51, 102, 204  # blue, green, red
    pair = image_pair(img, img2, torch.device('cpu'))
    assert pair.shape == (2, 3, 2, 3)
    assert pair.dtype == torch.float32
    assert pair[0, :, 1, 2].tolist() == pytest.approx([0.8, 0.4, 0.2])
    assert pair[0].sum().item() == pytest.approx(1.4)
    assert (pair[1] == 1).all()


def test_images_must_fit_together() -> None:
    image, device = np.zeros((4, 5, 3), np.uint8), torch.device('cpu')
    with pytest.raises(ValueError, match=r'two images of one size, got \(4, 5, 3\) and \(5, 4, 3\)'):
        image_pair(image, image.transpose(1, 0, 2), device)
    with pytest.raises(ValueError, match=r'image \(H, W, 3\) of uint8, got \(4, 5, 3\) of float32'):
        image_pair(image, image.astype(np.float32), device)
    with pytest.raises(ValueError, match=r'image \(H, W, 3\) of uint8, got \(4, 5\) of uint8'):
        image_pair(image[..., 0], image, device)
