"""Draw a name by weight."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np


def choose_by_weight(weights: Mapping[str, float], rng: np.random.Generator) -> str:
    """Return one of the names, each with the probability weight / sum of the weights.

    Args:
        weights: name -> weight; none negative, at least one positive.
        rng: source of the one number drawn.
    """
    names = [name for name, weight in weights.items() if weight > 0]
    ends = np.cumsum([weights[name] for name in names])
    chosen = int(np.searchsorted(ends, rng.random() * ends[-1], side='right'))
    # Rounding can push the product to the very end of the last interval.
    return names[min(chosen, len(names) - 1)]
