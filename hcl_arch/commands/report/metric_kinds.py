"""Properties of metrics: which direction is better, how many digits are printed."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Optional

Better = Literal['higher', 'lower']

_STAGE = re.compile(r'(?P<base>.+)_s(?P<stage>\d+)')


@dataclass(frozen=True)
class MetricKind:
    """A metric of the file paper_tables.yml."""

    key: str
    label: str
    better: Better
    digits: int
    """Digits behind the point."""
    columns: tuple[str, ...]
    """Names that result files have for it."""


def kind_of(column: str, kinds: Sequence[MetricKind]) -> Optional[MetricKind]:
    """The kind of a result file's column, by its name, also as `<name>_<more>`; None if it is unknown."""
    fitting = [
        (len(name), kind) for kind in kinds for name in kind.columns if column == name or column.startswith(f'{name}_')
    ]
    return max(fitting, key=lambda pair: pair[0])[1] if fitting else None


def split_stage(column: str) -> Optional[tuple[str, int]]:
    """Metric and stage of a column such as `mask_f1_s1` -> ('mask_f1', 1); None if it has no stage."""
    match = _STAGE.fullmatch(column)
    return (match['base'], int(match['stage'])) if match else None


def format_value(value: Optional[float], digits: Optional[int]) -> str:
    """A figure as printed: `digits` decimals, or 4 significant digits if None; `-` for a missing one."""
    if value is None or math.isnan(value):
        return '-'
    if math.isinf(value):
        return 'inf' if value > 0 else '-inf'
    return f'{value:.4g}' if digits is None else f'{value:.{digits}f}'


def best_of(values: Sequence[Optional[float]], better: Optional[Better]) -> Optional[float]:
    """The best of the unrounded figures; None if they are all equal or the direction is unknown."""
    known = [value for value in values if value is not None and not math.isnan(value)]
    if better is None or len(set(known)) < 2:
        return None
    return max(known) if better == 'higher' else min(known)
