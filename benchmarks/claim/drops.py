"""Drops from seen to unseen corruption, paired picture by picture, and their bootstrap intervals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .design import FAMILIES, KINDS

RESAMPLES = 10_000
LEVEL = 0.95

Table = NDArray[np.float64]
"""(seeds, images): means over kinds of a family, then over families."""


def shown(number: float) -> str:
    """Three digits, and no minus before 0."""
    return f'{round(number, 3) + 0.0:.3f}'


class Interval(NamedTuple):
    """A mean and where it would lie with other seeds and photographs."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        """Such as `0.123 [0.100, 0.150]`."""
        return f'{shown(self.mean)} [{shown(self.low)}, {shown(self.high)}]'


class Transfer(NamedTuple):
    """Scores of an arm on the same pictures, once seen in training and once not; see `transfer_of`."""

    seen: Table
    unseen: Table

    @property
    def drop(self) -> Table:
        """What is lost on a kind if it is left out of the training."""
        return self.seen - self.unseen

    def minus(self, other: Transfer) -> Transfer:
        """The difference of two arms, picture by picture."""
        return Transfer(self.seen - other.seen, self.unseen - other.unseen)


def transfer_of(scores: Mapping[tuple[str, int], NDArray[np.float64]], families: tuple[str, ...] = ()) -> Transfer:
    """Pair the scores of an arm.

    A picture with corruption of family f is measured by the networks that were trained with f (seen: the mean over
    them) and by the one that was trained without (unseen). Pictures, corruption and weights to start from are the same,
    so that nothing but the training's kinds differs.

    Args:
        scores: by left-out family and seed, (kinds, images).
        families: that count; all if none are named.
    """
    seeds = sorted({seed for _, seed in scores})
    seen, unseen = [], []
    for family in families or tuple(FAMILIES):
        rows = [KINDS.index(kind) for kind in FAMILIES[family]]
        others = [left_out for left_out in FAMILIES if left_out != family]
        unseen.append([scores[family, seed][rows].mean(axis=0) for seed in seeds])
        seen.append([
            np.mean([scores[other, seed][rows].mean(axis=0) for other in others], axis=0) for seed in seeds
        ])  # fmt: skip
    return Transfer(np.mean(seen, axis=0), np.mean(unseen, axis=0))


def interval_of(table: Table, *, resamples: int = RESAMPLES, level: float = LEVEL) -> Interval:
    """Bootstrap the mean of a table by drawing seeds and, independently of them, photographs with replacement.

    All pictures of a photograph (its kinds, its seeds) are drawn together. The ends are percentiles. Of three seeds the
    spread is known badly, so the criterion looks at each of them, too.

    Args:
        table: (seeds, images).
        resamples: how often is drawn.
        level: share of the resamples that lie within.
    """
    seeds, images = table.shape
    rng = np.random.default_rng(0)
    seed_weights = rng.multinomial(seeds, np.full(seeds, 1 / seeds), size=resamples) / seeds
    image_weights = rng.multinomial(images, np.full(images, 1 / images), size=resamples) / images
    means = ((seed_weights @ table) * image_weights).sum(axis=1)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(table.mean()), float(low), float(high))
