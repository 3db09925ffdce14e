"""A photograph open on a page: finding, painted strokes and result."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hcl_arch.commands.app.strokes import Stroke, paint
from hcl_arch.restoration.mask_array import grown
from hcl_arch.restoration.photographs.photograph import Photograph
from hcl_arch.restoration.pixelation import pixelated_regions
from hcl_arch.restoration.restorer import Restorer
from hcl_arch.restoration.result import Restoration
from hcl_arch.restoration.stages import Progress
from hcl_arch.restoration.verdict import corruption_score, find_by


@dataclass
class Job:
    """One photograph at work.

    Attributes:
        name: name of its file.
        photograph: as read, at full size and depth.
        confidence: (H, W) float32, found once.
        score: in [0, 1], score of `confidence` for being corrupted at all.
        threshold, grow: parameters of the mask.
        given: mask from a file of the visitor, (H, W), 255 = corrupted; None: what was found is the mask.
        min_score: with a lower score nothing is marked.
        strokes: brush strokes painted on it.
        restoration: the latest result; None before the first.
        repairs: number of repairs so far.
        lock: held while the mask changes.
    """

    name: str
    photograph: Photograph
    confidence: NDArray[np.float32]
    threshold: float = 0.5
    grow: int = 0
    min_score: float = 0.0
    given: NDArray[np.uint8] | None = None
    strokes: list[Stroke] = field(default_factory=list)
    restoration: Restoration | None = None
    repairs: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    score: float = field(init=False)
    _found: tuple[tuple[float, int, float], NDArray[np.uint8]] | None = field(init=False, default=None, repr=False)

    def __post_init__(self) -> None:
        self.score = corruption_score(self.confidence)

    @property
    def stem(self) -> str:
        """The file's name without its ending."""
        return PurePath(self.name).stem or 'photograph'

    @property
    def weight(self) -> int:
        """Upper bound of the memory used, in bytes."""
        return 3 * self.photograph.pixels.nbytes + 3 * self.confidence.nbytes + len(self.photograph.content)

    def mask(self) -> NDArray[np.uint8]:
        """Return the mask, (H, W), 255 = corrupted: given or thresholded, grown, with the strokes painted on it."""
        if self.given is not None:
            return paint(grown(self.given, self.grow), self.strokes)
        options = self.threshold, self.grow, self.min_score
        if self._found is None or self._found[0] != options:
            threshold, grow, min_score = options
            found = find_by(self.confidence, threshold=threshold, grow=grow, min_score=min_score)
            self._found = options, found.mask
        return paint(self._found[1], self.strokes)

    def set_threshold(self, threshold: float) -> None:
        """Set another threshold; a user who moves it wants to see what it marks, whatever the score and the mask."""
        if threshold != self.threshold:
            self.threshold, self.min_score, self.given = threshold, 0.0, None

    def repair(
        self,
        restorer: Restorer,
        *,
        composite: bool,
        reverse: bool,
        erase: bool = False,
        progress: Progress | None = None,
    ) -> Restoration:
        """Repair with the current mask, without new detection; an empty mask changes nothing.

        What looks pixelated is left as it is the first time: a repair would invent what it hides.
        """
        with self.lock:
            mask, feather = self.mask(), restorer.feather if self.given is None else 0
        pixels = self.photograph.shown
        is_demanded = self.repairs > 0 or self.given is not None or reverse
        left = np.zeros(mask.shape, bool) if is_demanded else pixelated_regions(pixels, mask)
        hole, image = np.where(left, np.uint8(0), mask), pixels.copy()
        if hole.any():
            options: dict[str, Any] = {'composite': composite, 'reverse': reverse, 'erase': erase, 'feather': feather}
            image = restorer.repair(pixels, hole, **options, confidence=self.confidence, progress=progress).image
        self.restoration = Restoration(image, mask, self.confidence, self.score, bool(mask.any()))
        self.restoration.pixelated = float(left.mean())
        self.repairs += 1
        return self.restoration


def share_of(mask: NDArray[np.uint8]) -> float:
    """Share of corrupted pixels of a mask, in [0, 1]."""
    return float(np.count_nonzero(mask)) / mask.size
