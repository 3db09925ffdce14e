"""Checkpoints of a model: saved whole, kept few, saved when a signal asks to stop, and resumed without a trace."""

from __future__ import annotations

import copy
import math
import os
import signal
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from basicsr.models import build_model
from torch import Tensor, nn
from torch.utils.data import DataLoader

from hcl_arch.models import HCLModel
from hcl_arch.training import resumed_schedule
from hcl_arch.training.checkpoints import CheckpointError, damage_of, digest_of
from hcl_arch.training.data_order import Position
from hcl_arch.training.interruption import interruption
from hcl_arch.training.step_watch import NonFiniteError

BATCHES_PER_EPOCH = 3
AT_START = Position(0, 0, 0, BATCHES_PER_EPOCH, 2).as_dict()


@pytest.fixture(autouse=True)
def _signals_as_before() -> Iterator[None]:
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    yield
    interruption.remove()
    interruption.signal = 0
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == before


@pytest.fixture
def in_pipeline(options: dict[str, Any], tmp_path: Path) -> dict[str, Any]:
    """The tiny training as a pipeline runs it, at its start."""
    for name in ('models', 'states'):
        (tmp_path / name).mkdir()
    options['path']['log'] = str(tmp_path)
    options.update(manual_seed=7, position=AT_START, logger={'save_checkpoint_freq': 1})
    return options


def build(options: dict[str, Any]) -> HCLModel:
    """The model; of equal options it starts with equal parameters."""
    torch.manual_seed(3)
    return build_model(copy.deepcopy(options))


def resumed(options: dict[str, Any], iteration: int) -> HCLModel:
    """The model of a new process that goes on from a checkpoint."""
    options = copy.deepcopy(options)
    models = options['path']['models']
    options['path'].update({f'pretrain_network_{label}': f'{models}/net_{label}_{iteration}.pth' for label in 'gd'})
    state = load_state(options, iteration)
    options['position'] = state['position']
    model = build_model(options)
    model.resume_training(state)
    return model


def load_state(options: dict[str, Any], iteration: int) -> dict[str, Any]:
    return torch.load(f'{options["path"]["training_states"]}/{iteration}.state', weights_only=True)


def train(model: HCLModel, batch: dict[str, Any], *iterations: int) -> None:
    for iteration in iterations:
        model.update_learning_rate(iteration)
        model.feed_data({**batch, 'lq': batch['lq'] * (0.5 + 0.1 * iteration)})
        model.optimize_parameters(iteration)


def everything_of(model: HCLModel) -> dict[str, Any]:
    nets = {name: getattr(model, name).state_dict() for name in ('net_g', 'net_d', 'net_g_ema') if hasattr(model, name)}
    return copy.deepcopy({
        **nets,
        'optimizers': [optimizer.state_dict() for optimizer in model.optimizers],
        'schedulers': [scheduler.state_dict() for scheduler in model.schedulers],
        'scalers': [step.state_dict() for step in model._gradient_steps],
    })  # fmt: skip


def assert_same(first: Any, second: Any) -> None:
    torch.testing.assert_close(first, second, atol=0, rtol=0)


def files_of(options: dict[str, Any]) -> set[str]:
    return {path.name for name in ('models', 'training_states') for path in Path(options['path'][name]).iterdir()}


def checkpoint(iteration: int) -> set[str]:
    return {f'{iteration}.state', f'net_g_{iteration}.pth', f'net_d_{iteration}.pth'}


def network_times(options: dict[str, Any]) -> dict[str, tuple[int, int]]:
    """When each network's file was written, and as which file."""
    stats = {path.name: path.stat() for path in Path(options['path']['models']).iterdir()}
    return {name: (stat.st_mtime_ns, stat.st_ino) for name, stat in stats.items()}


