"""Two kinds of corruption in one picture."""

from __future__ import annotations

import numpy as np

from hcl_arch.data.corruptions.everyday.spoiled import Materials, Spoil, Spoiled
from hcl_arch.data.corruptions.hole_contents import Truth


def spoil_twice(truth: Truth, first: Spoil, second: Spoil, materials: Materials, rng: np.random.Generator) -> Spoiled:
    """Spoil an image and then once more what came out of it.

    The second kind takes the first one's image for its truth. The picture to be restored is the first one's; a second
    kind that returns another one (a print that it has faded) is left out, since nothing would tell what the first
    one's corruption is to be restored to.

    Args:
        truth: the true image.
        first: what is done to it first.
        second: what is done to the result.
        materials: see `Materials`.
        rng: source of all randomness.

    Returns:
        The second's image; corrupted is what either of them corrupted; the first one's truth.
    """
    once = first(truth, materials, rng)
    twice = second(Truth(once.image, truth.identity), materials, rng)
    if twice.truth is not None:
        return once
    return Spoiled(twice.image, once.corrupted | twice.corrupted, once.truth)
