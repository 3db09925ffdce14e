"""A sheet of repairs: the picture as it was spoiled, its blind repair, and the photograph as it was."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from .canvas import Picture
from .photographs import Case
from .repairs import BEFORE, BLIND, psnr
from .sheet import fitted, in_rows, labelled


class RepairSheet:
    """Collects strips of three pictures."""

    def __init__(self, shown: Sequence[Case]) -> None:
        self._wanted = set(shown)
        self._strips: list[Picture] = []

    def add(self, case: Case, truth: Picture, pictures: Mapping[str, Picture]) -> None:
        """Take a case up, if it is one of those to show."""
        if case not in self._wanted:
            return
        texts = {
            BEFORE: f'{case.kind} {psnr(pictures[BEFORE], truth):.1f} dB',
            BLIND: f'{psnr(pictures[BLIND], truth):.1f} dB',
        }
        cells = [labelled(fitted(pictures[way]), text) for way, text in texts.items()]
        self._strips.append(np.concatenate([*cells, fitted(truth)], axis=1))

    def picture(self) -> Picture:
        """The sheet.

        Raises:
            ValueError: If there is nothing on it.
        """
        return in_rows(self._strips)
