"""Soft edges: where they lie, that nothing beyond them changes, and that light is blended, not numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from hcl_arch.commands.restore import main
from hcl_arch.restoration import Restorer
from hcl_arch.restoration.feathering import feather_weights, feathered
from hcl_arch.utils.pixel_values import linear_to_srgb, srgb_to_linear

HOLE = np.zeros((120, 144), np.uint8)
HOLE[40:54, 30:120] = 255


def test_weights() -> None:
    hole = np.zeros((1, 12), bool)
    hole[0, :3] = True
    weights = feather_weights(hole, 4)[0]
    assert (weights[:3] == 1).all()
    assert (np.diff(weights[2:8]) < 0).all()
    assert (weights[7:] == 0).all()
    assert weights[6] > 0


def test_half_the_light_of_white_is_brighter_than_half_its_number() -> None:
    black, white = np.zeros((1, 3, 3), np.uint8), np.full((1, 3, 3), 255, np.uint8)
    assert feathered(black, white, np.array([[0, 0.5, 1]], np.float32))[0, :, 0].tolist() == [0, 188, 255]


def test_srgb_there_and_back() -> None:
    values = np.linspace(0, 1, 65536)
    assert np.abs(linear_to_srgb(srgb_to_linear(values)) - values).max() < 1e-7
    assert srgb_to_linear(np.array([0.5]))[0] == pytest.approx(0.21404, abs=1e-5)


@pytest.mark.parametrize('dtype', [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize('channels', ['gray', 'gray1', 'rgb', 'rgba'])
def test_beyond_the_edge_nothing_changes(
    fake_restorer: Restorer, photograph: np.ndarray, dtype: Any, channels: str
) -> None:
    rgba = np.dstack([photograph, np.tile(np.arange(1, 145, dtype=np.uint8), (120, 1))])
    image = {'gray': rgba[..., 0], 'gray1': rgba[..., :1], 'rgb': rgba[..., :3], 'rgba': rgba}[channels]
    image = (image / 255).astype(dtype) if dtype == np.float32 else image.astype(dtype) * (np.iinfo(dtype).max // 255)
    hard, soft = (fake_restorer.repair(image, HOLE, feather=feather).image for feather in (0, 6))
    assert soft.dtype == image.dtype
    assert soft.shape == image.shape
    distance = cv2.distanceTransform(255 - HOLE, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    assert np.array_equal(soft[distance > 6], image[distance > 6])
    ring = (distance > 0) & (distance <= 6)
    assert np.array_equal(hard[ring], image[ring])
    assert (soft[ring] != image[ring]).mean() > 0.3
    if channels == 'rgba':
        assert np.array_equal(soft[..., 3], image[..., 3])


@pytest.mark.parametrize('feather', [-1, float('nan'), float('inf')])
def test_no_length(fake_restorer: Restorer, photograph: np.ndarray, feather: float) -> None:
    with pytest.raises(ValueError, match='feather: expected a radius in pixels of at least 0'):
        fake_restorer.repair(photograph, HOLE, feather=feather)


def test_command(photograph: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    cv2.imwrite('photo.png', photograph)
    cv2.imwrite('mine.png', HOLE)
    assert main(['photo.png', '--mask', 'mine.png', '--filler', 'opencv-telea', '--feather', '6']) == 0
    found = cv2.imread('restored/photo.png')
    changed = (found != photograph).any(axis=2)
    assert changed[34:40, 40:110].any()
    assert not changed[:33].any()
