"""Combined masks: the union of the holes of two masks of different kinds."""

from __future__ import annotations

from typing import Callable

import numpy as np
from numpy.typing import NDArray

from hcl_arch.data.masks.free_form_mask import free_form_mask
from hcl_arch.data.masks.hole_maps import fit_share, hole_counts
from hcl_arch.data.masks.line_mask import half_mask
from hcl_arch.data.masks.random_walk_mask import random_walk_mask
from hcl_arch.data.masks.rectangle_mask import rectangle_mask

# The kinds that are combined: `f(size, *, hole_share, rng)`. Lines are not among them: with soft edges they vanish.
COMBINED_GENERATORS: dict[str, Callable[..., NDArray[np.bool_]]] = {
    'free_form': free_form_mask,
    'random_walk': random_walk_mask,
    'rectangles': rectangle_mask,
    'half': half_mask,
}
# Share of the first mask, relative to the target share of the union.
FIRST_PART = (0.3, 0.7)
# How far a single mask's share may be off: exact ones would need pixels along the border.
SPREAD = 0.02
# How often the second mask is drawn if the union misses the range.
MAX_TRIES = 2


def combined_mask(
    size: tuple[int, int], *, hole_share: tuple[float, float], rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Return the union of two masks of two different kinds, drawn at random.

    With t the wanted share and a the first mask's, the second one has (t - a) / (1 - a): the union then has t if the
    two are independent. The second is drawn once more if the union misses the range; if it still does, the union is
    brought into the range along the border of its holes.

    Args:
        size: height and width.
        hole_share: least and largest share of holes in [0, 1]. The result keeps to it; see `hole_maps.hole_counts`.
        rng: source of all randomness.

    Returns:
        (H, W) bool, True = hole.
    """
    kinds = [str(kind) for kind in rng.choice(list(COMBINED_GENERATORS), 2, replace=False)]
    fewest, most = hole_counts(size[0] * size[1], hole_share)
    wanted = rng.uniform(fewest, most) / (size[0] * size[1])
    first = _draw(kinds[0], size, wanted * rng.uniform(*FIRST_PART), rng)
    covered = float(first.mean())
    rest = max(0.0, (wanted - covered) / (1 - covered)) if covered < 1 else 0.0
    for _ in range(MAX_TRIES):
        union = first | _draw(kinds[1], size, rest, rng)
        if fewest <= np.count_nonzero(union) <= most:
            break
    return fit_share(union, hole_share, rng)


def _draw(kind: str, size: tuple[int, int], share: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    span = (max(0.0, share - SPREAD), min(1.0, share + SPREAD))
    return COMBINED_GENERATORS[kind](size, hole_share=span, rng=rng)
