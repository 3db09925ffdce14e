"""The trainings and tests that the pages tell how to run, run by the same commands with their option files shrunk.

Networks, pictures and iterations are few and small; what the pages say of the files that come of it holds all the same.
That nothing is wrong with the option files as they are is looked at in test_documented_commands.py.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from basicsr.utils import logger as basicsr_logger

from hcl_arch.utils.option_file import read_option_file
from tests.docs.documented_commands import REPOSITORY, all_commands
from tests.docs.workplace import Workplace
from tests.options.test_option_files import SIZE, give_pictures, shrink_network

ITERATIONS = 2
IMAGES = 6  # one for each range of hole shares


def shrunk(options: dict[str, Any], pictures: Path) -> dict[str, Any]:
    """The options with tiny networks, pictures and few iterations."""
    shrink_network(options['network_g'])
    options.get('network_d', {}).update(dim=2)
    for data_set in options['datasets'].values():
        give_pictures(data_set, pictures)
        if 'native_size' in data_set:
            data_set['native_size'] = [SIZE // 2, SIZE]
        data_set.update(gt_size=SIZE, io_backend={'type': 'disk'}, max_samples=IMAGES)
        if 'batch_size_per_gpu' in data_set:
            data_set.pop('max_samples')
            data_set.update(batch_size_per_gpu=2, num_worker_per_gpu=0, prefetch_mode=None)
    for metric in list(options.get('val', {}).get('metrics', {})):
        if metric.startswith(('fid', 'lpips')):
            del options['val']['metrics'][metric]
    if 'train' in options:
        _shorten(options)
    return options


def _shorten(options: dict[str, Any]) -> None:
    train = options['train']
    detector_iter = train.get('detector_iter', 0)
    trains_detector_alone = detector_iter == train['total_iter']
    train.update(total_iter=ITERATIONS, phase1_iter=min(train['phase1_iter'], 1), warmup_iter=-1)
    train['detector_iter'] = ITERATIONS if trains_detector_alone else min(detector_iter, 1)
    if 'periods' in train.get('scheduler', {}):
        train['scheduler'].update(periods=[ITERATIONS], restart_weights=[1])
    for loss in ('perceptual_opt', 'perceptual_coarse_opt'):
        train.pop(loss, None)  # of a large network that would be downloaded
    options['logger'].update(print_freq=1, save_checkpoint_freq=ITERATIONS, use_tb_logger=False)
    options.get('val', {}).update(val_freq=ITERATIONS)


@pytest.fixture(autouse=True)
def _logger_as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A run adds its log file to BasicSR's logger, which outlives it in this process."""
    root = logging.getLogger('basicsr')
    handlers, level, propagate = list(root.handlers), root.level, root.propagate
    monkeypatch.setattr(basicsr_logger, 'initialized_logger', {})
    yield
    for handler in set(root.handlers) - set(handlers):
        handler.close()
    root.handlers[:], root.propagate = handlers, propagate
    root.setLevel(level)


@pytest.fixture
def run_shrunk(workplace: Workplace, image_folder: Callable[..., Path]) -> Callable[[str], None]:
    """Function (start of a documented command) that runs it with shrunk option files."""
    pictures = image_folder(IMAGES, SIZE)
    for source in (REPOSITORY / 'options').rglob('*.yml'):
        target = Path('options') / source.relative_to(REPOSITORY / 'options')
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.name.startswith(('train_', 'test_')):
            target.write_text(yaml.safe_dump(shrunk(read_option_file(source), pictures), sort_keys=False))
        else:
            target.write_bytes(source.read_bytes())

    def run(start: str) -> None:
        (command,) = [command.text for command in all_commands() if command.text.startswith(start)]
        workplace.run(command)

    return run


def assert_tested(name: str) -> None:
    assert list(Path('results', name).glob('*.csv'))
    assert list(Path('results', name).glob('*_bins.csv'))


@pytest.mark.slow
def test_paper(run_shrunk: Callable[[str], None]) -> None:
    """Train, resume, test, test an ablation's file with forced options."""
    run_shrunk('hcl-train -opt options/train_hcl_places.yml --auto_resume')
    assert Path('experiments/train_hcl_places/models/net_g_latest.pth').is_file()
    assert Path(f'experiments/train_hcl_places/training_states/{ITERATIONS}.state').is_file()
    run_shrunk('hcl-train -opt options/train_hcl_places.yml --auto_resume')
    run_shrunk('hcl-test -opt options/test_hcl_places.yml')
    assert_tested('test_hcl_places')


@pytest.mark.slow
def test_packaged_model(run_shrunk: Callable[[str], None]) -> None:
    parts = (
        'train/train_hcl_small_first',
        'train_hcl_small.',
        'train/train_restorer_small',
        'train/train_repair_small',
    )
    for file in parts:
        run_shrunk(f'hcl-train -opt options/{file}')
    assert Path('experiments/train_hcl_small/models/net_g_latest.pth').is_file()
    assert Path('experiments/train_repair_small/models/net_g_latest.pth').is_file()


@pytest.mark.slow
def test_small_comparison(run_shrunk: Callable[[str], None]) -> None:
    run_shrunk('for method in')
    assert_tested('test_small_vcnet')
    run_shrunk('hcl-report --runs options/report_small.yml')
    assert Path('report_small/report.html').is_file()
