"""Several kinds of corruption in one picture."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np

from hcl_arch.data.corruptions.everyday.spoiled import Materials, Spoil, Spoiled
from hcl_arch.data.corruptions.hole_contents import Truth


def spoil_twice(truth: Truth, first: Spoil, second: Spoil, materials: Materials, rng: np.random.Generator) -> Spoiled:
    """Spoil an image, then spoil the result once more.

    The second kind takes the first kind's image as its truth. The target is the first kind's; a second kind that
    returns its own target (a faded print) is left out, since it would be undefined what to restore the first kind's
    corruption to.

    Args:
        truth: the true image.
        first: what is done to it first.
        second: what is done to the result.
        materials: see `Materials`.
        rng: source of all randomness.

    Returns:
        The second kind's image; the union of both corrupted areas; the first kind's truth.
    """
    once = first(truth, materials, rng)
    twice = second(Truth(once.image, truth.identity), materials, rng)
    if twice.truth is not None:
        return once
    return Spoiled(twice.image, once.corrupted | twice.corrupted, once.truth)


def spoil_in_turn(truth: Truth, kinds: Sequence[Spoil], materials: Materials, rng: np.random.Generator) -> Spoiled:
    """Spoil an image by several kinds, each on top of those before: see `spoil_twice`."""
    spoil, *others = kinds
    for other in others:
        spoil = functools.partial(_twice, spoil, other)
    return spoil(truth, materials, rng)


def _twice(first: Spoil, second: Spoil, truth: Truth, materials: Materials, rng: np.random.Generator) -> Spoiled:
    return spoil_twice(truth, first, second, materials, rng)
