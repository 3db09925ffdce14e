from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from hcl_arch.restoration import Restorer, torch_network
from hcl_arch.restoration.image_input import image_array
from hcl_arch.restoration.mask_array import grown, mask_of_confidence
from hcl_arch.restoration.user_mask import user_mask

NAN_IMAGE = np.full((4, 4, 3), np.nan, np.float32)


@pytest.mark.parametrize(('image', 'message'), [
    (np.zeros((0, 5, 3), np.uint8), 'at least one pixel'),
    (np.zeros((5, 5, 2), np.uint8), r'expected \(H, W\), \(H, W, 1\), \(H, W, 3\) RGB or \(H, W, 4\) RGBA'),
    (np.zeros((3, 5, 6), np.uint8), 'Put the channels last'),
    (np.zeros(5, np.uint8), r'got shape \(5,\)'),
    (np.zeros((5, 5), np.int64), 'expected uint8, uint16 or float in .0, 1., got int64'),
    (np.zeros((5, 5), bool), 'got bool'),
    (np.full((5, 5), 255.0), 'found 255 to 255; scale them first'),
    (NAN_IMAGE, 'not finite'),
    (np.full((5, 5), np.inf, np.float32), 'not finite'),
    ([[1, 2]], 'got list'),
    (torch.zeros(3, 4, 4), 'got torch.Tensor'),
    (Image.fromarray(np.full((3, 3), -5, np.int32)), 'mode I'),
])  # fmt: skip
def test_images(fake_restorer: Restorer, image: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fake_restorer.restore(image)


@pytest.mark.parametrize(('mask', 'message'), [
    (np.zeros((4, 5), np.uint8), r'the size of the image, 20 x 30 \(H x W\), got 4 x 5'),
    (np.zeros((20, 30, 2), np.uint8), r'\(H, W, 3\) RGB or \(H, W, 4\) RGBA, got shape \(20, 30, 2\)'),
    (np.zeros((20, 30), np.int32), 'got int32'),
    (np.full((20, 30), np.nan), 'not finite'),
    (np.full((20, 30), 255.0), 'found 255 to 255'),
    ([0], 'got list'),
])  # fmt: skip
def test_masks(fake_restorer: Restorer, mask: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fake_restorer.repair(np.zeros((20, 30, 3), np.uint8), mask)


@pytest.mark.parametrize(('options', 'message'), [
    ({'threshold': -0.1}, r'threshold: expected a number in \[0, 1\], got -0.1'),
    ({'threshold': float('nan')}, 'threshold'),
    ({'grow': -1}, 'grow: expected a radius in pixels of at least 0, got -1'),
    ({'grow': float('inf')}, 'grow'),
])  # fmt: skip
def test_options(fake_restorer: Restorer, options: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fake_restorer.restore(np.zeros((20, 30, 3), np.uint8), **options)
    with pytest.raises(ValueError, match=message):
        fake_restorer.mask_of(np.zeros((20, 30), np.float32), **options)


@pytest.mark.parametrize(('options', 'message'), [
    ({'device': 'abacus'}, "device: expected auto, cpu, cuda, cuda:N or mps, got 'abacus'"),
    ({'precision': 'fp8'}, 'precision must be one of'),
    ({'memory': 1}, 'memory: expected at least 64 MiB, got 1'),
    ({'min_score': 1.1}, r'min_score: expected a number in \[0, 1\], got 1.1'),
    ({'detect_side': 0}, 'detect_side: expected a length of at least 1 pixel, got 0'),
    ({'model': 5}, 'model: expected a name, a path or a network, got int'),
])  # fmt: skip
def test_restorers(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Restorer(**{'model': torch.nn.Identity(), **options})


@pytest.mark.parametrize(('confidence', 'message'), [
    (np.zeros((4, 5), np.float32), 'the size of the image'),
    (np.zeros((20, 30), np.uint8), r'floating-point numbers in \[0, 1\]'),
    (np.full((20, 30), np.nan, np.float32), r'floating-point numbers in \[0, 1\]'),
    (np.zeros((20, 30, 1), np.float32), 'expected an array'),
])  # fmt: skip
def test_confidences(fake_restorer: Restorer, confidence: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fake_restorer.repair(np.zeros((20, 30), np.uint8), np.zeros((20, 30), bool), confidence=confidence)


class TestMaskArrays:
    @pytest.mark.parametrize(('mask', 'corrupted'), [
        (np.array([[0, 127, 128, 255]], np.uint8), [0, 0, 1, 1]),
        (np.array([[0, 1, 1, 0]], np.uint8), [0, 1, 1, 0]),
        (np.array([[0, 32767, 32768, 65535]], np.uint16), [0, 0, 1, 1]),
        (np.array([[0, 0.49, 0.5, 1]]), [0, 0, 1, 1]),
        (np.array([[False, True, False, True]]), [0, 1, 0, 1]),
        (np.array([[[0], [200], [0], [200]]], np.uint8), [0, 1, 0, 1]),
    ])  # fmt: skip
    def test_half_of_the_range_is_corrupted(self, mask: np.ndarray, corrupted: list[int]) -> None:
        assert (user_mask(mask, 1, 4) == np.array([corrupted]) * 255).all()

    def test_confidence_below_the_threshold_is_corrupted(self) -> None:
        confidence = np.array([[0.0, 0.5, 0.6, 1.0]], np.float32)
        assert mask_of_confidence(confidence).tolist() == [[255, 0, 0, 0]]
        assert mask_of_confidence(confidence, threshold=1).tolist() == [[255, 255, 255, 0]]

    @pytest.mark.parametrize('radius', [0, 0.5, 1, 1.5, 3, 30])
    def test_growth_is_round(self, radius: float) -> None:
        mask = np.zeros((81, 81), np.uint8)
        mask[40, 40] = 255
        row, column = np.mgrid[-40:41, -40:41]
        assert np.array_equal(grown(mask, radius) > 0, np.hypot(row, column) <= radius)

    def test_an_empty_mask_does_not_grow(self) -> None:
        assert not grown(np.zeros((5, 6), np.uint8), 1000).any()


class TestPilImages:
    @pytest.mark.parametrize(('mode', 'shape', 'dtype'), [
        ('L', (5, 6), np.uint8), ('1', (5, 6), np.uint8), ('LA', (5, 6, 4), np.uint8), ('P', (5, 6, 3), np.uint8),
        ('RGB', (5, 6, 3), np.uint8), ('RGBA', (5, 6, 4), np.uint8), ('CMYK', (5, 6, 3), np.uint8),
        ('I;16', (5, 6), np.uint16), ('I', (5, 6), np.uint16), ('F', (5, 6), np.float32),
    ])  # fmt: skip
    def test_modes(self, mode: str, shape: tuple[int, ...], dtype: Any) -> None:
        array = image_array(Image.new(mode, (6, 5)))
        assert array.shape == shape
        assert array.dtype == dtype


@pytest.mark.parametrize(
    ('has_cuda', 'has_mps', 'expected'), [(True, True, 'cuda'), (False, True, 'mps'), (False, False, 'cpu')]
)
def test_auto_takes_the_gpu_there_is(monkeypatch, has_cuda: bool, has_mps: bool, expected: str) -> None:
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: has_cuda)
    monkeypatch.setattr(torch.backends.mps, 'is_available', lambda: has_mps)
    assert torch_network.find_device('auto') == torch.device(expected)
    if not has_mps:
        with pytest.raises(ValueError, match='device: mps was asked for, but PyTorch finds no GPU here'):
            torch_network.find_device('mps')
