"""The three ways in: BasicSR's own scripts with a `plugin:` line, our commands, and Python.

Each trains a tiny network for four iterations (two of each phase), resumes and tests.
"""

from __future__ import annotations

import copy
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable

import pytest
import torch
import yaml
from basicsr.archs import build_network
from basicsr.data import build_dataloader, build_dataset
from basicsr.models import build_model
from basicsr.utils.options import parse_options

from hcl_arch.commands.basicsr_run import OptionFileError, check_option_file, run_pipeline

# The line with which an option file loads the package in BasicSR's own scripts.
PLUGIN_LINE = 'plugin: !!python/name:hcl_arch.__version__\n'

NETWORK: dict[str, Any] = {
    'type': 'HCLNet',
    'dim': 8,
    'encoder_depths': [2, 2, 2],
    'proj_dim': 8,
    'refiner': {'type': 'HCLRefineNet', 'dim': 4, 'dim_mults': [1, 2, 2]},
}
TRAINING: dict[str, Any] = {
    'phase1_iter': 2,
    'total_iter': 4,
    'optim_g': {'type': 'Adam', 'lr': 1e-4},
    'optim_d': {'type': 'Adam', 'lr': 1e-4},
    'scheduler': {'type': 'MultiStepLR', 'milestones': [100], 'gamma': 0.5},
    'pixel_opt': {'type': 'L1Loss', 'loss_weight': 1.0},
    'contrastive_opt': {'type': 'HCLContrastiveLoss', 'loss_weight': 0.1},
    'classifier_opt': {'loss_weight': 1.0},
    'gan_opt': {'type': 'HCLWGANGPLoss', 'loss_weight': 1.0, 'penalty_weight': 10.0},
}
VALIDATION: dict[str, Any] = {
    'val_freq': 4,
    'save_img': True,
    'metrics': {
        'psnr': {'type': 'calculate_psnr', 'crop_border': 0, 'test_y_channel': False},
        'mask_accuracy': {'type': 'calculate_mask_accuracy'},
    },
}


@pytest.fixture
def dataset(image_folder: Callable[..., Path]) -> dict[str, Any]:
    """Options of a data set of four images; `name` is up to the user of it."""
    return {
        'type': 'BlindCorruptionDataset',
        'dataroot_gt': str(image_folder(4, 32, name='truth', seed=1)),
        'dataroot_noise': str(image_folder(4, 32, name='noise', seed=2)),
        'gt_size': 32,
        'corruptions': {'patch': 1, 'constant': 1},
        'masks': {'free_form': 1},
        'hole_share': [0.2, 0.5],
    }


@pytest.fixture
def training_options(dataset: dict[str, Any]) -> dict[str, Any]:
    """Options of a training run of four iterations."""
    loader = {'batch_size_per_gpu': 2, 'num_worker_per_gpu': 0, 'use_shuffle': True}
    return {
        'name': 'tiny',
        'model_type': 'HCLModel',
        'num_gpu': 0,
        'manual_seed': 0,
        'datasets': {'train': {'name': 'T', **dataset, **loader}, 'val': {'name': 'V', **dataset}},
        'network_g': NETWORK,
        'network_d': {'type': 'HCLPatchDiscriminator', 'dim': 8},
        'path': {'resume_state': None},
        'train': TRAINING,
        'val': VALIDATION,
        'logger': {'print_freq': 1, 'save_checkpoint_freq': 2, 'use_tb_logger': True},
    }


@pytest.fixture
def longer_options(training_options: dict[str, Any]) -> dict[str, Any]:
    """The same run, two iterations longer: something to resume."""
    return {**training_options, 'train': {**TRAINING, 'total_iter': 6}}


@pytest.fixture
def testing_options(dataset: dict[str, Any]) -> dict[str, Any]:
    """Options that test the network of the training run, saved in the working directory."""
    return {
        'name': 'tiny_test',
        'model_type': 'HCLModel',
        'num_gpu': 0,
        'manual_seed': 0,
        'datasets': {'test': {'name': 'V', **dataset}},
        'network_g': NETWORK,
        'path': {'pretrain_network_g': 'experiments/tiny/models/net_g_4.pth'},
        'val': VALIDATION,
    }


