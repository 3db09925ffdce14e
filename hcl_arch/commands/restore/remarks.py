"""Remarks on a mask that marks nothing, or so much that it may be a mistake."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hcl_arch.restoration.result import Restoration
from hcl_arch.restoration.threshold_advice import threshold_advice
from hcl_arch.restoration.verdict import unusual_share


def remarks_on_finding(restoration: Restoration, min_score: float) -> list[str]:
    """Remark on what the model has found; with what other thresholds would mark.

    Args:
        restoration: The result.
        min_score: The least score of pictures in which anything is marked.
    """
    remarks = []
    if restoration.pixelated:
        share = f'{100 * restoration.pixelated:.1f} % of the picture is pixelated'
        remarks = [f'{share}, marked but left as it is; --repair-pixelated repairs it']
    unusual = unusual_share(float((restoration.mask > 0).mean()))
    if restoration.found and unusual is None:
        return remarks
    advice = threshold_advice(restoration.confidence, min_score=min_score)
    return [*remarks, *(text for text in (unusual, advice) if text)]


def remarks_on_mask(mask: NDArray[np.uint8]) -> list[str]:
    """Remark on a mask of the user's, (H, W), nonzero = corrupted."""
    if not mask.any():
        return ['the mask marks nothing']
    unusual = unusual_share(float((mask > 0).mean()))
    return [unusual] if unusual else []
