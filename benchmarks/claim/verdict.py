"""The criterion, written down before any run.

The claim: trained by contrast, a detector generalises better to corruption it has never seen than one trained by
segmentation. P is the segmentation; the arm in question is C (the paper's) and, in a second verdict, B (both losses).

For every test picture there is a score by networks that have seen its kind of corruption and one by the network that
has not; the drop is the difference. Let d be the difference of the drops of the arm in question and of P, u that of
their scores on unseen kinds, both with intervals of 95 %, by bootstrap over seeds and photographs.

Of each measure the arm in question is

    alike   if both intervals lie within +-0.02;
    better  if the interval of d lies below 0, that of u above 0, and d is below 0 in every seed: it loses less, and
            that not because it had less to lose;
    worse   if it is the other way round;
    mixed   if both intervals exclude 0 but disagree: a smaller drop to a lower score, or a larger one to a higher;
    open    otherwise.

The verdict goes by AUC, which needs no threshold; the IoU of the corrupted region, at 0.5, at Otsu's threshold and at
the threshold best on seen kinds, can only restrict it. The claim is

    supported       if the arm is better in AUC and worse in no IoU;
    contradicted    if it is worse in AUC and better in no IoU;
    of no matter    if it is alike in AUC and neither better nor worse in any IoU;
    not supported   if it is mixed in AUC;
    undecided       otherwise.

There is no verdict if the mean AUC on seen kinds is below 0.7 for P or the arm in question (one of them has not
learned), or if less than all seeds are there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

from .drops import Interval, Table, Transfer, interval_of
from .evaluation import MEASURES

Judgement = Literal['alike', 'better', 'worse', 'mixed', 'open']

OF_NO_MATTER = 0.02
LEAST_LEARNED = 0.7
_MAIN = 'auc'
_CLAIM = 'that contrast generalises better than segmentation to corruption never seen'


class Difference(NamedTuple):
    """How an arm differs from P in one measure."""

    drop: Interval
    unseen: Interval
    seed_drops: tuple[float, ...]
    """Differences of the drops of each seed."""

    @property
    def judgement(self) -> Judgement:
        """See the criterion."""
        ends = (self.drop.low, self.drop.high, self.unseen.low, self.unseen.high)
        if all(abs(end) <= OF_NO_MATTER for end in ends):
            return 'alike'
        drop, unseen = _side(self.drop), _side(self.unseen)
        if drop < 0 < unseen and max(self.seed_drops) < 0:
            return 'better'
        if unseen < 0 < drop and min(self.seed_drops) > 0:
            return 'worse'
        return 'mixed' if drop * unseen > 0 else 'open'


def difference(arm: Transfer, pixels: Transfer) -> Difference:
    """Compare an arm with P, picture by picture."""
    both = arm.minus(pixels)
    return Difference(interval_of(both.drop), interval_of(both.unseen), seed_means(both.drop))


def seed_means(table: Table) -> tuple[float, ...]:
    """The mean of every seed."""
    return tuple(float(mean) for mean in table.mean(axis=1))


def verdict(differences: Mapping[str, Difference], learned: Mapping[str, float]) -> str:
    """Say what follows for the claim, in a sentence.

    Args:
        differences: by measure.
        learned: mean AUC on seen kinds of P and of the arm in question, by their names.
    """
    unlearned = [f'{name} {auc:.3f}' for name, auc in learned.items() if auc < LEAST_LEARNED]
    if unlearned:
        return f'No verdict: AUC on seen kinds is below {LEAST_LEARNED} ({", ".join(unlearned)}).'
    judged = {name: one.judgement for name, one in differences.items()}
    main, ious = judged[_MAIN], [judgement for name, judgement in judged.items() if name != _MAIN]
    if main == 'better' and 'worse' not in ious:
        return f'The claim {_CLAIM} is supported.'
    if main == 'worse' and 'better' not in ious:
        return f'The claim {_CLAIM} is contradicted.'
    if main == 'alike' and not {'better', 'worse'} & set(ious):
        return f'The claim {_CLAIM} is of no matter here: they do so alike, within {OF_NO_MATTER}.'
    if main == 'mixed':
        smaller = differences[_MAIN].drop.mean < 0
        drop, score = ('smaller', 'lower') if smaller else ('larger', 'higher')
        return f'The claim {_CLAIM} is not supported: the drop is {drop}, but to a {score} score.'
    listed = '; '.join(f'{MEASURES.get(name, name)}: {judgement}' for name, judgement in judged.items())
    return f'The claim {_CLAIM} is undecided ({listed}).'


def _side(interval: Interval) -> int:
    """-1 or 1 if the interval lies below or above 0, else 0."""
    return (interval.low > 0) - (interval.high < 0)