def write_options(file: Path, options: dict[str, Any], *, head: str = '') -> Path:
    """Write an option file: the text `head`, then the options."""
    file.write_text(head + yaml.safe_dump(copy.deepcopy(options), sort_keys=False))
    return file


def run(*command: Any, cwd: Path, pythonpath: list[Path]) -> str:
    """Run a command that has to succeed; return what it printed, errors included."""
    # One thread: two that wait for each other by spinning make a busy machine some ten times slower.
    environment = {**os.environ, 'PYTHONPATH': os.pathsep.join(map(str, pythonpath)), 'OMP_NUM_THREADS': '1'}
    result = subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout
    return result.stdout


def assert_trained(root: Path) -> None:
    """Check what four iterations leave under `root`: checkpoints, validation images, a TensorBoard file."""
    experiment = root / 'experiments' / 'tiny'
    for name in ('net_g_4.pth', 'net_d_4.pth', 'net_g_latest.pth'):
        assert (experiment / 'models' / name).is_file()
    for iteration in (2, 4):
        assert (experiment / 'training_states' / f'{iteration}.state').is_file()
    assert list((experiment / 'visualization').rglob('*.png'))
    assert list((root / 'tb_logger' / 'tiny').glob('events.*'))


def assert_resumed(root: Path, output: str) -> None:
    """Check that the run under `root` went on from iteration 4 to 6, in its own folder."""
    assert 'iter: 4.' in output
    assert 'Resuming training' in output
    assert [folder.name for folder in (root / 'experiments').iterdir()] == ['tiny']
    assert (root / 'experiments' / 'tiny' / 'training_states' / '6.state').is_file()


def assert_tested(root: Path, output: str) -> None:
    """Check that the four images were restored and measured."""
    assert '# psnr:' in output
    assert '# mask_accuracy:' in output
    images = list((root / 'results' / 'tiny_test' / 'visualization').rglob('*.png'))
    assert len({image.stem[:3] for image in images}) == 4


def test_scripts_of_basicsr(
    master_checkout: Path,
    repository: Path,
    tmp_path: Path,
    training_options: dict[str, Any],
    longer_options: dict[str, Any],
    testing_options: dict[str, Any],
) -> None:
    """Way (a): master's unmodified scripts, with the `plugin:` line and this repository on the path."""
    checkout = tmp_path / 'checkout'  # a copy, because the scripts write beside their package
    shutil.copytree(master_checkout / 'basicsr', checkout / 'basicsr')
    elsewhere = tmp_path / 'elsewhere'
    elsewhere.mkdir()
    train_file = write_options(tmp_path / 'train.yml', training_options, head=PLUGIN_LINE)
    longer_file = write_options(tmp_path / 'longer.yml', longer_options, head=PLUGIN_LINE)
    test_file = write_options(tmp_path / 'test.yml', testing_options, head=PLUGIN_LINE)

    path = [checkout, repository]
    run(sys.executable, 'basicsr/train.py', '-opt', train_file, cwd=checkout, pythonpath=path)
    assert_trained(checkout)
    script = checkout / 'basicsr' / 'train.py'
    output = run(sys.executable, script, '-opt', longer_file, '--auto_resume', cwd=elsewhere, pythonpath=path)
    assert_resumed(checkout, output)
    output = run(sys.executable, 'basicsr/test.py', '-opt', test_file, cwd=checkout, pythonpath=path)
    assert_tested(checkout, output)


@pytest.mark.slow
def test_scripts_of_basicsr_run_the_demo(
    master_checkout: Path, repository: Path, tmp_path: Path, image_folder: Callable[..., Path]
) -> None:
    """Way (a) with the demo's own option files, as they are but for the number of iterations."""
    checkout = tmp_path / 'checkout'
    shutil.copytree(master_checkout / 'basicsr', checkout / 'basicsr')
    (checkout / 'datasets').mkdir()
    (image_folder(4, 128, name='demo_source')).rename(checkout / 'datasets' / 'source')
    for split in ('train', 'val', 'val_noise'):
        shutil.copytree(checkout / 'datasets' / 'source', checkout / 'datasets' / 'demo' / split)
    few = ['train:total_iter=3', 'train:detector_iter=1', 'train:phase1_iter=2', 'logger:print_freq=1']

    path = [checkout, repository]
    train_file, test_file = (repository / 'options' / f'{phase}_hcl_demo.yml' for phase in ('train', 'test'))
    train = [sys.executable, 'basicsr/train.py', '-opt', train_file, '--force_yml', *few]
    assert 'l_pix_refined' in run(*train, cwd=checkout, pythonpath=path)
    output = run(sys.executable, 'basicsr/test.py', '-opt', test_file, cwd=checkout, pythonpath=path)
    assert output.count('# corrupted_iou:') == 3
    for kind in ('constant', 'noise', 'patch'):
        assert (checkout / 'results' / 'test_hcl_demo' / f'{kind}.csv').is_file()


