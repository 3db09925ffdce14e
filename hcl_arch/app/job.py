"""A photograph that is open on a page: what was found, what was painted, what came out."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import PurePath

import numpy as np
from numpy.typing import NDArray

from hcl_arch.app.strokes import Stroke, paint
from hcl_arch.restoration.photograph import Photograph
from hcl_arch.restoration.restoration import Restoration
from hcl_arch.restoration.restorer import Restorer


@dataclass
class Job:
    """One photograph at work.

    Attributes:
        name: of its file.
        photograph: as read, at full size and depth.
        confidence: (H, W) float32, found once.
        threshold, grow: what the mask is made with.
        strokes: what is painted on it.
        restoration: the latest; None before the first.
        repairs: how many there were.
    """

    name: str
    photograph: Photograph
    confidence: NDArray[np.float32]
    threshold: float = 0.5
    grow: int = 0
    strokes: list[Stroke] = field(default_factory=list)
    restoration: Restoration | None = None
    repairs: int = 0

    @property
    def stem(self) -> str:
        """The file's name without its ending."""
        return PurePath(self.name).stem or 'photograph'

    @property
    def weight(self) -> int:
        """Bytes that this takes, at most."""
        return 2 * self.photograph.pixels.nbytes + 3 * self.confidence.nbytes

    def mask(self, restorer: Restorer) -> NDArray[np.uint8]:
        """Return the mask, (H, W), 255 = corrupted: of the threshold, grown, with the strokes on it."""
        found = restorer.mask_of(self.confidence, threshold=self.threshold, grow=self.grow)
        return paint(found, self.strokes)

    def repair(self, restorer: Restorer, *, composite: bool, reverse: bool) -> Restoration:
        """Repair with the mask as it is now, without finding anything anew."""
        self.restoration = restorer.repair(self.photograph.pixels, self.mask(restorer), composite=composite,
                                           reverse=reverse, confidence=self.confidence)
        self.repairs += 1
        return self.restoration


def share_of(mask: NDArray[np.uint8]) -> float:
    """Share of corrupted pixels of a mask, in [0, 1]."""
    return float(np.count_nonzero(mask)) / mask.size
