"""Bins of hole share, as in the columns of the paper's tables (option ``val.hole_share_bins``)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Optional

from hcl_arch.utils.argument_checks import ArgumentError

Bin = tuple[float, float]
INFINITE = '_infinite'
"""End of a column's name in the file of bins: for how many images the metric before it is infinite."""


def bin_name(span: Bin) -> str:
    """A bin as the paper writes it, in percent.

    >>> bin_name((0.0, 0.3))
    '0-30'
    """
    return f'{100 * span[0]:g}-{100 * span[1]:g}'


def check_bins(bins: Any) -> list[Bin]:
    """Read the option ``val.hole_share_bins``: a list of [least, most] in [0, 1], which may overlap.

    Raises:
        ArgumentError: If it is none.
    """
    try:
        spans = [(float(low), float(high)) for low, high in bins or ()]
    except (TypeError, ValueError):
        spans = [(1.0, 0.0)]
    if not all(0 <= low < high <= 1 for low, high in spans):
        raise ArgumentError(
            'Option val.hole_share_bins', f'must be a list of [least, most] shares in [0, 1], got {bins!r}.'
        )
    return spans


def in_bin(share: Optional[float], span: Bin, bins: Sequence[Bin]) -> bool:
    """Whether a hole share lies in a bin. Its upper limit does too, unless another bin begins there."""
    low, high = span
    if share is None or not low <= share <= high:
        return False
    return share < high or all(other_low != high for other_low, _ in bins)
