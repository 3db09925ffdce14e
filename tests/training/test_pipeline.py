"""What BasicSR's pipelines do otherwise: resuming, guarded training sets, seeds, checked options."""

from __future__ import annotations

import copy
import logging
import os
import subprocess
import sys
import types
from pathlib import Path
from typing import Any, Callable, Optional

import basicsr.data
import basicsr.models
import basicsr.test
import basicsr.train
import basicsr.utils
import pytest
import torch
from basicsr.data.prefetch_dataloader import CPUPrefetcher, CUDAPrefetcher

from hcl_arch.option_checks import problems as option_checks
from hcl_arch.plugin import pipeline
from hcl_arch.plugin.pipeline import OptionsError, check_options, last_epoch, load_resume_state, problems_text
from hcl_arch.training import resumed_schedule
from hcl_arch.training.checkpoints import CheckpointError
from hcl_arch.training.data_order import Position, ResumableSampler
from hcl_arch.training.guarded_dataset import GuardedDataset
from hcl_arch.training.run_lock import RunInUseError
from hcl_arch.training.unreadable_log import TooManyUnreadableError
from hcl_arch.training.worker_signals import WorkerStart

LABELS = 'gd'


@pytest.fixture(autouse=True)
def problems(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is wrong with all options: nothing, as long as nothing is added."""
    result: list[str] = []
    monkeypatch.setattr(option_checks, 'find_problems', lambda opt, **options: result)
    monkeypatch.setattr(option_checks, 'find_structure_problems', lambda opt, **options: [])
    return result


def make_options(root: Path, *, auto_resume: bool = True, resume_state: Optional[str] = None) -> dict[str, Any]:
    """The options that `load_resume_state` reads, for a run saved under `root`."""
    run = root / 'experiments' / 'run'
    return {
        'name': 'run',
        'auto_resume': auto_resume,
        'manual_seed': 11,
        'network_g': {'type': 'HCLNet'},
        'network_d': {'type': 'HCLPatchDiscriminator'},
        'network_x': None,
        'path': {
            'resume_state': resume_state,
            'training_states': str(run / 'training_states'),
            'models': str(run / 'models'),
        },
    }


def save_checkpoint(opt: dict[str, Any], iteration: int, *, labels: str = LABELS, **more: Any) -> Path:
    """Save as BasicSR does, with an optimizer that has made a step and the scheduler that has most to save."""
    parameter = torch.nn.Parameter(torch.ones(2))
    optimizer = torch.optim.Adam([parameter])
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, milestones=[1, 2])
    parameter.sum().backward()
    optimizer.step()
    scheduler.step()
    for label in labels:
        file = Path(opt['path']['models']) / f'net_{label}_{iteration}.pth'
        file.parent.mkdir(parents=True, exist_ok=True)
        torch.save({'params': {'w': torch.ones(100)}}, file)
    file = Path(opt['path']['training_states']) / f'{iteration}.state'
    file.parent.mkdir(parents=True, exist_ok=True)
    states = {'optimizers': [optimizer.state_dict()], 'schedulers': [scheduler.state_dict()]}
    torch.save({'epoch': 0, 'iter': iteration, **states, **more}, file)
    return file


def damage(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-50])


class TestInstall:
    @pytest.fixture
    def script(self, monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
        """A running `basicsr/train.py`: a second module of the same file."""
        script = types.ModuleType('__main__')
        code = (
            'def train_pipeline(root_path): pass\n'
            'def create_train_val_dataloader(opt, logger): pass\n'
            'def init_tb_loggers(opt): pass\n'
            'def build_model(opt): pass\n'
            'class MessageLogger: pass\n'
        )
        exec(code, vars(script))
        vars(script).update(load_resume_state=None, build_dataset=basicsr.data.build_dataset, EnlargedSampler=None,
                            CPUPrefetcher=CPUPrefetcher, CUDAPrefetcher=CUDAPrefetcher)  # fmt: skip
        monkeypatch.setitem(sys.modules, '__main__', script)
        return script

    def test_basicsrs_modules_have_ours(self) -> None:
        assert basicsr.train.load_resume_state is load_resume_state
        assert basicsr.train.EnlargedSampler is ResumableSampler
        assert basicsr.train.build_dataset.__wrapped__ is basicsr.data.build_dataset
        assert not hasattr(basicsr.train.create_train_val_dataloader.__wrapped__, '__wrapped__')
        assert not hasattr(basicsr.train.init_tb_loggers.__wrapped__, '__wrapped__')
        assert basicsr.train.CPUPrefetcher.__bases__ == (CPUPrefetcher,)
        assert basicsr.train.CUDAPrefetcher.__bases__ == (CUDAPrefetcher,)
        assert basicsr.train.build_model.__wrapped__ is basicsr.models.build_model
        assert basicsr.train.MessageLogger.__bases__ == (basicsr.utils.MessageLogger,)
        assert basicsr.test.make_exp_dirs.__wrapped__ is basicsr.utils.make_exp_dirs
        assert basicsr.test.build_dataset is basicsr.data.build_dataset

    def test_twice_changes_nothing(self) -> None:
        before = dict(vars(basicsr.train)), dict(vars(basicsr.test))
        pipeline.install()
        assert (dict(vars(basicsr.train)), dict(vars(basicsr.test))) == before

    def test_running_script(self, script: types.ModuleType) -> None:
        own = dict(vars(script))
        for _ in range(2):
            pipeline.install()
            assert vars(script)['load_resume_state'] is load_resume_state
            assert vars(script)['EnlargedSampler'] is ResumableSampler
            for name in ('create_train_val_dataloader', 'init_tb_loggers'):
                assert vars(script)[name].__wrapped__ is own[name]
            for name in ('CPUPrefetcher', 'CUDAPrefetcher'):
                assert vars(script)[name].__bases__ == (own[name],)
            assert vars(script)['build_dataset'].__wrapped__ is basicsr.data.build_dataset

    def test_running_test_script(self, monkeypatch: pytest.MonkeyPatch) -> None:
        script = types.ModuleType('__main__')
        exec('def test_pipeline(root_path): pass\ndef make_exp_dirs(opt): pass\n', vars(script))
        own = vars(script)['make_exp_dirs']
        monkeypatch.setitem(sys.modules, '__main__', script)
        pipeline.install()
        assert vars(script)['make_exp_dirs'].__wrapped__ is own
        assert 'load_resume_state' not in vars(script)

    @pytest.mark.parametrize('imported', [False, True])
    def test_nothing_is_added_to_another_script(self, imported: bool, monkeypatch: pytest.MonkeyPatch) -> None:
        script = types.ModuleType('__main__')
        if imported:  # as in hcl_arch/train.py
            vars(script)['train_pipeline'] = basicsr.train.train_pipeline
        before = dict(vars(script))
        monkeypatch.setitem(sys.modules, '__main__', script)
        pipeline.install()
        assert vars(script) == before

    def test_no_script_at_all(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delitem(sys.modules, '__main__')
        pipeline.install()

    @pytest.mark.slow
    def test_master(self, master_checkout: Path, repository: Path) -> None:
        # BasicSR is imported first here, as by its own scripts.
        code = (
            'import basicsr.train\n'
            'from hcl_arch.plugin import pipeline\n'
            'print(basicsr.__file__)\n'
            'print(basicsr.train.load_resume_state is pipeline.load_resume_state)'
        )
        environment = {**os.environ, 'PYTHONPATH': os.pathsep.join(map(str, (master_checkout, repository)))}
        done = subprocess.run([sys.executable, '-c', code], env=environment, capture_output=True, text=True, check=True)
        where, verdict = done.stdout.splitlines()[-2:]
        assert Path(where) == master_checkout / 'basicsr' / '__init__.py'
        assert verdict == 'True'


class TestLoadResumeState:
    def test_auto_resume_takes_the_latest_state_from_any_working_directory(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        opt = make_options(tmp_path)
        save_checkpoint(opt, 9)
        latest = save_checkpoint(opt, 10)  # sorts before 9 as text
        (latest.parent / 'note.state').touch()
        (tmp_path / 'elsewhere').mkdir()
        monkeypatch.chdir(tmp_path / 'elsewhere')
        state = load_resume_state(opt)
        assert state is not None
        assert state['iter'] == 10
        assert opt['path']['resume_state'] == str(latest)
        for label in LABELS:
            network = str(tmp_path / 'experiments' / 'run' / 'models' / f'net_{label}_10.pth')
            assert opt['path'][f'pretrain_network_{label}'] == network

    def test_auto_resume_without_a_state_starts_anew(self, tmp_path: Path) -> None:
        opt = make_options(tmp_path)
        before = copy.deepcopy(opt)
        assert load_resume_state(opt) is None
        Path(opt['path']['training_states']).mkdir(parents=True)
        assert load_resume_state(opt) is None
        assert opt == before

    def test_named_state_is_loaded_to_the_cpu(self, tmp_path: Path) -> None:
        named = save_checkpoint(make_options(tmp_path), 3)
        save_checkpoint(make_options(tmp_path), 4)
        opt = make_options(tmp_path, auto_resume=False, resume_state=str(named))
        state = load_resume_state(opt)
        assert state is not None
        assert state['iter'] == 3
        assert state['optimizers'][0]['state'][0]['exp_avg'].device.type == 'cpu'

    @pytest.mark.parametrize('named', [None, ''])
    def test_nothing_named_starts_anew(self, named: Optional[str], tmp_path: Path) -> None:
        opt = make_options(tmp_path, auto_resume=False, resume_state=named)
        save_checkpoint(opt, 3)
        assert load_resume_state(opt) is None
        assert 'resumed_from' not in opt

    def test_state_that_would_run_code_is_refused(self, tmp_path: Path) -> None:
        file, ran = tmp_path / 'bad.state', tmp_path / 'ran'
        torch.save({'iter': 1, 'payload': RunsCode(ran)}, file)
        opt = make_options(tmp_path, auto_resume=False, resume_state=str(file))
        with pytest.raises(CheckpointError, match=rf'{file} is refused: it holds a Python object'):
            load_resume_state(opt)
        assert not ran.exists()

    @pytest.mark.parametrize('content', [{'params': {}}, {'iter': 3, 'epoch': 0}, [1], torch.ones(2)])
    def test_another_file_is_refused(self, content: Any, tmp_path: Path) -> None:
        opt = make_options(tmp_path)
        file = save_checkpoint(opt, 3)
        torch.save(content, file)
        opt = make_options(tmp_path, auto_resume=False, resume_state=str(file))
        with pytest.raises(CheckpointError, match=f'{file}: expected a training state'):
            load_resume_state(opt)

    def test_named_state_of_another_run_is_refused(self, tmp_path: Path) -> None:
        """Its checkpoints and logs would stay with the other run, and --auto_resume would start this one anew."""
        file = save_checkpoint(make_options(tmp_path / 'other'), 3)
        opt = make_options(tmp_path, auto_resume=False, resume_state=str(file))
        with pytest.raises(CheckpointError, match=f'{file}: is no state of this run') as raised:
            load_resume_state(opt)
        for part in (opt['path']['training_states'], '`name`', 'path: pretrain_network_g'):
            assert part in str(raised.value)

    def test_named_state_by_another_path(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        save_checkpoint(make_options(tmp_path), 3)
        (tmp_path / 'link').symlink_to(tmp_path / 'experiments')
        monkeypatch.chdir(tmp_path)
        for path in ('experiments/run/training_states/3.state', 'link/run/../run/training_states/3.state'):
            state = load_resume_state(make_options(tmp_path, auto_resume=False, resume_state=path))
            assert state is not None
            assert state['iter'] == 3

    def test_later_states_than_the_named_one_are_reported(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        opt = make_options(tmp_path)
        files = {iteration: save_checkpoint(opt, iteration) for iteration in (2, 9, 10)}
        for iteration, later in ((2, '10.state'), (9, '10.state'), (10, None)):
            load_resume_state(make_options(tmp_path, auto_resume=False, resume_state=str(files[iteration])))
            error = capsys.readouterr().err
            if later is None:
                assert error == ''
            else:
                assert f'holds later states, up to {later}. --auto_resume will go on from the latest' in error

    def test_named_state_that_is_missing_or_damaged(self, tmp_path: Path) -> None:
        file = tmp_path / '3.state'
        opt = make_options(tmp_path, auto_resume=False, resume_state=str(file))
        with pytest.raises(CheckpointError, match=f'{file} is missing.*path: resume_state'):
            load_resume_state(opt)
        file.write_bytes(save_checkpoint(opt, 3).read_bytes())
        damage(file)
        with pytest.raises(CheckpointError, match=f'{file} is damaged.*path: resume_state'):
            load_resume_state(opt)

    @pytest.mark.parametrize('broken', ['{}.state', 'net_g_{}.pth', 'net_d_{}.pth'])
    def test_damaged_newest_falls_back(self, broken: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        opt = make_options(tmp_path)
        for iteration in (8, 9, 10):
            save_checkpoint(opt, iteration)
        (path,) = Path(tmp_path).rglob(broken.format(10))
        damage(path)
        state = load_resume_state(opt)
        assert state is not None
        assert state['iter'] == 9
        error = capsys.readouterr().err
        assert f'{path} is damaged' in error
        assert error.endswith('the checkpoint before it is taken.\n')
        assert opt['path']['pretrain_network_g'].endswith('net_g_9.pth')

    def test_newest_that_is_not_finite(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """With the old learning rate it would end as it did, so the file's holds."""
        opt = {**make_options(tmp_path), 'train': {'max_skipped_steps': 2}}
        for iteration, left_out in ((4, 0), (5, 0), (7, 2)):
            save_checkpoint(opt, iteration, steps_left_out=left_out)
        state = load_resume_state(opt)
        assert state is not None
        assert (state['iter'], opt['reset_schedule']) == (4, True)
        error = capsys.readouterr().err
        assert '7.state was saved after 2 steps that were not finite\n' in error
        assert 'The last finite one, 4.state, is taken, with the learning rates and the schedule of the option' in error
        opt = {**make_options(tmp_path, auto_resume=False, resume_state=str(tmp_path)), 'train': {}}
        opt['path']['resume_state'] = f'{opt["path"]["training_states"]}/7.state'
        state = load_resume_state(opt)
        assert state is not None
        assert (state['iter'], 'reset_schedule' in opt) == (7, False)

    def test_all_damaged(self, tmp_path: Path) -> None:
        opt = make_options(tmp_path)
        for iteration in (9, 10):
            damage(save_checkpoint(opt, iteration))
        with pytest.raises(CheckpointError, match=r'No checkpoint of this run .*10\.state.*9\.state'):
            load_resume_state(opt)

    def test_networks_that_are_not_resumed_need_not_be_there(self, tmp_path: Path) -> None:
        opt = make_options(tmp_path)
        opt['path']['ignore_resume_networks'] = ['network_d']
        save_checkpoint(opt, 10, labels='g')
        state = load_resume_state(opt)
        assert state is not None
        assert state['iter'] == 10
        assert 'pretrain_network_d' not in opt['path']

    def test_seed_and_position(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        opt = make_options(tmp_path)
        position = Position(10, 1, 2, 8, 4).as_dict()
        save_checkpoint(opt, 10, manual_seed=77, position=position)
        load_resume_state(opt)
        assert opt['manual_seed'] == 77
        assert 'The run goes on with its own `manual_seed: 77`, not with 11.\n' in capsys.readouterr().out
        assert opt['resumed_from'] == {'iter': 10, 'epoch': 0, 'position': position}

    @pytest.mark.parametrize(('rank', 'saved'), [(1, 77), (0, 11)])
    def test_nothing_is_said_about_the_same_seed_or_twice(
        self, rank: int, saved: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        opt = {**make_options(tmp_path), 'rank': rank}
        save_checkpoint(opt, 10, manual_seed=saved)
        load_resume_state(opt)
        assert opt['manual_seed'] == saved
        assert 'manual_seed' not in capsys.readouterr().out

    def test_state_of_basicsr(self, tmp_path: Path) -> None:
        opt = make_options(tmp_path)
        save_checkpoint(opt, 10)
        load_resume_state(opt)
        assert opt['manual_seed'] == 11
        assert opt['resumed_from'] == {'iter': 10, 'epoch': 0}

    @pytest.mark.parametrize('auto_resume', [True, False])
    def test_a_run_that_another_training_writes(
        self, auto_resume: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Checkpoints are not even looked at: the other one may be writing them."""
        named = save_checkpoint(make_options(tmp_path), 3)
        damage(named)

        def lock(folder: Path) -> None:
            raise RunInUseError(str(folder))

        monkeypatch.setattr(pipeline, 'lock_run', lock)
        opt = make_options(tmp_path, auto_resume=auto_resume, resume_state=str(named))
        with pytest.raises(RunInUseError, match=f'^{tmp_path}/experiments/run$'):
            load_resume_state(opt)

    @pytest.mark.parametrize('auto_resume', [True, False])
    def test_options_are_checked_first(self, auto_resume: bool, tmp_path: Path, problems: list[str]) -> None:
        problems.append('train.total_iter: no')
        with pytest.raises(OptionsError, match='a problem in the options:\n  train.total_iter: no'):
            load_resume_state(make_options(tmp_path, auto_resume=auto_resume, resume_state='nowhere'))


def test_basicsrs_own_models_resume_as_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    opt = {
        'model_type': 'SRModel', 'num_gpu': 0, 'dist': False, 'is_train': True, 'path': {},
        'network_g': {'type': 'HCLRefineNet', 'dim': 2, 'dim_mults': [1]},
        'train': {'total_iter': 4, 'optim_g': {'type': 'Adam', 'lr': 1e-3}, 'pixel_opt': {'type': 'L1Loss'},
                  'scheduler': {'type': 'MultiStepLR', 'milestones': [], 'gamma': 0.5}},
    }  # fmt: skip
    lines: list[str] = []
    log = types.SimpleNamespace(warning=lines.append)
    monkeypatch.setattr(resumed_schedule, 'get_root_logger', lambda: log)
    model = basicsr.train.build_model(copy.deepcopy(opt))
    state = {'iter': 2, 'epoch': 0, 'optimizers': [model.optimizer_g.state_dict()],
             'schedulers': [model.schedulers[0].state_dict()]}  # fmt: skip
    opt['train']['optim_g']['lr'] = 1e-4
    for more, rate, words in (({}, 1e-3, "the state's 0.001 goes on"), ({'reset_schedule': True}, 1e-4, 'holds')):
        edited = basicsr.train.build_model(copy.deepcopy({**opt, **more}))
        edited.resume_training(copy.deepcopy(state))
        assert edited.get_current_learning_rate() == [rate]
        assert words in lines[-1]


def test_time_left_is_never_less_than_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """BasicSR's `eta: -1 day, 23:59:59` of the last iteration."""
    opt = {
        'name': 'run', 'train': {'total_iter': 12.0}, 'logger': {'print_freq': 1, 'use_tb_logger': False}, 'rank': 0,
    }  # fmt: skip
    lines: list[str] = []
    logger = basicsr.train.MessageLogger(opt, 0, None)
    monkeypatch.setattr(logger, 'logger', types.SimpleNamespace(info=lines.append))
    logger.start_time -= 60 * 13  # thirteen minutes for twelve iterations and the start
    for iteration in (11, 12):
        logger({'epoch': 0, 'iter': iteration, 'lrs': [0.1], 'time': 60.0, 'data_time': 0.0})
    assert [line.split('eta: ')[1].split(',')[0] for line in lines] == ['0:01:05', '0:00:00']


class RunsCode:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.folder),)


class TestData:
    """`create_train_val_dataloader`, as BasicSR's pipeline calls it."""

    @pytest.fixture
    def opt(self, tmp_path: Path, image_folder: Callable[..., Path]) -> dict[str, Any]:
        """Options of 10 images in batches of 2, with 2 samples an image and epoch."""
        folder = str(image_folder(10, 32))
        dataset = {'name': 'T', 'type': 'BlindCorruptionDataset', 'dataroot_gt': folder, 'dataroot_noise': folder,
                   'gt_size': 32, 'corruptions': {'noise': 1}, 'io_backend': {'type': 'disk'}}  # fmt: skip
        loader = {'batch_size_per_gpu': 2, 'num_worker_per_gpu': 0, 'dataset_enlarge_ratio': 2}
        return {
            'num_gpu': 0, 'dist': False, 'rank': 0, 'world_size': 1, 'manual_seed': 5,
            'datasets': {'train': {**dataset, **loader, 'phase': 'train'}, 'val': {**dataset, 'phase': 'val'}},
            'train': {'total_iter': 100}, 'path': {'log': str(tmp_path)},
        }  # fmt: skip

    @staticmethod
    def create(opt: dict[str, Any]) -> Any:
        return basicsr.train.create_train_val_dataloader(opt, logging.getLogger('test'))

    def batches(self, opt: dict[str, Any], epoch: int) -> list[Any]:
        loader, sampler, *_ = self.create(opt)
        sampler.set_epoch(epoch)
        return [batch['lq'] for batch in loader]

    def test_new_run(self, opt: dict[str, Any], tmp_path: Path) -> None:
        loader, sampler, val_loaders, _, _ = self.create(opt)
        assert opt['position'] == Position(0, 0, 0, 10, 2).as_dict()
        assert isinstance(loader.dataset, GuardedDataset)
        assert loader.dataset.name == "data set 'T'"
        assert not isinstance(val_loaders[0].dataset, GuardedDataset)
        assert (sampler.manual_seed, sampler.start_epoch, sampler.start_sample) == (5, 0, 0)
        assert isinstance(loader.worker_init_fn, WorkerStart)
        assert not isinstance(val_loaders[0].worker_init_fn, WorkerStart)

    @pytest.mark.parametrize(('rank', 'locked'), [(0, 1), (1, 0)])
    def test_the_first_process_takes_the_run(
        self, rank: int, locked: int, opt: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        folders: list[Path] = []
        monkeypatch.setattr(pipeline, 'lock_run', folders.append)
        opt['rank'] = rank
        self.create(opt)
        assert folders == [tmp_path] * locked

    def test_resumed_run_has_the_rest_of_the_epoch(self, opt: dict[str, Any]) -> None:
        whole, following = self.batches(opt, 2), self.batches(opt, 3)
        opt['resumed_from'] = {'iter': 23, 'epoch': 2, 'position': Position(23, 2, 3, 10, 2).as_dict()}
        rest = self.batches(opt, 2)
        assert opt['position'] == Position(23, 2, 3, 10, 2).as_dict()
        assert len(rest) == 7
        assert all(torch.equal(*pair) for pair in zip(rest, whole[3:]))
        assert all(torch.equal(*pair) for pair in zip(self.batches(opt, 3), following))

    def test_larger_batches_than_before(self, opt: dict[str, Any]) -> None:
        whole = torch.cat(self.batches(opt, 2))
        opt['resumed_from'] = {'iter': 24, 'epoch': 2, 'position': Position(24, 2, 4, 10, 2).as_dict()}
        opt['datasets']['train']['batch_size_per_gpu'] = 4
        rest = torch.cat(self.batches(opt, 2))
        assert opt['position'] == Position(24, 2, 2, 6, 4).as_dict()
        # The set reports 12 images now, to be whole batches, so that the order is another one; not so the number.
        assert len(whole) == 20
        assert len(rest) == 24 - 8

    def test_smaller_batches_than_before_leave_enough_epochs(self, opt: dict[str, Any]) -> None:
        # Batches of 10: 2 an epoch, of 100 iterations 50 are done, in epoch 25. Batches of 2: 10 epochs in all.
        opt['resumed_from'] = {'iter': 50, 'epoch': 25, 'position': Position(50, 25, 0, 2, 10).as_dict()}
        assert self.create(opt)[3] == 29

    @pytest.mark.parametrize('total', [1, 9, 10, 11, 20, 35])
    @pytest.mark.parametrize(
        ('iteration', 'epoch', 'batch'), [(0, 0, 0), (3, 0, 3), (10, 1, 0), (10, 0, 10), (8, 2, 5)]
    )
    def test_no_epoch_begins_after_the_end(self, total: int, iteration: int, epoch: int, batch: int) -> None:
        """From the position's epoch to the last one, as BasicSR's loop; an epoch has ten batches."""
        epochs = range(epoch, last_epoch(Position(iteration, epoch, batch, 10, 2), total) + 1)
        batches = [10 - batch if number == epoch else 10 for number in epochs]
        assert sum(batches) >= total - iteration
        assert sum(batches[:-1]) < max(total - iteration, 1)  # 1: of an epoch that was saved at its end nothing is left

    @pytest.mark.parametrize(('share', 'most'), [(0.4, 4), (0.35, 3), (0.0, 0), (1.0, 10), (None, 0)])
    def test_unreadable_images(self, share: Optional[float], most: int, opt: dict[str, Any], tmp_path: Path) -> None:
        if share is not None:
            opt['datasets']['train']['max_unreadable_share'] = share
        dataset = self.create(opt)[0].dataset
        for number in range(most):
            dataset.log.add(f'{number}.png', 'cut off')
        with pytest.raises(TooManyUnreadableError, match=f'allows for {most}'):
            dataset.log.add('last.png', 'cut off')
        assert (tmp_path / 'unreadable_images.log').read_text().count('\n') == most + 1

    def test_share_that_has_no_exact_number(
        self, opt: dict[str, Any], image_folder: Callable[..., Path], tmp_path: Path
    ) -> None:
        opt['datasets']['train'].update(dataroot_gt=str(image_folder(100, 32, name='many')), max_unreadable_share=0.29)
        assert self.create(opt)[0].dataset.log._most == 29

    def test_a_bad_image_is_passed_over(self, opt: dict[str, Any], tmp_path: Path) -> None:
        opt['datasets']['train'].update(max_unreadable_share=0.2)
        (bad,) = Path(opt['datasets']['train']['dataroot_gt']).glob('003.png')
        bad.write_bytes(bad.read_bytes()[:200])
        assert len(self.batches(opt, 0)) == 10
        (line,) = (tmp_path / 'unreadable_images.log').read_text().splitlines()
        assert line.startswith(f'{bad}\t')


class TestAgreement:
    def test_without_a_group_nobody_is_asked(self) -> None:
        opt = {'manual_seed': 5}
        pipeline._agree_on_seed(opt)
        assert opt == {'manual_seed': 5}
        assert pipeline._found_by_the_first(lambda given: Path('x') if given is opt else None, opt) == Path('x')


class TestTensorBoard:
    def test_is_closed_at_exit(self, monkeypatch: pytest.MonkeyPatch) -> None:
        at_exit: list[Any] = []
        monkeypatch.setattr(pipeline.atexit, 'register', at_exit.append)

        class Writer:
            def close(self) -> None:
                pass

        writer = Writer()
        assert pipeline.closed_at_exit(lambda opt: opt['writer'])({'writer': writer}) is writer
        assert at_exit == [writer.close]

    def test_none_is_wanted(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(pipeline.atexit, 'register', lambda call: pytest.fail('nothing to close'))
        assert pipeline.closed_at_exit(lambda opt: None)({}) is None


class TestOptions:
    def test_no_problem(self) -> None:
        check_options({})

    def test_all_are_listed(self, problems: list[str]) -> None:
        problems += ['a: one', 'b: two']
        with pytest.raises(OptionsError) as raised:
            check_options({})
        assert str(raised.value) == '2 problems in the options:\n  a: one\n  b: two'

    def test_one_is_a_problem(self) -> None:
        assert problems_text(['a: one']) == 'a problem in the options:\n  a: one'

    def test_a_test_is_checked_before_anything_is_written(self, problems: list[str], tmp_path: Path) -> None:
        opt = {'path': {'results_root': str(tmp_path / 'results')}, 'is_train': False}
        problems.append('a: one')
        with pytest.raises(OptionsError):
            basicsr.test.make_exp_dirs(copy.deepcopy(opt))
        assert list(tmp_path.iterdir()) == []
        problems.clear()
        basicsr.test.make_exp_dirs(opt)
        assert (tmp_path / 'results').is_dir()
