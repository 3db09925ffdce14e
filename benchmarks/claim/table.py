"""The results as Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .design import ARMS, FAMILIES, Settings
from .drops import Transfer, interval_of, shown, transfer_of
from .evaluation import MEASURES
from .verdict import Difference, difference, seed_means, verdict

Scores = Mapping[str, Mapping[tuple[str, str, int], NDArray[np.float64]]]
"""By measure, then by arm, left-out family and seed: (kinds, images)."""

BEGIN, END = '<!-- table of benchmarks/claim -->', '<!-- end of the table -->'
UNDER_WAY = 'The runs are under way; there are no figures yet.'


def report(scores: Scores, settings: Settings, holes: float) -> str:
    """Tables and verdicts.

    Args:
        scores: of whole seeds, which may be less than all.
        settings: of all runs.
        holes: mean share of corrupted pixels.
    """
    seeds = sorted({seed for _, _, seed in scores['auc']})
    transfers = {
        measure: {arm: transfer_of(_of_arm(by_run, arm)) for arm in ARMS} for measure, by_run in scores.items()
    }
    differences = {
        arm: {measure: difference(by_arm[arm], by_arm['P']) for measure, by_arm in transfers.items()}
        for arm in ARMS if arm != 'P'
    }  # fmt: skip
    images = transfers['auc']['P'].seen.shape[1]
    about = (
        f'{settings.encoder} encoder, {settings.samples:,} samples a run in batches of {settings.batch}, '
        f'{len(seeds)} of {settings.seeds} seeds, {images} photographs; intervals of 95 %. '
        f'A guess that all is corrupted has an IoU of {holes:.3f}, any guess an AUC of 0.5.'
    )
    lines = [
        about, '', *_score_table(transfers), '', *_difference_table(differences), '', *_family_table(scores), '',
        *_verdicts(differences, transfers['auc'], whole=len(seeds) == settings.seeds),
    ]  # fmt: skip
    return '\n'.join(lines)


def write_into(page: Path, text: str) -> None:
    """Put the report between the marks of a page.

    Raises:
        ValueError: The page has no such marks.
    """
    content = page.read_text('utf-8')
    marked = re.compile(f'{re.escape(BEGIN)}.*?{re.escape(END)}', re.DOTALL)
    if not marked.search(content):
        raise ValueError(f'{page}: expected the lines {BEGIN} and {END}, between which the table belongs.')
    page.write_text(marked.sub(lambda _: f'{BEGIN}\n{text}\n{END}', content), 'utf-8')


def _of_arm(
    by_run: Mapping[tuple[str, str, int], NDArray[np.float64]], arm: str
) -> dict[tuple[str, int], NDArray[np.float64]]:
    return {(left_out, seed): rows for (name, left_out, seed), rows in by_run.items() if name == arm}


def _score_table(transfers: Mapping[str, Mapping[str, Transfer]]) -> list[str]:
    lines = _row('measure', 'arm', 'seen', 'unseen', 'drop', head=True)
    for measure, by_arm in transfers.items():
        for arm, transfer in by_arm.items():
            cells = [interval_of(table) for table in (transfer.seen, transfer.unseen, transfer.drop)]
            lines += _row(MEASURES[measure], f'{arm}: {ARMS[arm].title}', *cells)
    return lines


def _difference_table(differences: Mapping[str, Mapping[str, Difference]]) -> list[str]:
    lines = _row('measure', 'arms', 'difference of the drops', 'in each seed', 'difference on unseen kinds', '',
                 head=True)  # fmt: skip
    for measure in MEASURES:
        for arm, by_measure in differences.items():
            one = by_measure[measure]
            each = ', '.join(shown(drop) for drop in one.seed_drops)
            lines += _row(MEASURES[measure], f'{arm} - P', one.drop, each, one.unseen, one.judgement)
    return lines


def _family_table(scores: Scores) -> list[str]:
    lines = _row('AUC by family', *(f'{arm} {state}' for arm in ARMS for state in ('seen', 'unseen')), head=True)
    for family, kinds in FAMILIES.items():
        cells: list[str] = []
        for arm in ARMS:
            transfer = transfer_of(_of_arm(scores['auc'], arm), (family,))
            cells += [shown(float(table.mean())) for table in (transfer.seen, transfer.unseen)]
        lines += _row(f'{family} ({", ".join(kinds)})', *cells)
    return lines


def _verdicts(
    differences: Mapping[str, Mapping[str, Difference]], aucs: Mapping[str, Transfer], *, whole: bool
) -> Iterable[str]:
    if not whole:
        return ['No verdict yet: seeds are missing.']
    learned = {arm: float(np.mean(seed_means(transfer.seen))) for arm, transfer in aucs.items()}
    return [
        f'- **{arm} against P.** {verdict(by_measure, {name: learned[name] for name in ("P", arm)})}'
        for arm, by_measure in differences.items()
    ]


def _row(*cells: object, head: bool = False) -> list[str]:
    row = '| ' + ' | '.join(map(str, cells)) + ' |'
    return [row, '|' + '---|' * len(cells)] if head else [row]
