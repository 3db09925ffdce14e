"""The scripts for measuring are no part of the installed package."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / 'benchmarks'))


@pytest.fixture(scope='session')
def picture() -> NDArray[np.uint8]:
    """A picture (200, 300, 3) of middle tones, smooth with some texture."""
    return toned(200, 300, seed=1)


@pytest.fixture(scope='session')
def donor() -> NDArray[np.uint8]:
    """Another picture."""
    return toned(180, 240, seed=2)


def toned(height: int, width: int, *, seed: int) -> NDArray[np.uint8]:
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width, :1][:2] / 40.0
    waves = sum(rng.uniform(10, 25, 3) * np.sin(rng.normal(0, 1, 3) * y + rng.normal(0, 1, 3) * x) for _ in range(3))
    return (125 + waves + rng.normal(0, 6, (height, width, 3))).clip(30, 220).astype(np.uint8)
