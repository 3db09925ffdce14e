from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from hcl_arch.data.corruptions.everyday.scribbles import spoil_scribbles
from hcl_arch.data.corruptions.everyday.spoiled import Materials
from hcl_arch.data.corruptions.everyday.stroke_paths import PATHS, STEPS, length_of, smoothed
from hcl_arch.data.corruptions.hole_contents import Truth

MATERIALS = Materials()


def test_thin_black_strokes_are_common() -> None:
    truth = Truth(np.full((160, 160, 3), 0.6, np.float32), 'light')
    thin_and_black = 0
    for seed in range(80):
        spoiled = spoil_scribbles(truth, MATERIALS, np.random.default_rng(seed))
        darkest = spoiled.image[spoiled.corrupted].max(1) < 0.2
        # Strokes of up to five pixels vanish under an opening of this width.
        opened = cv2.morphologyEx(spoiled.corrupted.astype(np.uint8), cv2.MORPH_OPEN, np.ones((7, 7), np.uint8))
        thin_and_black += bool(darkest.mean() > 0.3 and opened.sum() < 0.3 * spoiled.corrupted.sum())
    assert 12 < thin_and_black < 50


def test_clear_ink_only_darkens() -> None:
    """On white paper a highlighter is seen, whatever its colour; nothing becomes brighter than white."""
    truth = Truth(np.ones((64, 64, 3), np.float32), 'white')
    seen = sum(spoil_scribbles(truth, MATERIALS, np.random.default_rng(seed)).corrupted.any() for seed in range(80))
    assert seen >= 79


def test_smoothed_runs_through_its_points() -> None:
    points = np.array([[0, 0], [1, 2], [4, 1], [5, 5]], np.float64)
    curve = smoothed(points)
    assert len(curve) == 3 * STEPS + 1
    assert curve[::STEPS] == pytest.approx(points)
    # On a straight line with even steps the inner spans stay straight and even.
    line = smoothed(np.stack([np.arange(5.0), 2 * np.arange(5.0)], 1))
    assert line[STEPS : 3 * STEPS, 0] == pytest.approx(np.arange(1, 3, 1 / STEPS))
    assert line[:, 1] == pytest.approx(2 * line[:, 0])


@pytest.mark.parametrize('path', list(PATHS))
def test_paths_are_finite_and_long(path: str) -> None:
    for seed in range(20):
        drawing = PATHS[path](np.random.default_rng(seed))
        points: Any = np.concatenate(drawing)
        assert points.shape[1] == 2
        assert np.isfinite(points).all()
        assert all(len(stroke) >= 2 for stroke in drawing)
        assert length_of(drawing) >= 0.99 * np.ptp(points, 0).max() * (len(drawing) == 1)
