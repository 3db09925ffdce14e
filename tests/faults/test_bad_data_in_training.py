"""Images that cannot be read, and numbers that are not finite, in a training by workers."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.tiny_run import TIMEOUT, MakeRun

HERE = Path(__file__).parent


def damage(images: Path, count: int) -> list[Path]:
    """Cut images short."""
    damaged = sorted(images.glob('*.png'))[:count]
    for image in damaged:
        image.write_bytes(image.read_bytes()[:60])
    return damaged


def test_unreadable_images_are_skipped_and_listed(make_run: MakeRun) -> None:
    run = make_run()
    damaged = damage(Path(run.options['datasets']['train']['dataroot_gt']), 2)
    run.options['datasets']['train']['max_unreadable_share'] = 0.25
    run.options['train'] = {**run.options['train'], 'total_iter': 8}
    run.finish()
    lines = (run.experiment / 'unreadable_images.log').read_text().splitlines()
    assert sorted(line.split('\t')[0] for line in lines) == [str(image) for image in damaged]
    assert all('expected an image' in line for line in lines)


@pytest.mark.parametrize('prefetch', [None, pytest.param('cpu', marks=pytest.mark.slow)])
def test_too_many_unreadable_images_are_an_error(prefetch: str | None, make_run: MakeRun) -> None:
    run = make_run()
    damaged = damage(Path(run.options['datasets']['train']['dataroot_gt']), 8)
    run.options['datasets']['train'].update(max_unreadable_share=0.25, prefetch_mode=prefetch)
    code = run.start().wait(timeout=TIMEOUT)
    output = run.log.read_text()
    assert code == 2, output[-3000:]
    message = output[output.index('hcl-train: error: ') :]
    assert any(message.startswith(f'hcl-train: error: {image}: ') for image in damaged)
    assert 'max_unreadable_share: 0.25 allows for 3' in message  # of 12 samples
    assert 'unreadable_images.log lists them' in message
    assert 'Traceback' not in message


@pytest.mark.slow
def test_every_image_unreadable(make_run: MakeRun) -> None:
    run = make_run()
    damage(Path(run.options['datasets']['train']['dataroot_gt']), 10)
    run.options['datasets']['train']['max_unreadable_share'] = 1.0
    assert run.start().wait(timeout=TIMEOUT) == 2
    assert 'samples in a row cannot be read' in run.log.read_text()


@pytest.mark.parametrize('processes', [2, pytest.param(1, marks=pytest.mark.slow)])
def test_steps_that_are_not_finite_are_left_out_in_all_processes(processes: int, make_run: MakeRun) -> None:
    """In iterations 3 and 4 an image of the last process is NaN."""
    run = make_run(module=[str(HERE / 'nan_plugin.py')], processes=processes)
    run.options['model_type'] = 'NaNHCLModel'
    run.options['datasets']['train'].update(batch_size_per_gpu=4 // processes, num_worker_per_gpu=0)
    run.options['train'] = {**run.options['train'], 'total_iter': 8}
    run.finish()
    lines = (run.experiment / 'skipped_steps.log').read_text().splitlines()
    assert len(lines) == 2 * processes
    for iteration in (3, 4):
        own = [line for line in lines if line.startswith(f'iteration {iteration}: no step of net_d, no step of net_g;')]
        assert len(own) == processes
        assert sum('not finite: ' in line and 'l_pix_refined' in line for line in own) == 1
        assert sum('no loss of this process is the cause' in line for line in own) == processes - 1
        assert all('.png' in line for line in own)
    digests = [set((run.folder / f'digests_{rank}.txt').read_text().splitlines()) for rank in range(processes)]
    assert all(digest == digests[0] for digest in digests)
    by_iteration = dict(line.split() for line in sorted(digests[0]))
    assert by_iteration['2'] == by_iteration['3'] == by_iteration['4'] != by_iteration['5']


@pytest.mark.slow
def test_too_many_of_them_in_a_row_end_the_training(make_run: MakeRun) -> None:
    run = make_run(module=[str(HERE / 'nan_plugin.py')])
    run.options['model_type'] = 'NaNHCLModel'
    run.options['train'] = {**run.options['train'], 'total_iter': 8, 'max_skipped_steps': 2}
    code = run.start().wait(timeout=TIMEOUT)
    output = run.log.read_text()
    assert code == 2, output[-3000:]
    assert 'hcl-train: error: 2 steps in a row had a loss or a gradient that is not finite' in output
    assert run.checkpoints.iterations() == [4]
    assert run.checkpoints.damage(4, ['g', 'd']) == ''
    assert 'iter: 4.' in run.finish('--auto_resume')
