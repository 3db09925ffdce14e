"""A training that is stopped and resumed ends as one that was never stopped, bit by bit."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path
from typing import Any, Callable

import pytest

from tests.faults.tiny_run import TIMEOUT, MakeRun, Run, assert_same_end, load

HERE = Path(__file__).parent

SIGNALS = (
    signal.SIGTERM,
    pytest.param(signal.SIGINT, marks=pytest.mark.slow),
    pytest.param(signal.SIGKILL, marks=pytest.mark.slow),
)
KILLS = 50


def stop(run: Run, number: signal.Signals, *, iterations: int, whole_group: bool = True) -> int:
    """Start or resume a run, stop it after so many iterations; return its exit code (0: it had ended before)."""
    process = run.start('--auto_resume')
    run.wait_for_iteration(process, iterations)
    if process.poll() is None:
        # As a terminal and a scheduler do: workers get the signal too.
        (os.killpg if whole_group else os.kill)(process.pid, number)
    return process.wait(timeout=TIMEOUT)


@pytest.mark.parametrize('number', SIGNALS)
def test_stopped_run_ends_as_one_never_stopped(number: signal.Signals, make_run: MakeRun) -> None:
    whole, stopped = make_run('whole'), make_run('stopped')
    for run in (whole, stopped):
        run.options['train'] = {**run.options['train'], 'total_iter': 10}
        run.options['train']['phase1_iter'] = 5
    whole.finish()
    code = stop(stopped, number, iterations=7)
    newest = stopped.checkpoints.iterations()[0]
    if number == signal.SIGKILL:
        assert (code, newest) == (-number, 5)
    else:
        assert code == 128 + number
        assert newest >= 7
        assert f'Stopped by signal {int(number)} after iteration {newest}' in stopped.log.read_text()
    output = stopped.finish('--auto_resume')
    assert f'Resuming training from epoch: {newest // 3}, iter: {newest}' in output
    assert_same_end(whole, stopped, 10)


def test_a_finished_run_goes_on_from_its_last_iteration(make_run: MakeRun) -> None:
    """And ends as one that was that long from the beginning; it repeated what followed its last checkpoint."""
    whole, longer = make_run('whole'), make_run('longer')
    for run in (whole, longer):
        run.options['train'] = {**run.options['train'], 'total_iter': 9, 'phase1_iter': 3}
    whole.finish()
    longer.options['train']['total_iter'] = 7
    longer.finish()
    longer.options['train']['total_iter'] = 9
    output = longer.finish('--auto_resume')
    assert 'Resuming training from epoch: 2, iter: 7' in output
    assert 'eta: -1 day' not in output
    assert_same_end(whole, longer, 9)


@pytest.mark.slow
def test_after_too_many_steps_that_were_not_finite_a_lower_rate_helps(make_run: MakeRun) -> None:
    run = make_run('nan', module=[str(HERE / 'diverging_plugin.py')])
    run.options['model_type'] = 'DivergingHCLModel'
    run.options['train'] = {**run.options['train'], 'total_iter': 13, 'max_skipped_steps': 3}
    assert run.start().wait(timeout=TIMEOUT) == 2
    assert '3 steps in a row' in run.log.read_text()
    assert run.checkpoints.iterations() == [10, 5]
    for rate in (1e-3, 1e-4):
        run.options['train']['optim_g'] = {'type': 'Adam', 'lr': rate}
        code = run.start('--auto_resume').wait(timeout=TIMEOUT)
        output = run.log.read_text()
        assert 'The last finite one, 5.state, is taken, with the learning rates' in output
        assert 'Resuming training from epoch: 1, iter: 5' in output
        assert code == (2 if rate == 1e-3 else 0)
    assert "train: optim_g: lr: the file's 0.0001 holds, no longer the state's 0.001, 0.0005" in output
    assert load(run.checkpoints.state_file(13))['steps_left_out'] == 0


@pytest.mark.slow
def test_signal_before_the_first_iteration(make_run: MakeRun) -> None:
    run = make_run()
    process = run.start()
    deadline = time.monotonic() + TIMEOUT
    while 'INFO' not in run.log.read_text() and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=TIMEOUT) in (-signal.SIGTERM, 128 + signal.SIGTERM)
    run.finish('--auto_resume')


@pytest.mark.slow
def test_run_without_a_seed_keeps_the_one_it_drew(make_run: MakeRun) -> None:
    run = make_run()
    del run.options['manual_seed']
    stop(run, signal.SIGTERM, iterations=3)
    saved = run.checkpoints.state_file(run.checkpoints.iterations()[0])
    seed = load(saved)['manual_seed']
    run.finish('--auto_resume')
    assert load(run.checkpoints.state_file(20))['manual_seed'] == seed


@pytest.mark.slow
@pytest.mark.parametrize('damage', ['net_g', 'state', 'net_d'])
def test_damaged_newest_checkpoint_is_passed_over(damage: str, make_run: MakeRun) -> None:
    whole, run = make_run('whole'), make_run('damaged')
    for one in (whole, run):
        one.options['train'] = {**one.options['train'], 'total_iter': 10, 'phase1_iter': 5}
    whole.finish()
    run.finish()
    newest = {'state': run.checkpoints.state_file(10), 'net_g': run.checkpoints.network_file('g', 10),
              'net_d': run.checkpoints.network_file('d', 10)}[damage]  # fmt: skip
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 1  # which torch.load does not notice
    newest.write_bytes(bytes(content))
    output = run.finish('--auto_resume')
    assert f'{newest} is damaged' in output
    assert 'iter: 5.' in output
    assert_same_end(whole, run, 10)


@pytest.mark.slow
def test_fifty_kills(make_run: MakeRun, record_property: Callable[[str, Any], None]) -> None:
    """Killed at fifty random moments, each time resumed: while it starts, trains, saves and validates."""
    whole, killed = make_run('whole'), make_run('killed')
    images = whole.options['datasets']['train']['dataroot_gt']
    for run in (whole, killed):
        run.options['train'] = {**run.options['train'], 'total_iter': 150, 'phase1_iter': 60}
        run.options['train']['scheduler'] = {'type': 'MultiStepLR', 'milestones': [40, 90], 'gamma': 0.5}
        run.options['logger'] = {**run.options['logger'], 'save_checkpoint_freq': 1, 'keep_checkpoints': 3}
        run.options['datasets'] = {**run.options['datasets'], 'val': {
            'name': 'V', 'type': 'BlindCorruptionDataset', 'dataroot_gt': images, 'gt_size': 32, 'max_samples': 4,
            'corruptions': {'constant': 1},
        }}  # fmt: skip
        run.options['val'] = {'val_freq': 7, 'save_img': False, 'metrics': {
            'psnr': {'type': 'calculate_psnr', 'crop_border': 0}}}  # fmt: skip
    whole.finish()
    moments = random.Random(0)
    survived, progress = 0, []
    while survived < KILLS:
        process = killed.start('--auto_resume')
        # Most in the training, at any moment of it, some while the program is still starting.
        if moments.random() < 0.9:
            killed.wait_for_iteration(process, 1)
        time.sleep(moments.uniform(0, 0.6))
        ended = process.poll() is not None
        assert not ended, f'ended before it was killed: {killed.log.read_text()[-2000:]}'
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=TIMEOUT)
        survived += 1
        progress.append(killed.checkpoints.iterations()[0] if killed.checkpoints.iterations() else 0)
        # At no moment is there none that can be used.
        newest = killed.checkpoints.iterations()[:1]
        assert [killed.checkpoints.damage(iteration, ['g', 'd']) for iteration in newest] in ([], [''])
    output = killed.finish('--auto_resume')
    print(f'{survived} kills; newest checkpoint after each: {progress}')
    record_property('kills', survived)
    assert 'is damaged' not in output
    assert progress == sorted(progress)
    assert_same_end(whole, killed, 150)
    left = {path.name for folder in ('models', 'training_states') for path in (killed.experiment / folder).iterdir()}
    assert not [name for name in left if name.endswith('.partial')]
    assert len([name for name in left if name.endswith('.state')]) == 3
