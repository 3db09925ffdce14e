"""What a model finds in spoiled pictures, as `hcl-restore` would have it look."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any, Callable, Optional

import numpy as np

from .canvas import Mask, Picture, Spoiled
from .degradations import degraded
from .kinds import generator
from .photographs import Case
from .scores import Tallies, Tally

Seen = Callable[[Case, Spoiled, Mask], None]
"""Called with each case under the first degradation, picture and truth, and the mask found."""


def found_mask(restorer: Any, image: Picture) -> Mask:
    """The mask that a :class:`hcl_arch.Restorer` repairs by when it is given an image and nothing else."""
    find = getattr(restorer, 'find', None)
    mask = find(image).mask if find is not None else restorer.mask_of(restorer.detect(image))
    return np.asarray(mask) > 0


def evaluate(
    restorer: Any,
    cases: Iterable[Case],
    load: Callable[[Case], Spoiled],
    degradations: Sequence[str],
    *,
    seed: int = 0,
    seen: Optional[Seen] = None,
) -> Tallies:
    """Let a model look at every case under every degradation.

    Args:
        restorer: See `found_mask`.
        cases: In any order; a progress bar may stand around them.
        load: Gives the spoiled picture of a case.
        degradations: Names, see `degraded`.
        seed: Of the noise.
        seen: Gets what the sheet shows.
    """
    tallies: Tallies = {}
    for case in cases:
        sample = load(case)
        row = tallies.setdefault(case.kind, {name: Tally() for name in degradations})
        for number, name in enumerate(degradations):
            shown = degraded(name, sample, generator(seed, f'{name} of {case.kind}', case.number))
            start = time.perf_counter()
            found = found_mask(restorer, shown.picture)
            row[name].add(found, shown.mask, time.perf_counter() - start)
            if seen is not None and number == 0:
                seen(case, shown, found)
    return tallies
