"""Counting and noting steps that were left out."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Optional

import pytest
import torch

from hcl_arch.training.step_watch import NonFiniteError, StepWatch


@pytest.fixture
def log_file(tmp_path: Path) -> Path:
    return tmp_path / 'skipped_steps.log'


def watch_of(log_file: Path, *, limit: int = 3, lag: Optional[int] = None) -> StepWatch:
    return StepWatch(limit=limit, log_file=log_file, lag=lag)


def record(watch: StepWatch, iteration: int, *, g: bool = False, d: bool = False, loss: float = 1.0) -> None:
    skipped = {'net_d': torch.tensor(d), 'net_g': torch.tensor(g)}
    losses = {'l_pix': torch.tensor(loss), 'l_gan': torch.tensor(0.5)}
    watch.record(iteration, skipped, losses, [f'{iteration}a.png', f'{iteration}b.png'])


def test_good_steps_leave_nothing(log_file: Path) -> None:
    watch = watch_of(log_file)
    for iteration in range(5):
        record(watch, iteration)
        assert watch.judge() == []
    assert watch.in_a_row == 0
    assert not log_file.exists()


def test_a_line_with_networks_losses_and_images(log_file: Path) -> None:
    watch = watch_of(log_file)
    record(watch, 7, g=True, d=True, loss=math.nan)
    (line,) = watch.judge()
    assert line == 'iteration 7: no step of net_d, no step of net_g; not finite: l_pix; images: 7a.png, 7b.png'
    assert log_file.read_text() == line + '\n'


@pytest.mark.parametrize('loss', [math.nan, math.inf, -math.inf])
def test_bad_losses_are_named(loss: float, log_file: Path) -> None:
    watch = watch_of(log_file)
    record(watch, 7, g=True, loss=loss)
    assert 'not finite: l_pix;' in watch.judge()[0]


def test_gradient_alone(log_file: Path) -> None:
    watch = watch_of(log_file)
    record(watch, 7, g=True)
    (line,) = watch.judge()
    assert line.startswith('iteration 7: no step of net_g; no loss of this process is the cause')
    assert 'net_d' not in line


def test_one_of_two_networks_is_enough(log_file: Path) -> None:
    watch = watch_of(log_file)
    record(watch, 1, d=True)
    assert len(watch.judge()) == 1
    assert watch.in_a_row == 1


def test_a_bad_loss_whose_step_was_taken_is_none(log_file: Path) -> None:
    watch = watch_of(log_file)
    record(watch, 1, loss=math.nan)
    assert watch.judge() == []


def test_counts_in_a_row(log_file: Path) -> None:
    watch = watch_of(log_file)
    counts = []
    for iteration, bad in enumerate([True, True, False, True, False, False, True, True]):
        record(watch, iteration, g=bad)
        watch.judge()
        counts.append(watch.in_a_row)
    assert counts == [1, 2, 0, 1, 0, 0, 1, 2]
    assert log_file.read_text().count('\n') == 5


def test_ends_at_the_limit_with_the_log_written(log_file: Path) -> None:
    watch = watch_of(log_file)
    for iteration in range(2):
        record(watch, iteration, g=True)
        watch.judge()
    record(watch, 2, g=True, loss=math.nan)
    with pytest.raises(NonFiniteError) as raised:
        watch.judge()
    message = str(raised.value)
    for part in ('3 steps in a row', 'iteration 2', 'l_pix', '2a.png', str(log_file), 'max_skipped_steps'):
        assert part in message
    assert [line.split(':')[0] for line in log_file.read_text().splitlines()] == [f'iteration {i}' for i in range(3)]


def test_limit_of_one(log_file: Path) -> None:
    watch = watch_of(log_file, limit=1)
    record(watch, 0, g=True)
    with pytest.raises(NonFiniteError):
        watch.judge()


def test_lag(log_file: Path) -> None:
    watch = watch_of(log_file, lag=2, limit=9)
    judged = []
    for iteration in range(5):
        record(watch, iteration, g=True)
        judged.append([line.split(':')[0] for line in watch.judge()])
    assert judged == [[], [], ['iteration 0'], ['iteration 1'], ['iteration 2']]
    rest = [line.split(':')[0] for line in watch.judge(all_of_them=True)]
    assert rest == ['iteration 3', 'iteration 4']
    assert watch.judge(all_of_them=True) == []


def test_the_limit_counts_only_steps_that_are_judged(log_file: Path) -> None:
    watch = watch_of(log_file, lag=2, limit=2)
    for iteration in range(3):
        record(watch, iteration, g=True)
        watch.judge()
    record(watch, 3, g=True)
    with pytest.raises(NonFiniteError, match='2 steps in a row .* iteration 1:'):
        watch.judge()


def test_good_steps_that_follow_do_not_hide_the_limit(log_file: Path) -> None:
    """On a GPU several steps are judged at once, here all of them before a checkpoint."""
    watch = watch_of(log_file, lag=8, limit=3)
    for iteration, bad in enumerate([True, True, True, False]):
        record(watch, iteration, g=bad)
        assert watch.judge() == []
    with pytest.raises(NonFiniteError, match='3 steps in a row .* iteration 2:'):
        watch.judge(all_of_them=True)
    assert log_file.read_text().count('\n') == 3


def test_bad_steps_of_two_judgings_are_in_a_row(log_file: Path) -> None:
    watch = watch_of(log_file, limit=3)
    record(watch, 0, g=True)
    record(watch, 1, g=True)
    watch.judge()
    for iteration, bad in ((2, True), (3, False)):
        record(watch, iteration, g=bad)
    with pytest.raises(NonFiniteError, match='3 steps in a row .* iteration 2:'):
        watch.judge()


def test_interrupted_rows_are_below_the_limit(log_file: Path) -> None:
    watch = watch_of(log_file, lag=8, limit=3)
    for iteration, bad in enumerate([True, True, False, True, True]):
        record(watch, iteration, g=bad)
    assert len(watch.judge(all_of_them=True)) == 4
    assert watch.in_a_row == 2


def test_a_folder_that_is_not_there_is_made(tmp_path: Path) -> None:
    log_file = tmp_path / 'experiments' / 'run' / 'skipped_steps.log'
    watch = watch_of(log_file)
    record(watch, 5, g=True)
    watch.judge()
    assert log_file.read_text().startswith('iteration 5')


def test_a_log_that_cannot_be_written_ends_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / 'run').touch()
    log_file = tmp_path / 'run' / 'skipped_steps.log'
    watch = watch_of(log_file, limit=2)
    record(watch, 5, g=True)
    (line,) = watch.judge()
    error = capsys.readouterr().err
    assert f'{log_file} cannot be written' in error
    assert line in error
    record(watch, 6, g=True)
    with pytest.raises(NonFiniteError, match='2 steps in a row'):
        watch.judge()


def test_without_a_log_file() -> None:
    watch = StepWatch(limit=1, log_file=None)
    record(watch, 5, g=True)
    with pytest.raises(NonFiniteError) as raised:
        watch.judge()
    assert 'lists them' not in str(raised.value)


def test_flags_are_those_of_the_time_of_the_step(log_file: Path) -> None:
    watch, loss = watch_of(log_file, lag=1), torch.tensor(math.nan)
    watch.record(0, {'net_g': torch.tensor(True)}, {'l_pix': loss}, ['a.png'])
    loss.fill_(1)
    assert 'not finite: l_pix' in watch.judge(all_of_them=True)[0]


def test_number_flags_of_a_loss_scaler(log_file: Path) -> None:
    watch = watch_of(log_file)
    watch.record(0, {'net_g': torch.tensor([1.0])}, {'l_pix': torch.tensor(1.0)}, [])
    assert watch.in_a_row == 0
    watch.judge()
    assert watch.in_a_row == 1


def test_appends_to_the_log_of_an_earlier_run(log_file: Path) -> None:
    log_file.write_text('earlier\n')
    watch = watch_of(log_file)
    record(watch, 5, g=True)
    watch.judge()
    assert log_file.read_text().startswith('earlier\niteration 5')


def test_judged_again_after_the_end(log_file: Path) -> None:
    watch = watch_of(log_file, limit=1)
    record(watch, 0, g=True)
    for _ in range(2):
        with pytest.raises(NonFiniteError):
            watch.judge()
