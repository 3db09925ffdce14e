"""Drops, their intervals, the criterion and the table of benchmarks/claim, with numbers made by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from claim.design import ARMS, FAMILIES, KINDS, Settings
from claim.drops import Interval, Transfer, interval_of, shown, transfer_of
from claim.evaluation import MEASURES
from claim.table import BEGIN, END, UNDER_WAY, report, write_into
from claim.verdict import Difference, difference, verdict
from numpy.typing import NDArray
from scipy.stats import bootstrap

FAMILY_OF = {kind: family for family, kinds in FAMILIES.items() for kind in kinds}


def made_scores(
    seen: float, unseen: float, *, seeds: int = 1, images: int = 2
) -> dict[tuple[str, int], NDArray[np.float64]]:
    """Scores of an arm that has `seen` on every kind that it sees and `unseen` on the others."""
    rows = {
        left_out: [unseen if FAMILY_OF[kind] == left_out else seen for kind in KINDS] for left_out in FAMILIES
    }  # fmt: skip
    return {
        (left_out, seed): np.repeat(np.array(row)[:, None], images, axis=1)
        for left_out, row in rows.items()
        for seed in range(seeds)
    }


class TestTransfer:
    def test_seen_and_unseen(self) -> None:
        transfer = transfer_of(made_scores(0.9, 0.6, seeds=2, images=3))
        assert transfer.seen == pytest.approx(np.full((2, 3), 0.9))
        assert transfer.unseen == pytest.approx(np.full((2, 3), 0.6))
        assert transfer.drop == pytest.approx(np.full((2, 3), 0.3))

    def test_families_count_alike_and_so_do_kinds_of_a_family(self) -> None:
        scores = made_scores(0.0, 0.0, images=1)
        for left_out in FAMILIES:
            scores[left_out, 0][KINDS.index('graffiti')] = 0.9  # one of three kinds of one of three families
        assert transfer_of(scores).seen == pytest.approx(0.1)
        assert transfer_of(scores).unseen == pytest.approx(0.1)
        assert transfer_of(scores, ('drawn',)).seen == pytest.approx(0.3)
        assert transfer_of(scores, ('flat', 'pasted')).seen == pytest.approx(0)

    def test_seen_is_the_mean_over_the_networks_that_have_seen_the_family(self) -> None:
        scores = made_scores(0.0, 0.0, images=1)
        scores['drawn', 0][KINDS.index('patch')] = 0.6
        scores['flat', 0][KINDS.index('patch')] = 0.2
        scores['pasted', 0][KINDS.index('patch')] = 0.1
        pasted = transfer_of(scores, ('pasted',))  # of two kinds
        assert (float(pasted.seen[0, 0]), float(pasted.unseen[0, 0])) == pytest.approx((0.2, 0.05))

    def test_pictures_and_seeds_stay_apart(self) -> None:
        scores = made_scores(0.5, 0.5, seeds=2, images=2)
        for left_out in FAMILIES:
            scores[left_out, 1][:, 0] = 0.7
        assert transfer_of(scores).seen == pytest.approx(np.array([[0.5, 0.5], [0.7, 0.5]]))


class TestInterval:
    def test_of_equal_numbers_is_a_point(self) -> None:
        assert interval_of(np.full((3, 5), 0.25)) == pytest.approx((0.25, 0.25, 0.25))

    def test_of_one_seed_equals_scipys(self) -> None:
        numbers = np.random.default_rng(1).gamma(2.0, 0.1, 60)
        ours = interval_of(numbers[None])
        drawn = bootstrap((numbers,), np.mean, method='percentile', n_resamples=10_000, random_state=2)
        expected = drawn.confidence_interval
        assert ours.mean == pytest.approx(numbers.mean())
        assert (ours.low, ours.high) == pytest.approx((expected.low, expected.high), abs=0.002)

    def test_draws_seeds_too(self) -> None:
        """Of two seeds both draws are the first in a quarter of the resamples, and the second in another."""
        table = np.array([[0.2] * 4, [0.6] * 4])
        assert interval_of(table) == pytest.approx((0.4, 0.2, 0.6))
        assert interval_of(table, level=0.4) == pytest.approx((0.4, 0.4, 0.4))

    def test_draws_a_photograph_with_all_its_seeds(self) -> None:
        """Photographs that differ as much in every seed: more seeds do not make the interval narrower."""
        row = np.random.default_rng(0).normal(0, 1, 50)
        one, many = interval_of(row[None]), interval_of(np.repeat(row[None], 20, axis=0))
        assert many.high - many.low == pytest.approx(one.high - one.low, rel=0.05)

    def test_pairs(self) -> None:
        """What photographs have in common goes out of the difference of two arms."""
        common = np.random.default_rng(0).normal(0, 1, (1, 80))
        arm, pixels = (Transfer(common + shift, np.zeros((1, 80))) for shift in (0.1, 0.3))
        assert interval_of(arm.minus(pixels).drop) == pytest.approx((-0.2, -0.2, -0.2))
        assert interval_of(arm.drop).high - interval_of(arm.drop).low > 0.3

    def test_text(self) -> None:
        assert str(Interval(0.1234, -0.0001, 0.25)) == '0.123 [0.000, 0.250]'
        assert shown(-0.0006) == '-0.001'


def between(low: float, high: float) -> Interval:
    return Interval((low + high) / 2, low, high)


@pytest.mark.parametrize(
    ('drop', 'unseen', 'seeds', 'judgement'),
    [
        ((-0.09, -0.03), (0.03, 0.09), (-0.05, -0.06, -0.07), 'better'),
        ((-0.09, -0.03), (0.03, 0.09), (-0.15, -0.06, 0.01), 'open'),  # not in every seed
        ((-0.09, 0.01), (0.03, 0.09), (-0.05, -0.06, -0.07), 'open'),
        ((-0.09, -0.03), (-0.01, 0.09), (-0.05, -0.06, -0.07), 'open'),
        ((0.03, 0.09), (-0.09, -0.03), (0.05, 0.06, 0.07), 'worse'),
        ((0.03, 0.09), (-0.09, -0.03), (0.15, 0.06, -0.01), 'open'),
        ((-0.09, -0.03), (-0.09, -0.03), (-0.05, -0.06, -0.07), 'mixed'),  # less to lose
        ((0.03, 0.09), (0.03, 0.09), (0.05, 0.06, 0.07), 'mixed'),
        ((-0.02, 0.02), (-0.02, 0.02), (0.0, 0.0, 0.0), 'alike'),
        ((-0.02, -0.01), (0.01, 0.02), (-0.01, -0.01, -0.01), 'alike'),  # of no matter, however certain
        ((-0.021, 0.02), (-0.02, 0.02), (0.0, 0.0, 0.0), 'open'),
    ],
)
def test_judgement(
    drop: tuple[float, float], unseen: tuple[float, float], seeds: tuple[float, ...], judgement: str
) -> None:
    assert Difference(between(*drop), between(*unseen), seeds).judgement == judgement


JUDGED = {
    'better': Difference(between(-0.09, -0.03), between(0.03, 0.09), (-0.06,)),
    'worse': Difference(between(0.03, 0.09), between(-0.09, -0.03), (0.06,)),
    'mixed': Difference(between(-0.09, -0.03), between(-0.09, -0.03), (-0.06,)),
    'alike': Difference(between(-0.01, 0.01), between(-0.01, 0.01), (0.0,)),
    'open': Difference(between(-0.09, 0.09), between(-0.09, 0.09), (0.0,)),
}


@pytest.mark.parametrize(
    ('auc', 'ious', 'words'),
    [
        ('better', ('better', 'open', 'mixed'), 'is supported.'),
        ('better', ('better', 'worse', 'better'), 'is undecided (AUC: better; a: better; b: worse; c: better).'),
        ('worse', ('open', 'alike', 'worse'), 'is contradicted.'),
        ('worse', ('better', 'worse', 'worse'), 'is undecided'),
        ('alike', ('alike', 'open', 'mixed'), 'is of no matter here: they do so alike, within 0.02.'),
        ('alike', ('better', 'open', 'open'), 'is undecided'),
        ('mixed', ('better', 'better', 'better'), 'is not supported: the drop is smaller, but to a lower score.'),
        ('open', ('better', 'better', 'better'), 'is undecided'),
    ],
)
def test_verdict(auc: str, ious: tuple[str, ...], words: str) -> None:
    differences = {'auc': JUDGED[auc], **{name: JUDGED[iou] for name, iou in zip('abc', ious)}}
    assert words in verdict(differences, {'P': 0.7, 'C': 0.9})


def test_no_verdict_on_what_has_not_learned() -> None:
    said = verdict({'auc': JUDGED['better']}, {'P': 0.8, 'C': 0.699})
    assert said == 'No verdict: AUC on seen kinds is below 0.7 (C 0.699).'


def test_difference_is_that_of_the_pictures() -> None:
    arm = Transfer(np.array([[0.9, 0.8], [0.9, 0.8]]), np.array([[0.8, 0.7], [0.8, 0.7]]))
    pixels = Transfer(np.array([[0.9, 0.9], [0.9, 0.7]]), np.array([[0.6, 0.6], [0.7, 0.5]]))
    found = difference(arm, pixels)
    assert found.seed_drops == pytest.approx((-0.2, -0.1))  # 0.1 - 0.3, 0.1 - 0.2
    assert found.drop.mean == pytest.approx(-0.15)
    assert found.unseen.mean == pytest.approx(0.15)


class TestReport:
    @staticmethod
    def scores(seeds: int) -> dict[str, dict[tuple[str, str, int], NDArray[np.float64]]]:
        """P loses 0.3 and C 0.1 in AUC, B as much as P; in IoU all are alike."""
        made = {'P': (0.9, 0.6), 'C': (0.8, 0.7), 'B': (0.9, 0.6)}
        return {
            measure: {
                (arm, *key): rows
                for arm in ARMS
                for key, rows in made_scores(*(made[arm] if measure == 'auc' else (0.5, 0.4)), seeds=seeds).items()
            }
            for measure in MEASURES
        }

    def test_whole(self) -> None:
        lines = report(self.scores(3), Settings(samples=3200), 0.3).splitlines()
        assert lines[0].startswith('conv encoder, 3,200 samples a run in batches of 16, 3 of 3 seeds, 2 photographs;')
        assert 'all is corrupted has an IoU of 0.300' in lines[0]
        tell = '0.800 [0.800, 0.800] | 0.700 [0.700, 0.700] | 0.100 [0.100, 0.100] |'
        assert f'| AUC | C: contrast, clusters | {tell}' in lines
        tell = '-0.200 [-0.200, -0.200] | -0.200, -0.200, -0.200 | 0.100 [0.100, 0.100] | better |'
        assert f'| AUC | C - P | {tell}' in lines
        assert sum(line.endswith('| alike |') for line in lines) == 7
        assert '| pasted (patch, faces) | 0.900 | 0.600 | 0.800 | 0.700 | 0.900 | 0.600 |' in lines
        claim = 'The claim that contrast generalises better than segmentation to corruption never seen'
        assert lines[-2:] == [
            f'- **C against P.** {claim} is supported.',
            f'- **B against P.** {claim} is of no matter here: they do so alike, within 0.02.',
        ]

    def test_there_is_no_verdict_before_all_seeds(self) -> None:
        lines = report(self.scores(2), Settings(), 0.3).splitlines()
        assert '2 of 3 seeds' in lines[0]
        assert lines[-1] == 'No verdict yet: seeds are missing.'

    def test_page(self, tmp_path: Path) -> None:
        page = tmp_path / 'page.md'
        page.write_text(f'# Results\n\n{BEGIN}\n{UNDER_WAY}\n{END}\n\nMore.\n')
        for text in (r'| a \1 |', '| b |'):
            write_into(page, text)
            assert page.read_text() == f'# Results\n\n{BEGIN}\n{text}\n{END}\n\nMore.\n'
        page.write_text('# Results\n')
        with pytest.raises(ValueError, match='expected the lines'):
            write_into(page, 'text')
