from __future__ import annotations

import numpy as np
import pytest

from hcl_arch.restoration.threshold_advice import marked_shares, threshold_advice


def confidence(height: int = 100, width: int = 100) -> np.ndarray:
    """A tenth of it at 0.2, another tenth at 0.6."""
    found = np.ones((height, width), np.float32)
    found[: height // 10] = 0.2
    found[height // 2 : height // 2 + height // 10] = 0.6
    return found


def test_shares_grow_with_the_threshold() -> None:
    assert marked_shares(confidence()) == pytest.approx({0.1: 0, 0.3: 0.1, 0.5: 0.1, 0.7: 0.2, 0.9: 0.2})
    assert marked_shares(confidence(), min_score=0.7) == pytest.approx({0.1: 0, 0.3: 0.1, 0.5: 0.1, 0.7: 0.1, 0.9: 0.1})


def test_of_large_pictures_a_part_is_counted() -> None:
    assert marked_shares(confidence(3000, 2000))[0.7] == pytest.approx(0.2, abs=0.005)


def test_advice() -> None:
    shares = '0.1: 0.0 %, 0.3: 10.0 %, 0.5: 10.0 %, 0.7: 20.0 %, 0.9: 20.0 %'
    assert threshold_advice(confidence(), min_score=0) == f'--threshold would mark: {shares}'
    assert threshold_advice(confidence(), min_score=0.9) == f'--min-score 0 --threshold would mark: {shares}'
    assert threshold_advice(np.ones((20, 20), np.float32), min_score=0.9) == ''
    spot = np.ones((100, 100), np.float32)
    spot[0, :3] = 0
    assert '0.5: below 0.1 %' in threshold_advice(spot, min_score=0)