class TestSaving:
    def test_a_resumed_training_leaves_no_trace(self, in_pipeline: dict[str, Any], batch: dict[str, Any]) -> None:
        in_pipeline['train'].update(ema_decay=0.9, phase1_iter=3)
        in_pipeline['train']['scheduler'] = {'type': 'MultiStepLR', 'milestones': [2, 3], 'gamma': 0.5}
        model = build(in_pipeline)
        train(model, batch, 1, 2)
        model.save(0, 2)
        train(model, batch, 3, 4)
        torch.manual_seed(55)
        again = resumed(in_pipeline, 2)
        train(again, batch, 3, 4)
        assert_same(everything_of(again), everything_of(model))
        assert again.get_current_log() == model.get_current_log()

    def test_files_and_their_order(self, in_pipeline: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
        written: list[str] = []
        replace = os.replace
        monkeypatch.setattr(os, 'replace', lambda old, new: (written.append(Path(new).name), replace(old, new)))
        build(in_pipeline).save(0, 2)
        assert set(written) == checkpoint(2) == files_of(in_pipeline)
        assert written[-1] == '2.state'

    def test_networks_are_as_basicsrs(self, in_pipeline: dict[str, Any]) -> None:
        in_pipeline['train']['ema_decay'] = 0.9
        model = build(in_pipeline)
        model.save(0, 2)
        path = Path(in_pipeline['path']['models']) / 'net_g_2.pth'
        saved = torch.load(path, weights_only=True)
        assert list(saved) == ['params', 'params_ema']
        assert_same(saved['params'], dict(model.net_g.state_dict()))
        assert damage_of(path) == ''

    @pytest.mark.parametrize(('iteration', 'epoch', 'batches'), [(2, 0, 2), (3, 1, 0), (7, 2, 1)])
    def test_state(self, iteration: int, epoch: int, batches: int, in_pipeline: dict[str, Any]) -> None:
        build(in_pipeline).save(iteration // 4, iteration)  # BasicSR counts the last batch to the old epoch
        state = load_state(in_pipeline, iteration)
        assert (state['iter'], state['epoch']) == (iteration, epoch)
        assert state['position'] == Position(iteration, epoch, batches, BATCHES_PER_EPOCH, 2).as_dict()
        assert state['manual_seed'] == 7

    def test_state_knows_its_networks(self, in_pipeline: dict[str, Any]) -> None:
        model = build(in_pipeline)
        for iteration in (2, 12):
            model.save(0, iteration)
            digests = load_state(in_pipeline, iteration)['networks']
            assert digests == {
                name: digest_of(Path(in_pipeline['path']['models']) / name)
                for name in (f'net_g_{iteration}.pth', f'net_d_{iteration}.pth')
            }

    def test_outside_of_a_pipeline(self, in_pipeline: dict[str, Any]) -> None:
        before = signal.getsignal(signal.SIGTERM)
        in_pipeline['position'] = None
        in_pipeline['logger']['keep_checkpoints'] = 1
        model = build(in_pipeline)
        assert signal.getsignal(signal.SIGTERM) is before
        model.update_learning_rate(1)
        model.save(4, 10)
        model.save(4, 11)
        state = load_state(in_pipeline, 10)
        assert state['epoch'] == 4
        assert 'position' not in state
        assert files_of(in_pipeline) == checkpoint(10) | checkpoint(11)

    def test_the_end(self, in_pipeline: dict[str, Any]) -> None:
        model = build(in_pipeline)
        installed = signal.getsignal(signal.SIGTERM)
        model.save(-1, -1)
        assert files_of(in_pipeline) == {'net_g_latest.pth', 'net_d_latest.pth'}
        assert signal.getsignal(signal.SIGTERM) is not installed

    def test_a_full_disk_ends_the_training(self, in_pipeline: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
        in_pipeline['logger']['keep_checkpoints'] = 1
        model = build(in_pipeline)
        model.save(0, 1)
        saved = torch.save

        def save(content: dict[str, Any], file: Any) -> None:
            if 'iter' in content:
                raise RuntimeError('PytorchStreamWriter failed writing file data/1')
            saved(content, file)

        monkeypatch.setattr(torch, 'save', save)
        with pytest.raises(CheckpointError, match=r'states/2.state: the checkpoint cannot be written'):
            model.save(0, 2)
        assert files_of(in_pipeline) == checkpoint(1) | checkpoint(2) - {'2.state'}
        assert all(damage_of(path) == '' for path in Path(in_pipeline['path']['models']).iterdir())

    def test_remains_of_a_killed_run(self, in_pipeline: dict[str, Any]) -> None:
        for name, file in (('training_states', '5.state.partial'), ('models', 'net_g_5.pth.partial')):
            (Path(in_pipeline['path'][name]) / file).touch()
        build(in_pipeline)
        assert files_of(in_pipeline) == set()


class TestScaler:
    def test_round_trip(self, in_pipeline: dict[str, Any]) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            model = build({**in_pipeline, 'precision': 'fp16'})
            scaler = model._step_g.scaler
            assert scaler is not None
            scaler.load_state_dict({**scaler.state_dict(), 'scale': 512.0, '_growth_tracker': 17})
            model.save(0, 2)
            again = resumed({**in_pipeline, 'precision': 'fp16'}, 2)
        assert again._step_g.state_dict() == scaler.state_dict()
        assert again._step_g.state_dict()['scale'] == 512.0
        assert again._step_d.state_dict() == {}

    def test_another_precision_than_before(self, in_pipeline: dict[str, Any]) -> None:
        build(in_pipeline).save(0, 2)
        again = resumed({**in_pipeline, 'precision': 'fp16'}, 2)
        assert again._step_g.state_dict()['scale'] == 2.0**16


class TestBestResults:
    @pytest.fixture
    def validated(self, in_pipeline: dict[str, Any], dataset: Any) -> HCLModel:
        in_pipeline['val']['metrics'] = {'psnr': {'type': 'calculate_psnr', 'crop_border': 0}}
        model = build(in_pipeline)
        model.validation(DataLoader(dataset, batch_size=2), 1, None, False)
        return model

    def test_can_be_loaded_without_running_code(self, validated: HCLModel, in_pipeline: dict[str, Any]) -> None:
        # As metrics of NumPy give them.
        validated.best_metric_results['five']['psnr']['val'] = torch.tensor(12.5).numpy()[()]
        validated.save(0, 2)
        assert load_state(in_pipeline, 2)['best_metric_results'] == {
            'five': {'psnr': {'better': 'higher', 'val': 12.5, 'iter': 1}}
        }

    def test_are_remembered(self, validated: HCLModel, in_pipeline: dict[str, Any], dataset: Any) -> None:
        validated.best_metric_results['five']['psnr'].update(val=99.0, iter=1)
        validated.save(0, 2)
        again = resumed(in_pipeline, 2)
        again.validation(DataLoader(dataset, batch_size=2), 4, None, False)
        assert again.best_metric_results['five']['psnr'] == {'better': 'higher', 'val': 99.0, 'iter': 1}

    def test_none_yet(self, in_pipeline: dict[str, Any]) -> None:
        build(in_pipeline).save(0, 2)
        assert load_state(in_pipeline, 2)['best_metric_results'] == {}
        assert not hasattr(resumed(in_pipeline, 2), 'best_metric_results')

    def test_another_metric_than_before(self, validated: HCLModel, in_pipeline: dict[str, Any], dataset: Any) -> None:
        validated.save(0, 2)
        in_pipeline['val']['metrics']['accuracy'] = {'type': 'calculate_mask_accuracy'}
        again = resumed(in_pipeline, 2)
        again.validation(DataLoader(dataset, batch_size=2), 4, None, False)
        assert again.best_metric_results['five']['accuracy']['iter'] == 4

    def test_of_a_validation_after_the_checkpoint(
        self, validated: HCLModel, in_pipeline: dict[str, Any], dataset: Any
    ) -> None:
        """`save_checkpoint_freq` and `val_freq` are equal as a rule."""
        validated.save(0, 2)
        validated.best_metric_results['five']['psnr']['val'] = 0.0
        validated.validation(DataLoader(dataset, batch_size=2), 2, None, False)
        interruption.signal = signal.SIGTERM
        with pytest.raises(SystemExit):
            validated.update_learning_rate(3)
        assert load_state(in_pipeline, 2)['best_metric_results']['five']['psnr']['iter'] == 2

    def test_of_a_validation_right_after_the_checkpoint_are_saved_with_it(
        self, validated: HCLModel, in_pipeline: dict[str, Any], dataset: Any
    ) -> None:
        """A crash after it loses them no more; the networks are not written again."""
        validated.save(0, 2)
        before, files = load_state(in_pipeline, 2), network_times(in_pipeline)
        validated.best_metric_results['five']['psnr']['val'] = 0.0
        validated.validation(DataLoader(dataset, batch_size=2), 2, None, False)
        state = load_state(in_pipeline, 2)
        best = validated.best_metric_results['five']['psnr']
        assert state['best_metric_results'] == {'five': {'psnr': {**best, 'val': float(best['val'])}}}
        assert best['iter'] == 2
        for texts in ('networks', 'weight_gradients'):
            assert state.pop(texts) == before.pop(texts)
        assert_same({**state, 'best_metric_results': 0}, {**before, 'best_metric_results': 0})
        assert network_times(in_pipeline) == files

    def test_of_a_validation_at_another_iteration_change_no_checkpoint(
        self, validated: HCLModel, in_pipeline: dict[str, Any], dataset: Any
    ) -> None:
        validated.save(0, 2)
        before = load_state(in_pipeline, 2)['best_metric_results']
        validated.best_metric_results['five']['psnr']['val'] = 0.0
        validated.validation(DataLoader(dataset, batch_size=2), 3, None, False)
        assert validated.best_metric_results['five']['psnr']['iter'] == 3
        assert load_state(in_pipeline, 2)['best_metric_results'] == before
        assert files_of(in_pipeline) == checkpoint(2)


class TestKeepCheckpoints:
    def test_two(self, in_pipeline: dict[str, Any]) -> None:
        in_pipeline['logger']['keep_checkpoints'] = 2
        model = build(in_pipeline)
        for iteration in (9, 10, 11, 12):
            model.save(0, iteration)
        model.save(-1, -1)
        assert files_of(in_pipeline) == checkpoint(11) | checkpoint(12) | {'net_g_latest.pth', 'net_d_latest.pth'}

    @pytest.mark.parametrize('logger', [{}, {'keep_checkpoints': None}, None])
    def test_all_if_nothing_is_said(self, logger: Any, in_pipeline: dict[str, Any]) -> None:
        in_pipeline['logger'] = logger
        model = build(in_pipeline)
        for iteration in (9, 10):
            model.save(0, iteration)
        assert files_of(in_pipeline) == checkpoint(9) | checkpoint(10)

    def test_later_ones_of_a_run_that_went_back(self, in_pipeline: dict[str, Any]) -> None:
        in_pipeline['logger']['keep_checkpoints'] = 1
        build({**in_pipeline, 'logger': {}}).save(0, 50)
        model = build(in_pipeline)
        model.save(0, 9)
        model.save(0, 10)
        assert files_of(in_pipeline) == checkpoint(10) | checkpoint(50)


class TestStopping:
    @pytest.mark.parametrize(('number', 'code'), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
    def test_saves_and_exits(self, number: int, code: int, in_pipeline: dict[str, Any], batch: dict[str, Any]) -> None:
        model = build(in_pipeline)
        train(model, batch, 1, 2)
        before = everything_of(model)
        os.kill(os.getpid(), number)
        with pytest.raises(SystemExit) as raised:
            model.update_learning_rate(3)
        assert raised.value.code == code
        assert files_of(in_pipeline) == checkpoint(2)
        # The learning rate of the iteration that is not made has not been set.
        state = load_state(in_pipeline, 2)
        assert_same([state['optimizers'], state['schedulers']], [before['optimizers'], before['schedulers']])
        assert (state['iter'], state['epoch'], state['position']['batch']) == (2, 0, 2)

    def test_a_checkpoint_just_saved_will_do(
        self, in_pipeline: dict[str, Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        model = build(in_pipeline)
        model.save(0, 2)
        monkeypatch.setattr(model, 'save', lambda *args: pytest.fail('saved twice'))
        interruption.signal = signal.SIGTERM
        with pytest.raises(SystemExit):
            model.update_learning_rate(3)

    def test_nothing_to_save_before_the_first_iteration(self, in_pipeline: dict[str, Any]) -> None:
        model = build(in_pipeline)
        interruption.signal = signal.SIGTERM
        with pytest.raises(SystemExit):
            model.update_learning_rate(1)
        assert files_of(in_pipeline) == set()

    def test_old_checkpoints_are_removed_here_too(self, in_pipeline: dict[str, Any]) -> None:
        in_pipeline['logger']['keep_checkpoints'] = 1
        model = build(in_pipeline)
        model.save(0, 1)
        interruption.signal = signal.SIGTERM
        with pytest.raises(SystemExit):
            model.update_learning_rate(3)
        assert files_of(in_pipeline) == checkpoint(2)

    def test_without_a_signal_it_goes_on(self, in_pipeline: dict[str, Any]) -> None:
        model = build(in_pipeline)
        model.update_learning_rate(1)
        assert files_of(in_pipeline) == set()

    def test_a_signal_before_the_model_is_built_is_not_its_business(self, in_pipeline: dict[str, Any]) -> None:
        interruption.signal = signal.SIGTERM  # of an earlier training in this process
        build(in_pipeline).update_learning_rate(1)

    def test_signals_work_again_after_stopping(self, in_pipeline: dict[str, Any]) -> None:
        before = signal.getsignal(signal.SIGINT)
        model = build(in_pipeline)
        interruption.signal = signal.SIGINT
        with pytest.raises(SystemExit):
            model.update_learning_rate(1)
        assert signal.getsignal(signal.SIGINT) is before

    @pytest.mark.parametrize(('number', 'code'), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
    def test_in_the_last_iteration(
        self, number: int, code: int, in_pipeline: dict[str, Any], batch: dict[str, Any]
    ) -> None:
        model = build(in_pipeline)
        train(model, batch, 1, 2)
        os.kill(os.getpid(), number)
        with pytest.raises(SystemExit) as raised:
            model.save(-1, -1)
        assert raised.value.code == code
        assert files_of(in_pipeline) == checkpoint(2) | {'net_g_latest.pth', 'net_d_latest.pth'}
        assert load_state(in_pipeline, 2)['iter'] == 2
        assert all(damage_of(path) == '' for path in Path(in_pipeline['path']['models']).iterdir())

    def test_in_the_last_iteration_of_a_run_that_began_there(self, in_pipeline: dict[str, Any]) -> None:
        """A resumed run that had nothing left to do: its checkpoint is there."""
        build(in_pipeline).save(1, 4)
        before = network_times(in_pipeline)
        model = resumed(in_pipeline, 4)
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(SystemExit):
            model.save(-1, -1)
        assert load_state(in_pipeline, 4)['position'] == Position(4, 1, 1, BATCHES_PER_EPOCH, 2).as_dict()
        assert files_of(in_pipeline) == checkpoint(4) | {'net_g_latest.pth', 'net_d_latest.pth'}
        assert before.keys() < network_times(in_pipeline).keys()

    def test_after_the_end_signals_are_not_noted(self, in_pipeline: dict[str, Any]) -> None:
        came: list[int] = []
        previous = signal.signal(signal.SIGTERM, lambda number, frame: came.append(number))
        try:
            build(in_pipeline).save(-1, -1)
            os.kill(os.getpid(), signal.SIGTERM)
        finally:
            signal.signal(signal.SIGTERM, previous)
        assert came == [signal.SIGTERM]
        assert interruption.signal == 0


class TestStoppingInValidation:
    """Nobody says how long a scheduler waits before it ends the program for good."""

    @staticmethod
    def validate(model: HCLModel, dataset: Any, iteration: int) -> None:
        model.validation(DataLoader(dataset, batch_size=2), iteration, None, False)

    def test_saves_at_once_and_goes_on(self, in_pipeline: dict[str, Any], dataset: Any) -> None:
        model = build(in_pipeline)
        interruption.signal = signal.SIGTERM
        self.validate(model, dataset, 2)
        assert files_of(in_pipeline) == checkpoint(2)
        assert model.best_metric_results['five']['psnr']['iter'] == 2

    def test_once_is_enough(self, in_pipeline: dict[str, Any], dataset: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        model, saved = build(in_pipeline), []
        save = model.save
        monkeypatch.setattr(model, 'save', lambda *args: (saved.append(args[1]), save(*args)))
        interruption.signal = signal.SIGTERM
        self.validate(model, dataset, 2)
        assert saved == [2]

    def test_without_a_signal_nothing_is_saved(self, in_pipeline: dict[str, Any], dataset: Any) -> None:
        self.validate(build(in_pipeline), dataset, 2)
        assert files_of(in_pipeline) == set()

    def test_after_the_end_nothing_is_saved(self, in_pipeline: dict[str, Any], dataset: Any) -> None:
        model = build(in_pipeline)
        model.save(-1, -1)
        before = files_of(in_pipeline)
        self.validate(model, dataset, 5)  # BasicSR's number after 4 iterations
        assert files_of(in_pipeline) == before


class TestLoadingNetworks:
    """Whatever is wrong with a file of weights, the error names it."""

    @pytest.fixture
    def file(self, options: dict[str, Any], tmp_path: Path) -> Path:
        path = tmp_path / 'weights.pth'
        options['path']['pretrain_network_g'] = str(path)
        torch.save({'params': build({**options, 'path': {**options['path'], 'pretrain_network_g': None}})
                   .net_g.state_dict()}, path)  # fmt: skip
        return path

    def test_whole(self, file: Path, options: dict[str, Any]) -> None:
        torch.manual_seed(99)
        model = build_model(options)
        assert_same(dict(model.net_g.state_dict()), dict(torch.load(file, weights_only=True)['params']))

    def test_missing(self, file: Path, options: dict[str, Any]) -> None:
        file.unlink()
        with pytest.raises(CheckpointError, match=f'{file} is missing'):
            build(options)

    def test_damaged(self, file: Path, options: dict[str, Any]) -> None:
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 1
        file.write_bytes(content)
        with pytest.raises(CheckpointError, match=f'{file} is damaged'):
            build(options)

    @pytest.mark.parametrize(
        'content',
        [
            {'params': {'w': torch.ones(2)}},
            {'params': {}},
            {'state_dict': {}},
            {'params': [1, 2]},
            torch.ones(3),
            [1, 2],
            'text',
        ],
    )
    def test_foreign(self, content: Any, file: Path, options: dict[str, Any]) -> None:
        torch.save(content, file)
        with pytest.raises(CheckpointError, match=f'{file}: cannot be loaded into HCLNet: ..*'):
            build(options)

    def test_other_sizes(self, file: Path, options: dict[str, Any]) -> None:
        options['network_g']['dim'] = 16
        with pytest.raises(
            CheckpointError, match=rf'{file}: cannot be loaded into HCLNet: .*: \(8, .*\) in the file, \(16, .*\) here'
        ):
            build(options)

    @pytest.mark.parametrize('new_format', [True, False])
    def test_code_is_not_run(self, new_format: bool, file: Path, options: dict[str, Any]) -> None:
        ran = file.with_name('ran')
        torch.save({'params': RunsCode(ran)}, file, _use_new_zipfile_serialization=new_format)
        with pytest.raises(CheckpointError, match=str(file)):
            build(options)
        assert not ran.exists()

    def test_discriminator(self, file: Path, options: dict[str, Any]) -> None:
        options['path'].update(pretrain_network_g=None, pretrain_network_d=str(file))
        with pytest.raises(CheckpointError, match=f'{file}: cannot be loaded into HCLPatchDiscriminator: '):
            build(options)


class RunsCode:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.folder),)


class TestStepsThatAreNotFinite:
    """In a pipeline; what a step does is tested in test_training_step.py."""

    @pytest.fixture
    def bad(self, batch: dict[str, Any]) -> dict[str, Any]:
        lq = batch['lq'].clone()
        lq[1, 2, 20, 20] = float('nan')
        return {**batch, 'lq': lq}

    def test_too_many_end_with_a_good_checkpoint(
        self, in_pipeline: dict[str, Any], batch: dict[str, Any], bad: dict[str, Any], tmp_path: Path
    ) -> None:
        in_pipeline['train']['max_skipped_steps'] = 2
        model = build(in_pipeline)
        train(model, batch, 1)
        before = everything_of(model)
        train(model, bad, 2)
        with pytest.raises(NonFiniteError, match=r'2 steps in a row .*iteration 3.*b\.png'):
            train(model, bad, 3)
        assert (tmp_path / 'skipped_steps.log').read_text().count('a.png, b.png') == 2
        assert files_of(in_pipeline) == checkpoint(3)
        again = resumed(in_pipeline, 3)
        for name in ('net_d', 'net_g'):  # all but the buffers of the spectral normalization
            saved = parameters(getattr(again, name))
            assert_same(saved, {key: before[name][key] for key in saved})
        assert_same(everything_of(again)['optimizers'], before['optimizers'])
        train(again, batch, 4)
        assert not equal(parameters(again.net_g), before['net_g'])

    def test_a_good_step_between_starts_the_count_anew(
        self, in_pipeline: dict[str, Any], batch: dict[str, Any], bad: dict[str, Any]
    ) -> None:
        in_pipeline['train']['max_skipped_steps'] = 2
        model = build(in_pipeline)
        for iteration, given in enumerate([bad, batch, bad, batch], start=1):
            train(model, given, iteration)
        assert files_of(in_pipeline) == set()

    def test_how_many_is_saved_and_goes_on(
        self, in_pipeline: dict[str, Any], batch: dict[str, Any], bad: dict[str, Any]
    ) -> None:
        in_pipeline['train']['max_skipped_steps'] = 3
        in_pipeline['logger']['keep_checkpoints'] = 1
        model = build(in_pipeline)
        for iteration, given in enumerate([batch, bad, bad], start=1):
            train(model, given, iteration)
            model.save(0, iteration)
            assert load_state(in_pipeline, iteration)['steps_left_out'] == iteration - 1
        # An older one is kept, from which the training may be able to go on.
        assert files_of(in_pipeline) == checkpoint(1) | checkpoint(2) | checkpoint(3)
        again = resumed(in_pipeline, 3)
        with pytest.raises(NonFiniteError, match='3 steps in a row'):
            train(again, bad, 4)
        state = load_state(in_pipeline, 4)
        assert (state['iter'], state['steps_left_out']) == (4, 3)
        train(resumed(in_pipeline, 4), bad, 5)  # who names it wants to go on


class TestResumedSchedule:
    """Edited learning rates and schedules are named, or taken."""

    @pytest.fixture
    def warnings_of_log(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        lines: list[str] = []
        log = SimpleNamespace(warning=lines.append, info=lambda text: None)
        monkeypatch.setattr(resumed_schedule, 'get_root_logger', lambda: log)
        return lines

    @pytest.fixture
    def saved(self, in_pipeline: dict[str, Any], batch: dict[str, Any], warnings_of_log: list[str]) -> dict[str, Any]:
        """Options of a training of ten iterations, saved after the fourth."""
        in_pipeline['train'].update(
            total_iter=10, scheduler={'type': 'MultiStepLR', 'milestones': [2, 6], 'gamma': 0.5}
        )
        model = build(in_pipeline)
        train(model, batch, 1, 2, 3, 4)
        model.save(0, 4)
        return in_pipeline

    @staticmethod
    def rates(model: HCLModel) -> list[float]:
        return [group['lr'] for optimizer in model.optimizers for group in optimizer.param_groups]

    def test_unedited(self, saved: dict[str, Any], batch: dict[str, Any], warnings_of_log: list[str]) -> None:
        plain, reset = resumed(saved, 4), resumed({**saved, 'reset_schedule': True}, 4)
        for model in (plain, reset):
            train(model, batch, 5, 6, 7, 8)
        assert_same(everything_of(reset), everything_of(plain))
        assert self.rates(reset)[0] == 1e-3 / 4
        assert warnings_of_log == []

    def test_edited(self, saved: dict[str, Any], batch: dict[str, Any], warnings_of_log: list[str]) -> None:
        before = self.rates(resumed(saved, 4))
        saved['train']['optim_g'].update(lr=1e-4, betas=[0.5, 0.9])
        saved['train']['scheduler'].update(milestones=[1, 2], gamma=0.1)
        assert self.rates(resumed(saved, 4)) == before
        how = (
            "; `hcl-train --reset_schedule` takes the file's (`reset_schedule: true` in the option file does the same)."
        )
        assert warnings_of_log == [
            f"train: optim_g: betas: the state's [0.9, 0.999] goes on, not the file's [0.5, 0.9]{how}",
            f"train: optim_g: lr: the state's 0.001 goes on, not the file's 0.0001{how}",
            f"train: scheduler: milestones: the state's [2, 6] goes on, not the file's [1, 2]{how}",
            f"train: scheduler: gamma: the state's 0.5 goes on, not the file's 0.1{how}",
        ]

    def test_reset(self, saved: dict[str, Any], batch: dict[str, Any], warnings_of_log: list[str]) -> None:
        saved['train']['optim_g'].update(lr=1e-4, betas=[0.5, 0.9])
        saved['train']['scheduler'].update(milestones=[1, 2], gamma=0.1)
        saved['reset_schedule'] = True
        model = resumed(saved, 4)
        assert self.rates(model) == pytest.approx([1e-6, 1e-6, 1e-7, 1e-6, 1e-6])
        assert model.optimizer_g.param_groups[0]['betas'] == (0.5, 0.9)
        assert int(model.optimizer_g.state_dict()['state'][0]['step']) == 4
        assert "train: optim_g: lr: the file's 0.0001 holds, no longer the state's 0.001." in warnings_of_log
        train(model, batch, 5, 6, 7)
        assert self.rates(model)[0] == pytest.approx(1e-6)
        model.save(0, 7)
        del warnings_of_log[:], saved['reset_schedule']
        assert self.rates(resumed(saved, 7)) == self.rates(model)
        assert warnings_of_log == []

    def test_warm_up_as_if_it_had_been_there(self, saved: dict[str, Any], batch: dict[str, Any]) -> None:
        saved['train']['warmup_iter'] = 10
        model = resumed({**saved, 'reset_schedule': True}, 4)
        assert self.rates(model)[0] == 1e-3 / 10 * 4

    def test_another_scheduler(self, saved: dict[str, Any], warnings_of_log: list[str]) -> None:
        saved['train']['scheduler'] = {
            'type': 'CosineAnnealingRestartLR', 'periods': [10], 'restart_weights': [1], 'eta_min': 0,
        }  # fmt: skip
        with pytest.raises(
            CheckpointError, match='of the state has milestones, gamma, .* of the option file periods, '
        ):
            resumed(saved, 4)
        model = resumed({**saved, 'reset_schedule': True}, 4)
        assert self.rates(model)[0] == pytest.approx(1e-3 * 0.5 * (1 + math.cos(math.pi * 0.3)))
        assert len(warnings_of_log) == 1

    def test_periods_that_are_used_up(self, saved: dict[str, Any], batch: dict[str, Any]) -> None:
        """BasicSR would break off with a TypeError after them."""
        cosine = {'type': 'CosineAnnealingRestartLR', 'periods': [10], 'restart_weights': [1], 'eta_min': 0}
        saved['train']['scheduler'] = cosine
        model = build(saved)
        train(model, batch, *range(1, 5))
        model.save(0, 4)
        saved['train'].update(total_iter=20, scheduler={**cosine, 'periods': [10, 10], 'restart_weights': [1, 1]})
        with pytest.raises(CheckpointError, match=r'`train: scheduler: periods` of the state, \[10\], end before'):
            resumed(saved, 4)
        model = resumed({**saved, 'reset_schedule': True}, 4)
        train(model, batch, *range(5, 15))
        assert self.rates(model)[0] == pytest.approx(1e-3 * 0.5 * (1 + math.cos(math.pi * 0.3)))


class TestTheEnd:
    """BasicSR saves networks without a state, and has counted one iteration too many."""

    def test_the_last_iteration_has_a_checkpoint(self, in_pipeline: dict[str, Any], batch: dict[str, Any]) -> None:
        model = build(in_pipeline)
        train(model, batch, 1, 2)
        model.save(0, 2)
        train(model, batch, 3)
        model.save(-1, -1)
        latest = {'net_g_latest.pth', 'net_d_latest.pth'}
        assert files_of(in_pipeline) == checkpoint(2) | checkpoint(3) | latest
        again = resumed(in_pipeline, 3)
        assert_same(everything_of(again), everything_of(model))
        before = network_times(in_pipeline)
        again.save(-1, -1)  # a run that had ended, and is resumed to the same end
        assert all(network_times(in_pipeline)[name] == before[name] for name in before if name not in latest)

    def test_scores_are_those_of_the_last_iteration(
        self, in_pipeline: dict[str, Any], batch: dict[str, Any], dataset: Any
    ) -> None:
        in_pipeline['val']['metrics'] = {'psnr': {'type': 'calculate_psnr', 'crop_border': 0}}
        model = build(in_pipeline)
        train(model, batch, 1, 2)
        model.save(-1, -1)
        model.validation(DataLoader(dataset, batch_size=2), 3, None, False)
        assert model.best_metric_results['five']['psnr']['iter'] == 2
        state = load_state(in_pipeline, 2)
        assert state['best_metric_results'] == model.best_metric_results
        assert state['networks'].keys() == {'net_g_2.pth', 'net_d_2.pth'}


def parameters(net: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in net.named_parameters()}


def equal(first: dict[str, Tensor], second: dict[str, Tensor]) -> bool:
    return all(torch.equal(value, second[name]) for name, value in first.items())