def test_commands(
    repository: Path,
    tmp_path: Path,
    training_options: dict[str, Any],
    longer_options: dict[str, Any],
    testing_options: dict[str, Any],
) -> None:
    """Way (b): `hcl-train`, `hcl-test` and `python -m hcl_arch.train` with the installed BasicSR."""
    train_file = write_options(tmp_path / 'train.yml', training_options)
    longer_file = write_options(tmp_path / 'longer.yml', longer_options)
    test_file = write_options(tmp_path / 'test.yml', testing_options)

    run(installed_command('hcl-train'), '-opt', train_file, cwd=tmp_path, pythonpath=[])
    assert_trained(tmp_path)
    module = [sys.executable, '-m', 'hcl_arch.train']
    output = run(*module, '-opt', longer_file, '--auto_resume', cwd=tmp_path, pythonpath=[repository])
    assert_resumed(tmp_path, output)
    output = run(installed_command('hcl-test'), '-opt', test_file, cwd=tmp_path, pythonpath=[])
    assert_tested(tmp_path, output)


def installed_command(name: str) -> Path:
    """Path of a command of this environment; skips the test if the package is not installed."""
    command = Path(sys.executable).parent / name
    if not command.is_file():
        pytest.skip(f'{name} is not installed here: run `make setup`')
    return command


def test_python(training_options: dict[str, Any]) -> None:
    """Way (c): after `import hcl_arch`, BasicSR's builders know our types."""
    network = build_network(NETWORK).eval()
    with torch.no_grad():
        restored = network(torch.rand(1, 3, 32, 32))
    assert restored.shape == (1, 3, 32, 32)

    options = {**training_options, 'is_train': True, 'dist': False, 'rank': 0, 'world_size': 1}
    train_set = build_dataset({**options['datasets']['train'], 'phase': 'train'})
    loader = build_dataloader(train_set, {**options['datasets']['train'], 'phase': 'train'}, num_gpu=0, seed=0)
    model = build_model(options)
    model.feed_data(next(iter(loader)))
    model.optimize_parameters(1)
    log = model.get_current_log()
    assert {'l_pix_refined', 'l_contrastive_0', 'l_classifier', 'l_g_gan', 'l_d_penalty'} <= set(log)
    assert all(math.isfinite(value) for value in log.values())


