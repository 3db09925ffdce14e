"""Progress of a work of several stages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Optional

Progress = Callable[[int, int], None]
"""Called with the number of finished steps and of all steps that are known so far."""


class Stages:
    """Reports stages as one work: each goes on where the one before ended, and adds to the number of all steps.

    Args:
        progress: Who is told; None: nobody.
    """

    def __init__(self, progress: Optional[Progress]) -> None:
        self._progress = progress
        self._total = 0

    def next(self) -> Optional[Progress]:
        """Who is told of the next stage's steps, which are counted from 0."""
        if self._progress is None:
            return None
        told, before = self._progress, self._total

        def report(done: int, total: int) -> None:
            self._total = before + total
            told(before + done, before + total)

        return report


class Report:
    """Counts finished steps and tells how many there are, from 0 on.

    Args:
        progress: Who is told; None: nobody.
        total: Number of all steps.
    """

    def __init__(self, progress: Optional[Progress], total: int) -> None:
        self._progress, self._done, self._total = progress, 0, total
        self._tell()

    def advance(self) -> None:
        """One more is finished."""
        self._done += 1
        self._tell()

    def _tell(self) -> None:
        if self._progress is not None:
            self._progress(self._done, self._total)
