"""Progress: from 0 on, one step at a time, over finding and repairing."""

from __future__ import annotations

from typing import Callable

import numpy as np

from hcl_arch.restoration.restorer import Restorer
from hcl_arch.restoration.stages import Report, Stages


def test_stages_go_on_where_the_one_before_ended() -> None:
    told: list[tuple[int, int]] = []
    stages = Stages(lambda *count: told.append(count))
    for steps in (2, 1):
        report = Report(stages.next(), steps)
        for _ in range(steps):
            report.advance()
    assert told == [(0, 2), (1, 2), (2, 2), (2, 3), (3, 3)]
    assert Stages(None).next() is None


def test_finding_and_repairing_are_told(fake_restorer: Restorer) -> None:
    """The bar stood still while the picture was looked at, which takes most of the time."""
    image = np.random.default_rng(0).random((40, 50, 3), np.float32)
    told: list[tuple[int, int]] = []
    progress: Callable[[int, int], None] = lambda *count: told.append(count)  # noqa: E731
    fake_restorer.find(image, progress=progress)
    assert told == [(0, 1), (1, 1)]
    told.clear()
    fake_restorer.restore(image, threshold=1, min_score=0, progress=progress)
    assert told[:2] == [(0, 1), (1, 1)]
    assert [done for done, _ in told[2:]] == list(range(1, told[-1][1] + 1))
    assert told[-1][0] == told[-1][1] > 1