class TestMistakesOfTheUser:
    """What a mistake in the option file ends with."""

    @pytest.mark.parametrize(
        ('text', 'message'),
        [
            (None, r'option file .*options.yml does not exist \(working directory: '),
            ('just words', 'must hold `key: value` lines, got str'),
            ('a: [', 'options.yml cannot be read: .*'),
            ('plugin: !!python/name:no_such_module.x', r'options.yml cannot be read: line 1.*no_such_module'),
            ('name: x', r'problems in the options:(?s:.*)\n  path: is missing'),
            ('path:', r'(?s:.*)\n  path: '),
            ('path: {resume_state: ~, root: ~}', r'(?s:.*)\n  path: root: '),
        ],
    )
    def test_unusable_option_file(self, text: str | None, message: str, tmp_path: Path) -> None:
        file = tmp_path / 'options.yml'
        if text is not None:
            file.write_text(text)
        with pytest.raises(OptionFileError, match=message):
            check_option_file(['-opt', str(file)])

    @pytest.mark.parametrize('form', ['-opt {}', '-opt={}', '-op {}', '--force_yml a=b -opt {}', '-opt x -opt {}'])
    def test_file_is_read_safely_however_it_is_named(self, form: str, tmp_path: Path) -> None:
        file = tmp_path / 'options.yml'
        file.write_text(f'a: !!python/object/apply:os.mkdir ["{tmp_path}/made"]')
        with pytest.raises(OptionFileError, match='python/object/apply'):
            check_option_file(form.format(file).split())
        assert not (tmp_path / 'made').exists()

    def test_folder_named_on_the_command_line(self, tmp_path: Path, training_options: dict[str, Any]) -> None:
        file = write_options(tmp_path / 'options.yml', {**training_options, 'path': {'root': None}})
        with pytest.raises(OptionFileError, match='path: root'):
            check_option_file(['-opt', str(file), '--force_yml', 'train:total_iter=9'])
        check_option_file(['-opt', str(file), '--force_yml', 'path:root=here', 'train:total_iter=9'])

    @pytest.mark.parametrize(
        ('entry', 'message'),
        [
            ('nosuch:key=1', 'has no section `nosuch`'),
            ('train:total_iter:x=5', 'has no section `train: total_iter`'),
            ('a', 'expected an entry such as'),
            ('train:total_iter==5', 'expected an entry such as'),
            ('a"]=5', 'expected an entry such as'),
            ('train:total_iter=[5', 'the value cannot be read'),
            ('train:total_iter=!!floatx', 'the value cannot be read'),
            ('path=1', 'path: '),
            ('name=~', 'name: '),
            ('datasets=none', 'datasets: '),
            ('logger=~', 'logger: '),
        ],
    )
    def test_forced_option(self, entry: str, message: str, tmp_path: Path, training_options: dict[str, Any]) -> None:
        file = write_options(tmp_path / 'options.yml', training_options)
        with pytest.raises(OptionFileError, match=message):
            check_option_file(['-opt', str(file), '--force_yml', entry])

    def test_ends_with_one_line(
        self, capsys: pytest.CaptureFixture[str], tmp_path: Path, training_options: dict[str, Any]
    ) -> None:
        def pipeline(root: str) -> None:
            raise FileNotFoundError(f'no folder of images under {root}')

        file = write_options(tmp_path / 'options.yml', training_options)
        with pytest.raises(SystemExit) as raised:
            run_pipeline(pipeline, command='hcl-train', arguments=['-opt', str(file)])
        assert raised.value.code == 2
        assert capsys.readouterr().err == f'hcl-train: error: no folder of images under {Path.cwd()}\n'

    def test_arguments_that_basicsr_does_not_know(self, tmp_path: Path, training_options: dict[str, Any]) -> None:
        """`--local-rank` is what `python -m torch.distributed.launch` hands over."""
        seen: list[list[str]] = []
        file = str(write_options(tmp_path / 'options.yml', training_options))
        given = ['--local-rank=1', '-opt', file, '--reset_schedule', '--force_yml', 'name=other', '--launcher', 'none']
        run_pipeline(lambda root: seen.append(sys.argv[1:]), command='hcl-train', arguments=given)
        assert seen == [[
            '-opt', file, '--force_yml', 'name=other', '--launcher', 'none',
            '--force_yml', 'name=other', 'reset_schedule=true',
        ]]  # fmt: skip
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, 'argv', ['hcl-train', *seen[0]])
            opt, _ = parse_options(str(tmp_path), is_train=True)
        assert (opt['name'], opt['reset_schedule']) == ('other', True)

    def test_a_test_has_no_schedule(self, tmp_path: Path, training_options: dict[str, Any]) -> None:
        seen: list[list[str]] = []
        file = str(write_options(tmp_path / 'options.yml', training_options))
        arguments = ['-opt', file, '--local-rank', '0', '--reset_schedule']
        run_pipeline(lambda root: seen.append(sys.argv[1:]), command='hcl-test', arguments=arguments)
        assert seen == [['-opt', file, '--reset_schedule']]  # which BasicSR's parser refuses

    def test_debugging_keeps_the_traceback(self) -> None:
        def pipeline(root: str) -> None:
            raise FileNotFoundError

        with pytest.raises(FileNotFoundError):
            run_pipeline(pipeline, command='hcl-train', arguments=['--debug'])

    def test_a_bug_keeps_its_traceback(self) -> None:
        def pipeline(root: str) -> None:
            raise KeyError('bug')

        with pytest.raises(KeyError, match='bug'):
            run_pipeline(pipeline, command='hcl-train', arguments=[])
