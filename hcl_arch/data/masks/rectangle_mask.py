"""Rectangle masks: one or several upright rectangles."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from hcl_arch.data.masks.hole_maps import hole_counts, set_hole_count

# Number of planned rectangles; overlaps are compensated by further ones.
RECTANGLES = (1, 5)
MAX_RECTANGLES = 30
# Height divided by width; drawn evenly on a logarithmic scale.
ASPECT = (1 / 3, 3.0)
# The target counts as reached within this share of the image, which avoids the smallest rectangles.
TOLERANCE = 0.005


def rectangle_mask(
    size: tuple[int, int], *, hole_share: tuple[float, float], rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Return random rectangles as holes; the border of the image may cut them.

    A target share is drawn uniformly from the range and divided at random among one to five rectangles. If these
    overlap, further ones make up the missing share. In a very narrow range, and at shares near 1, the last pixels are
    added along the border.

    Args:
        size: height and width.
        hole_share: least and largest share of holes in [0, 1]. The result keeps to it; see `hole_maps.hole_counts`.
        rng: source of all randomness.

    Returns:
        (H, W) bool, True = hole.
    """
    holes = np.zeros(size, bool)
    fewest, most = hole_counts(holes.size, hole_share)
    target = int(rng.integers(fewest, most + 1))
    close = target - int(TOLERANCE * holes.size)
    planned = int(rng.integers(RECTANGLES[0], RECTANGLES[1] + 1))
    parts = target * rng.dirichlet(np.full(planned, 2.0))
    covered = 0
    for number in range(MAX_RECTANGLES):
        if covered >= close:
            break
        missing = target - covered
        area = min(parts[number], missing) if number < planned - 1 else missing
        holes[_random_rectangle(size, area, rng)] = True
        covered = int(np.count_nonzero(holes))
    return set_hole_count(holes, max(covered, close, fewest), rng)


def _random_rectangle(size: tuple[int, int], area: float, rng: np.random.Generator) -> tuple[slice, slice]:
    """Return a rectangle of about `area` pixels, cut at the border; a large one may exceed the aspect."""
    aspect = math.exp(rng.uniform(math.log(ASPECT[0]), math.log(ASPECT[1])))
    # If a rectangle is as wide as the image, its other side must be long enough for the area.
    height = min(max(math.sqrt(area * aspect), area / size[1]), size[0])
    rows = max(1, int(height))
    columns = min(max(1, int(area / rows)), size[1])
    # Any pixel may be the centre, so the border of the image is covered as often as its middle.
    top, left = int(rng.integers(size[0])) - rows // 2, int(rng.integers(size[1])) - columns // 2
    return slice(max(top, 0), top + rows), slice(max(left, 0), left + columns)
