"""The packaged model on a photograph: what users get."""

from __future__ import annotations

import math
from typing import Callable

import cv2
import numpy as np
import pytest

from hcl_arch.restoration import Restorer, painting


@pytest.fixture(scope='module')
def small() -> Restorer:
    return Restorer('small', device='cpu')


@pytest.fixture(scope='module')
def spoiled() -> tuple[np.ndarray, np.ndarray]:
    """A photograph of 512 x 512 with a colour painted over two places, and where."""
    data = pytest.importorskip('skimage.data')
    hole = np.zeros((512, 512), bool)
    hole[60:200, 80:260] = hole[320:420, 300:480] = True
    return np.where(hole[..., None], np.uint8([30, 220, 60]), data.astronaut()), hole


def test_a_colour_is_found_and_only_it_is_repainted(small: Restorer, spoiled: tuple[np.ndarray, np.ndarray]) -> None:
    image, hole = spoiled
    result = small.restore(image)
    found = result.mask > 0
    assert (found & hole).sum() > 0.7 * (found | hole).sum()
    assert np.array_equal(result.image[~found], image[~found])


def test_tiled_and_whole_agree_without_seams(
    small: Restorer,
    spoiled: tuple[np.ndarray, np.ndarray],
    small_tiles: Callable[[int], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    image, _ = spoiled
    monkeypatch.setattr(painting, '_work', lambda *_: math.inf)
    whole = small.restore(image, composite=False)
    multiple = small._network.size_multiple
    side = 6 * multiple
    small_tiles(side)
    tiled = small.restore(image, composite=False)
    assert (whole.mask == tiled.mask).mean() >= 0.99
    mixed = np.zeros(512, bool)
    for span in painting.spans(512, side, multiple):
        mixed[span.extent] |= (span.weights > 0) & (span.weights < 1)

    def ratio(picture: np.ndarray) -> float:
        steps = np.abs(np.diff(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(float), axis=1)).mean(axis=0)
        return float(steps[mixed[1:]].mean() / steps[~mixed[1:]].mean())

    assert mixed.any()
    assert ratio(tiled.image) < 1.02 * ratio(whole.image)
