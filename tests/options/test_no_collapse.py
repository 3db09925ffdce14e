"""No option file's training collapses: each runs in small, with all of its losses, and ends better than it began.

The table of it is what the tests print, `pytest -m slow -rP tests/options/test_no_collapse.py`.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from tests.docs.test_documented_trainings import _logger_as_before  # noqa: F401  (a fixture)
from tests.options.option_files import TRAININGS, read
from tests.options.short_training import ITERATIONS, Trained, shorten, train_shortly, write_pictures

MOST_RATIO = 1.0
"""From here on the discriminator says more of what the image becomes than the truth does: not for long."""
MOST_SATURATED = 0.25
# Of the iterations, one after the other, whose figures are averaged.
AVERAGED = 15

pytestmark = pytest.mark.slow


def collapse(trained: Trained, *, adversarial: bool) -> list[str]:
    """All that has gone wrong in a training; nothing if it is sound."""
    after, log = trained.after, trained.log
    wrong = []
    if trained.skipped or not after.finite or not all(np.isfinite(values).all() for values in log.values()):
        wrong.append(f'not finite: {trained.skipped} steps left out')
    if trained.restores and after.saturated > MOST_SATURATED:
        wrong.append(f'saturated: {after.saturated:.0%} of the values')
    if trained.restores and after.psnr <= trained.input_psnr:
        wrong.append(f'no better than the input: {after.psnr:.2f} dB after {trained.input_psnr:.2f} dB')
    if not trained.restores:
        first, last = (float(np.mean(log['losses/l_mask'][part])) for part in (slice(AVERAGED), slice(-AVERAGED, None)))
        if last >= first:
            wrong.append(f'the mask loss does not fall: {first:.3f} to {last:.3f}')
        if after.auc <= max(0.5, trained.before.auc):
            wrong.append(f'the mask does not improve: AUC {trained.before.auc:.3f} to {after.auc:.3f}')
    if adversarial and (ratio := lasting(log['r_gan_pix'])) > MOST_RATIO:
        wrong.append(f'the adversarial loss outweighs the pixels: ratio {ratio:.2f}')
    return wrong


def lasting(values: Sequence[float]) -> float:
    """The greatest mean of so many values in succession."""
    return float(np.convolve(values, np.full(AVERAGED, 1 / AVERAGED), mode='valid').max())


def row(name: str, trained: Trained) -> str:
    """A training's line of the table."""
    before, after, ratios = trained.before, trained.after, trained.log.get('r_gan_pix')
    psnrs = [trained.input_psnr, before.psnr, after.psnr] if trained.restores else [None] * 3
    cells = [
        name,
        *('-' if value is None else f'{value:.2f}' for value in psnrs),
        f'{before.auc:.2f} to {after.auc:.2f}',
        *([f'{ratios[-1]:.3f}', f'{max(ratios):.3f}'] if ratios else ['-', '-']),
        f'{trained.seconds:.0f}',
    ]
    return f'| {" | ".join(cells)} |'


@pytest.fixture(scope='module', autouse=True)
def _head_of_the_table() -> None:
    """Print it before the first case."""
    head = [
        'option file', 'PSNR input', 'PSNR before', 'PSNR after', 'mask AUC', 'last r_gan_pix', 'greatest r_gan_pix',
        'CPU seconds',
    ]  # fmt: skip
    print(f'| {" | ".join(head)} |\n|{"---|" * len(head)}')


@pytest.fixture(scope='module')
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the pictures that all learn from."""
    folder = tmp_path_factory.mktemp('pictures')
    write_pictures(folder)
    return folder


@pytest.mark.parametrize('name', TRAININGS)
def test_no_collapse(name: str, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = shorten(copy.deepcopy(read(name)), pictures)
    trained = train_shortly(options, tmp_path, monkeypatch)
    print(row(name, trained))
    adversarial = 'gan_opt' in options['train']
    # TensorBoard shows the ratio of every iteration that restores.
    restoring = ITERATIONS - options['train'].get('detector_iter', 0)
    assert len(trained.log.get('r_gan_pix', [])) == (restoring if adversarial else 0)
    assert collapse(trained, adversarial=adversarial) == []


def test_a_collapse_is_seen(pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the same training whose penalty is on the slope of the mean score, as textbooks have it, not of the sum."""
    options = shorten(copy.deepcopy(read('train_hcl_places')), pictures)
    options['train']['gan_opt']['penalty_of'] = 'mean'
    trained = train_shortly(options, tmp_path, monkeypatch)
    print(row('train_hcl_places, wrong', trained))
    wrong = ' '.join(collapse(trained, adversarial=True))
    assert 'no better than the input' in wrong
    assert 'the adversarial loss outweighs the pixels' in wrong
